"""Logistic regression over many columns: softmax over classes, or a line for each class, with a ridge.

Own code: a library for it makes every start of the engine slower (docs/decisions/0012-no-scipy-beside-the-engine.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.engines.classifier.head import HeadKind, Numbers
from models.evaluation.logistic import folds

Matrix = npt.NDArray[np.float32]
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse ridges that are tried, the stiffest first: half the squared weights, divided by it, is added to the sum of losses."""
FOLDS = 5
_MOST_TO_CHOOSE = 10_000
"""Rows on which the ridge is chosen and the calibration is fitted: more change neither."""
_MOST_STEPS = 60
_CLOSE = 1e-5


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights (classes x dimension) and what each class starts from."""

    weights: Matrix = field(repr=False)
    bias: Matrix = field(repr=False)

    def sums(self, vectors: Matrix) -> Numbers:
        """Return what the classes come to, a row for each vector."""
        return (vectors @ self.weights.T + self.bias).astype(np.float64)


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Sums of rows by a fit that has not seen them, at the ridge whose held-out loss is least. `rows`: which rows these are."""

    strength: float
    rows: npt.NDArray[np.int64] = field(repr=False)
    sums: Numbers = field(repr=False)


def fit_logistic(
    kind: HeadKind, vectors: Matrix, truths: Matrix, strength: float, start: Fitted | None = None
) -> Fitted:
    """Return the likeliest weights under a ridge, by L-BFGS from `start`; `truths` is 1 where a row has a class, else 0."""
    import torch  # noqa: PLC0415  it takes a second, and most commands train nothing

    columns, wanted = torch.from_numpy(vectors), torch.from_numpy(truths)
    size = truths.shape[1], vectors.shape[1]
    weights = torch.zeros(size) if start is None else torch.from_numpy(start.weights.copy())
    bias = torch.zeros(size[0]) if start is None else torch.from_numpy(start.bias.copy())
    weights.requires_grad_()
    bias.requires_grad_()
    optimizer = torch.optim.LBFGS(
        (weights, bias),
        max_iter=_MOST_STEPS,
        history_size=10,
        tolerance_grad=_CLOSE,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        sums = columns @ weights.T + bias
        if kind == "labels":
            each = torch.nn.functional.binary_cross_entropy_with_logits(sums, wanted, reduction="sum")
        else:
            each = -(torch.log_softmax(sums, dim=1) * wanted).sum()
        total = (each + weights.square().sum() / (2 * strength)) / len(columns)
        total.backward()
        return total

    optimizer.step(loss)
    return Fitted(weights.detach().numpy(), bias.detach().numpy())


def cross_fit(
    kind: HeadKind, vectors: Matrix, truths: Matrix, seed: int, go_on: Callable[[], None] = lambda: None
) -> CrossFitted:
    """Predict each row by fits over the other folds, at each ridge in turn, until the loss rises; return the best.

    Each ridge starts from the weights of the one before. `go_on` is called before each fit, and may raise.
    """
    rows = _some_rows(truths, seed)
    vectors, truths = vectors[rows], truths[rows]
    fold = np.asarray(folds([int(one) for one in truths.argmax(axis=1)], _fold_count(truths), seed))
    starts: list[Fitted | None] = [None] * (int(fold.max()) + 1)
    best: CrossFitted | None = None
    least = np.inf
    for strength in STRENGTHS:
        sums = np.zeros(truths.shape)
        for at, start in enumerate(starts):
            go_on()
            mine = fold == at
            starts[at] = fitted = fit_logistic(kind, vectors[~mine], truths[~mine], strength, start)
            sums[mine] = fitted.sums(vectors[mine])
        found = mean_loss(kind, sums, truths)
        if found >= least:
            break
        best, least = CrossFitted(strength, rows, sums), found
    if best is None:
        msg = "no fit has a finite loss"
        raise ValueError(msg)
    return best


def mean_loss(kind: HeadKind, sums: Numbers, truths: Matrix) -> float:
    """Return the mean negative logarithm of what is given to the truth."""
    if kind == "labels":
        return float((np.logaddexp(0, sums) - sums * truths).sum(axis=1).mean())
    highest = sums.max(axis=1, keepdims=True)
    whole = highest[:, 0] + np.log(np.exp(sums - highest).sum(axis=1))
    return float((whole - (sums * truths).sum(axis=1)).mean())


def _fold_count(truths: Matrix) -> int:
    """More folds for few rows, so that the fits that predict see nearly as many as the last one."""
    return FOLDS if len(truths) > 50 * FOLDS else 2 * FOLDS


def _some_rows(truths: Matrix, seed: int) -> npt.NDArray[np.int64]:
    if len(truths) <= _MOST_TO_CHOOSE:
        return np.arange(len(truths))
    return np.sort(np.random.default_rng(seed).choice(len(truths), _MOST_TO_CHOOSE, replace=False))
