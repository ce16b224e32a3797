"""How answers compare with labels: accuracy, precision and recall of each label, macro F1, confusion matrix."""

from collections.abc import Sequence

from models.evaluation.figures import LabelScore, Scores
from models.evaluation.intervals import share


def scores(labels: Sequence[str], truths: Sequence[str], answers: Sequence[str | None]) -> Scores:
    """Score the answers to records whose labels are `truths`; both in the order of the records.

    None, or what is none of `labels`, is no valid answer and so wrong: it lowers its label's recall and no
    label's precision. F1 and the matrix are scikit-learn's; the F1 of a label that no record has and no
    answer gave is 0. Raises `ValueError` for a truth that is none of `labels`.
    """
    place = {label: at for at, label in enumerate(labels)}
    if unknown := sorted(set(truths) - place.keys()):
        msg = f"not among the labels {', '.join(labels)}: {', '.join(unknown)}"
        raise ValueError(msg)
    nowhere = len(labels)
    expected = [place[truth] for truth in truths]
    given = [nowhere if answer is None else place.get(answer, nowhere) for answer in answers]
    matrix, f1 = _counted(expected, given, len(labels))
    by_label = tuple(_of_label(label, at, matrix, f1[at]) for at, label in enumerate(labels))
    occurring = [one.f1 for one in by_label if one.recall.of]
    return Scores(
        accuracy=share(sum(matrix[at][at] for at in place.values()), len(expected)),
        macro_f1=sum(occurring) / len(occurring) if occurring else 0.0,
        labels=by_label,
        confusion=matrix,
    )


def _counted(
    expected: Sequence[int], given: Sequence[int], labels: int
) -> tuple[tuple[tuple[int, ...], ...], Sequence[float]]:
    """Return the confusion matrix, with a column for no answer, and the labels' F1. The library takes no empty input."""
    if not expected:
        return ((0,) * (labels + 1),) * labels, (0.0,) * labels
    from sklearn.metrics import confusion_matrix, f1_score  # noqa: PLC0415  slow to import

    matrix = confusion_matrix(expected, given, labels=range(labels + 1)).tolist()
    f1 = f1_score(expected, given, labels=range(labels), average=None, zero_division=0.0)
    return tuple(tuple(row) for row in matrix[:labels]), f1.tolist()


def _of_label(label: str, at: int, matrix: Sequence[Sequence[int]], f1: float) -> LabelScore:
    right = matrix[at][at]
    return LabelScore(label, share(right, sum(row[at] for row in matrix)), share(right, sum(matrix[at])), f1)
