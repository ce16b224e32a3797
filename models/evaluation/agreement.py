"""How far two labellers agree on the same records: the share, Cohen's kappa, and how often each errs if both err alike."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from models.evaluation.intervals import share
from models.evaluation.resampling import Sums, bootstrap
from models.evaluation.scores import LabelAgreement, ScoreEstimate

_EVEN = 0.5


def measure_agreement(column: str, first: Sequence[str], second: Sequence[str]) -> LabelAgreement:
    """Compare two labellers' labels of the same records, in the same order; sets of labels as one text each.

    Cohen (1960), Educational and Psychological Measurement 20:37-46, with the interval of the bootstrap. Raises `ValueError` for unequal
    numbers, and for none.
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        msg = "nobody labelled a record twice"
        raise ValueError(msg)
    same = share(sum(one == other for one, other in pairs), len(pairs))
    return LabelAgreement(column, same, _kappa(pairs), find_error(same.value or 0.0))


def find_error(agreement: float) -> float:
    """Return how often each of two labellers errs who err as often, independently, and between two labels: 0 to a half.

    Both are right, or both wrong in the same way: (1 - e)^2 + e^2 of the records are labelled alike.
    """
    return (1 - sqrt(2 * agreement - 1)) / 2 if agreement >= _EVEN else _EVEN


def _kappa(pairs: Sequence[tuple[str, str]]) -> ScoreEstimate:
    labels = sorted({label for pair in pairs for label in pair})
    columns = [[float(one == other) for one, other in pairs]]
    columns += [[float(pair[at] == label) for pair in pairs] for at in (0, 1) for label in labels]
    rows = np.array(columns).T
    means = rows.mean(axis=0).tolist()[1:]
    value = float(_statistic(rows.sum(axis=0, keepdims=True))[0])
    if np.isnan(value):
        return ScoreEstimate(None, len(pairs), None)
    return ScoreEstimate(value, len(pairs), bootstrap(rows, ((1.0, *means), (0.0, *means)), _statistic))


def _statistic(sums: Sums) -> Sums:
    """Return kappa from how many agree and how often each gave each label; not-a-number where chance agrees always."""
    half = (sums.shape[1] - 1) // 2
    mine, other = sums[:, 1 : half + 1], sums[:, half + 1 :]
    count = mine.sum(axis=1)
    agreed, chance = sums[:, 0] / count, (mine * other).sum(axis=1) / count**2
    left = 1 - chance
    return np.where(left > 1e-12, (agreed - chance) / np.where(left > 1e-12, left, 1.0), np.nan)  # noqa: PLR2004
