"""How sets of labels compare with the right ones: exact sets, micro and macro F1, precision and recall of each label."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from models.evaluation.intervals import share
from models.evaluation.resampling import Statistic, Sums, bootstrap
from models.evaluation.scores import LabelScore, LabelSetScores, ScoreEstimate


def compute_set_scores(
    labels: Sequence[str], truths: Sequence[AbstractSet[str]], answers: Sequence[AbstractSet[str] | None]
) -> LabelSetScores:
    """Score the answers to records whose labels are `truths`; both in the order of the records.

    None is no valid answer: it gives no label, and is not the right set, the empty one neither. What is none of `labels`
    makes an answer inexact and counts nowhere else. F1 is 2 x right / (had + given), over all labels for the micro F1,
    and label by label for the macro F1, which is the mean over the labels that a record has. Raises `ValueError` for a
    truth that is none of `labels`.
    """
    known = frozenset(labels)
    if unknown := sorted(set().union(*truths) - known):
        msg = f"not among the labels {', '.join(labels)}: {', '.join(unknown)}"
        raise ValueError(msg)
    had = _members(labels, truths)
    given = _members(labels, [answer or frozenset() for answer in answers])
    right = had * given
    exact = sum(answer is not None and truth == answer for truth, answer in zip(truths, answers, strict=True))
    return LabelSetScores(
        exact=share(exact, len(truths)),
        micro_f1=_micro(right, had, given),
        macro_f1=_macro(right, had, given),
        labels=tuple(
            _of_label(label, int(right[:, at].sum()), int(given[:, at].sum()), int(had[:, at].sum()))
            for at, label in enumerate(labels)
        ),
    )


def _members(labels: Sequence[str], sets: Sequence[AbstractSet[str]]) -> Sums:
    """Return one row a set, with 1 for each label that is in it."""
    return np.array([[label in one for label in labels] for one in sets], float).reshape(-1, len(labels))


def _of_label(label: str, right: int, given: int, had: int) -> LabelScore:
    f1 = 2 * right / (given + had) if given + had else 0.0
    return LabelScore(label, share(right, given), share(right, had), f1)


def _micro(right: Sums, had: Sums, given: Sums) -> ScoreEstimate:
    """Return the F1 over all labels; the made-up records have as many labels as the others on average."""
    if not len(right):
        return ScoreEstimate(None, 0, None)
    rows = np.column_stack([right.sum(axis=1), had.sum(axis=1) + given.sum(axis=1)])
    mean = max(1.0, float(rows[:, 1].mean()))

    def micro(sums: Sums) -> Sums:
        return np.nan_to_num(_f1(sums[:, 0], sums[:, 1]))

    return _estimate(rows, ((mean / 2, mean), (0.0, mean)), micro)


def _macro(right: Sums, had: Sums, given: Sums) -> ScoreEstimate:
    """Return the mean of the F1 of labels that occur; one that is in none of a resample's records is left out of it."""
    occurring = had.any(axis=0)
    if not occurring.any():
        return ScoreEstimate(None, len(had), None)
    right, had, given = (one[:, occurring] for one in (right, had, given))
    count = right.shape[1]
    rows = np.hstack([right, had + given])
    mean = had.mean(axis=0)
    best, worst = np.hstack([mean, 2 * mean]).tolist(), np.hstack([0 * mean, 2 * mean]).tolist()

    def macro(sums: Sums) -> Sums:
        each = _f1(sums[:, :count], sums[:, count:])
        there = ~np.isnan(each)
        found = np.where(there.any(axis=1), there.sum(axis=1), np.nan)
        return np.asarray(np.where(there, each, 0.0).sum(axis=1) / found)

    return _estimate(rows, (best, worst), macro)


def _estimate(rows: Sums, made_up: Sequence[Sequence[float]], statistic: Statistic) -> ScoreEstimate:
    value = float(statistic(rows.sum(axis=0, keepdims=True))[0])
    return ScoreEstimate(value, len(rows), bootstrap(rows, made_up, statistic))


def _f1(right: Sums, either: Sums) -> Sums:
    """Return 2 x right / (had + given), not-a-number of nothing."""
    return np.where(either > 0, 2 * right / np.where(either > 0, either, 1.0), np.nan)
