"""How answers compare with labels: accuracy, precision and recall of each label, macro F1, confusion matrix."""

from collections.abc import Sequence

from models.evaluation.intervals import share
from models.evaluation.scores import LabelScore, Scores


def compute_scores(labels: Sequence[str], truths: Sequence[str], answers: Sequence[str | None]) -> Scores:
    """Score the answers to records whose labels are `truths`; both in the order of the records.

    None, or what is none of `labels`, is no valid answer and so wrong: it lowers its label's recall and no
    label's precision. F1 is 2 x right / (records that have the label + answers that gave it); of a label that no
    record has and no answer gave it is 0. Raises `ValueError` for a truth that is none of `labels`.
    """
    place = {label: at for at, label in enumerate(labels)}
    if unknown := sorted(set(truths) - place.keys()):
        msg = f"not among the labels {', '.join(labels)}: {', '.join(unknown)}"
        raise ValueError(msg)
    nowhere = len(labels)
    expected = [place[truth] for truth in truths]
    given = [nowhere if answer is None else place.get(answer, nowhere) for answer in answers]
    rows = [[0] * (nowhere + 1) for _ in labels]
    for row, column in zip(expected, given, strict=True):
        rows[row][column] += 1
    by_label = tuple(_of_label(label, at, rows) for at, label in enumerate(labels))
    occurring = [one.f1 for one in by_label if one.recall.of]
    return Scores(
        accuracy=share(sum(rows[at][at] for at in place.values()), len(expected)),
        macro_f1=sum(occurring) / len(occurring) if occurring else 0.0,
        labels=by_label,
        confusion=tuple(tuple(row) for row in rows),
    )


def _of_label(label: str, at: int, rows: Sequence[Sequence[int]]) -> LabelScore:
    right, gave, have = rows[at][at], sum(row[at] for row in rows), sum(rows[at])
    f1 = 2 * right / (gave + have) if gave + have else 0.0
    return LabelScore(label, share(right, gave), share(right, have), f1)
