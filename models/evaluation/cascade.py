"""Chooses the stages and thresholds of a cascade: classifier, small model, API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.evaluation.balance import ClassHits
from models.evaluation.cascade_grid import Choice, Places, StageTable
from models.evaluation.intervals import paired_ratio, share
from models.evaluation.logistic import folds
from models.evaluation.scores import Interval, Share
from models.evaluation.sequential import Numbers

StageName = Literal["classifier", "small", "api"]
FOLDS = 5


@dataclass(frozen=True, slots=True)
class StageAnswers:
    """One stage over the same records: whether each was right, and how sure it was (None: no answer). Costs are of one record.

    `nano` in nano-dollars (None: unknown), `seconds` of the machine's or the API's time. `hits`: what of each class of right answers it
    found, where there are classes: then the balanced accuracy is kept as well.
    """

    name: StageName
    right: Sequence[bool]
    confidence: Sequence[float | None]
    nano: float | None
    seconds: float
    hits: ClassHits | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a chosen cascade: `threshold` below which a record goes on (None: the last stage takes what comes), and the share it serves."""

    name: StageName
    threshold: float | None
    served: Share


@dataclass(frozen=True, slots=True)
class Cascade:
    """The cheapest cascade that surely keeps the wished part of the reference's accuracy: the API's, without one the best stage's.

    `stages` with the shares that they serve and the costs per 1,000 records are those of the choice on all records. `accuracy` and `ratio` to the
    reference's with its interval are on records that chose no threshold: each fifth is answered by what the other four
    chose. `left_out`: stages that do not pay.
    """

    stages: tuple[Stage, ...]
    accuracy: Share
    ratio: float | None
    interval: Interval | None
    nano_per_thousand: int | None
    seconds_per_thousand: float
    left_out: tuple[StageName, ...]

    def stage(self, name: StageName) -> Stage | None:
        """Return a stage by its name, None where it is left out."""
        return next((one for one in self.stages if one.name == name), None)


def choose_cascade(stages: Sequence[StageAnswers], keep: float, seed: int = 0) -> Cascade | None:
    """Choose stages and thresholds, and measure them on what chose nothing. None: fewer than two stages, or no record.

    `stages` in the order in which a record meets them, the API last. A record is answered by the first stage that is as sure as its
    threshold, else by the last one; each stage costs for every record that reaches it. Enough is kept where a verdict
    on the whole against the reference would be viable (`models.evaluation.verdict`), by accuracy and where there are classes by balanced
    accuracy. The cheapest by money, of equal ones by time; by time alone where a price is unknown. The reference alone
    always keeps enough, so nothing is chosen that costs more. Raises `ValueError` for stages over other numbers of
    records, and for an API that is not the last.
    """
    names = [one.name for one in stages]
    if "api" in names[:-1]:
        msg = "the API is the last stage of a cascade"
        raise ValueError(msg)
    if len(stages) < 2 or not stages[0].right:  # noqa: PLR2004
        return None
    right = np.asarray([one.right for one in stages], bool)
    reference = names.index("api") if "api" in names else int(right.mean(axis=1).argmax())
    table = _table(stages, right.astype(float), reference, keep)
    every = np.arange(right.shape[1])
    chosen = _without_idle(table, table.choose(every), every)
    is_reference = [at for at, _ in chosen] == [reference]
    serving = np.full(len(every), reference) if is_reference else _cross_fitted(table, right[reference], seed)
    mine, other = right[serving, every], right[reference]
    ratio, interval = paired_ratio(
        int((mine & other).sum()), int((mine & ~other).sum()), int((~mine & other).sum())
    )
    used = [(stages[at], part) for (at, _), part in zip(chosen, table.reach(chosen, every), strict=True)]
    unknown = any(one.nano is None for one, _ in used)
    return Cascade(
        stages=_served(names, table, chosen, every),
        accuracy=share(int(mine.sum()), len(every)),
        ratio=ratio,
        interval=Interval(1.0, 1.0) if is_reference and interval is not None else interval,
        nano_per_thousand=None
        if unknown
        else round(1000 * sum((one.nano or 0.0) * part for one, part in used)),
        seconds_per_thousand=1000 * sum(one.seconds * part for one, part in used),
        left_out=tuple(name for at, name in enumerate(names) if at not in dict(chosen)),
    )


def _table(stages: Sequence[StageAnswers], right: Numbers, reference: int, keep: float) -> StageTable:
    tests = [(right, 1.0)]
    hits = [one.hits for one in stages if one.hits is not None]
    if len(hits) == len(stages) and any(hits[0].truths):
        tests.append((np.asarray([one.scores() for one in hits]), max(hits[0].highest())))
    known = all(one.nano is not None for one in stages)
    cost = [((one.nano or 0.0) if known else 0.0, one.seconds) for one in stages]
    return StageTable.of([one.confidence for one in stages], tests, cost, reference, keep)


def _without_idle(table: StageTable, choice: Choice, every: Places) -> Choice:
    """Leave out stages that answer no record."""
    serving = set(table.serving(choice, every).tolist())
    return tuple(one for one in choice if one[0] in serving)


def _cross_fitted(table: StageTable, strata: Sequence[bool], seed: int) -> Places:
    """Return which stage answers each record of a fifth by the choice of the other four fifths.

    These choose as surely as if they were as many records as all, so that they choose like all do and not more cautiously.
    """
    fold = np.asarray(folds([bool(one) for one in strata], FOLDS, seed))
    serving = np.zeros(len(fold), np.intp)
    for number in range(FOLDS):
        rest, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(held):
            chosen = table.choose(rest, len(fold) / max(1, len(rest)))
            serving[held] = table.serving(chosen, held)
    return serving


def _served(
    names: Sequence[StageName], table: StageTable, choice: Choice, every: Places
) -> tuple[Stage, ...]:
    serving = table.serving(choice, every)
    last = choice[-1][0]
    return tuple(
        Stage(names[at], None if at == last else threshold, share(int((serving == at).sum()), len(every)))
        for at, threshold in choice
    )
