"""Chooses the stages and thresholds of a cascade: classifier, small model, API, with a gate before the small model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.evaluation.balance import ClassHits
from models.evaluation.cascade_grid import GATE, Choice, GateRow, Places, StageTable
from models.evaluation.intervals import paired_ratio, share
from models.evaluation.logistic import folds
from models.evaluation.scores import Interval, Share
from models.evaluation.sequential import Numbers

StageName = Literal["classifier", "small", "api"]
FOLDS = 5
_BY_MORE_THAN_CHANCE = 1.96
"""Standard errors by which a gate must save."""


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
class GateScores:
    """What a trained triage of this name says of the same records: how probably the small model is right. Costs as those of `StageAnswers`."""

    model: str
    score: Sequence[float]
    nano: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A trained triage before the small model: `threshold` below which a record goes past it, and how many do. None: it does not pay.

    Costs are those of 1,000 records that it is asked about.
    """

    model: str
    threshold: float | None
    passed: Share
    nano_per_thousand: int | None = None
    seconds_per_thousand: float = 0.0


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
    chose. `left_out`: stages that do not pay. `triage`: the gate before the small model, where one was compared.
    """

    stages: tuple[Stage, ...]
    accuracy: Share
    ratio: float | None
    interval: Interval | None
    nano_per_thousand: int | None
    seconds_per_thousand: float
    left_out: tuple[StageName, ...]
    triage: Gate | None = None

    def stage(self, name: StageName) -> Stage | None:
        """Return a stage by its name, None where it is left out."""
        return next((one for one in self.stages if one.name == name), None)


def choose_cascade(
    stages: Sequence[StageAnswers], keep: float, seed: int = 0, gate: GateScores | None = None
) -> Cascade | None:
    """Choose stages and thresholds, and measure them on what chose nothing. None: fewer than two stages, or no record.

    `stages` in the order in which a record meets them, the API last. A record is answered by the first stage that is as sure as its
    threshold, else by the last one; each stage costs for every record that reaches it. Enough is kept where a verdict
    on the whole against the reference would be viable (`models.evaluation.verdict`), by accuracy and where there are classes by balanced
    accuracy. The cheapest by money, of equal ones by time; by time alone where a price is unknown. The reference alone
    always keeps enough, so nothing is chosen that costs more. A `gate` sends records past the small model; it is used where it saves, on records that chose
    nothing, more than by chance. Raises `ValueError` for stages over other numbers of records, and for an API that is not the last.
    """
    names = [one.name for one in stages]
    if "api" in names[:-1]:
        msg = "the API is the last stage of a cascade"
        raise ValueError(msg)
    if len(stages) < 2 or not stages[0].right:  # noqa: PLR2004
        return None
    right = np.asarray([one.right for one in stages], bool)
    reference = names.index("api") if "api" in names else int(right.mean(axis=1).argmax())
    table = _table(stages, right.astype(float), reference, keep, gate)
    every = np.arange(right.shape[1])
    fifths = list(_fifths(table, right[reference], seed))
    gated = _gate_pays(table, fifths)
    chosen = _without_idle(table, table.choose(every, gated=gated), every)
    is_reference = [at for at, _ in chosen.stages] == [reference]
    serving = np.full(len(every), reference) if is_reference else _cross_fitted(table, fifths, gated=gated)
    mine, other = right[serving, every], right[reference]
    ratio, interval = paired_ratio(
        int((mine & other).sum()), int((mine & ~other).sum()), int((~mine & other).sum())
    )
    nano, seconds = _costs(stages, gate, table, chosen, every)
    return Cascade(
        stages=_served(names, table, chosen, every),
        accuracy=share(int(mine.sum()), len(every)),
        ratio=ratio,
        interval=Interval(1.0, 1.0) if is_reference and interval is not None else interval,
        nano_per_thousand=None if nano is None else round(1000 * nano),
        seconds_per_thousand=1000 * seconds,
        left_out=tuple(name for at, name in enumerate(names) if at not in dict(chosen.stages)),
        triage=None if gate is None else _gate_of(gate, table, chosen, every),
    )


def _costs(
    stages: Sequence[StageAnswers], gate: GateScores | None, table: StageTable, chosen: Choice, every: Places
) -> tuple[float | None, float]:
    """Return money (None: one that is used has no known price) and seconds of a record."""
    asked = table.asked(chosen, every)
    every_one: dict[int, StageAnswers | GateScores] = dict(enumerate(stages))
    if gate is not None:
        every_one[GATE] = gate
    known = [(every_one[at], float(where.mean())) for at, where in asked.items()]
    unknown = any(one.nano is None for one, _ in known)
    nano = None if unknown else sum((one.nano or 0.0) * part for one, part in known)
    return nano, sum(one.seconds * part for one, part in known)


def _gate_of(gate: GateScores, table: StageTable, chosen: Choice, every: Places) -> Gate:
    passed = table.gate_asked(chosen, every) & table.passed(chosen, every)
    nano = None if gate.nano is None else round(1000 * gate.nano)
    return Gate(gate.model, chosen.gate, share(int(passed.sum()), len(every)), nano, 1000 * gate.seconds)


@dataclass(frozen=True, slots=True)
class _Fifth:
    """A fifth of the records, and what the other four choose, without the gate and with it.

    These choose as surely as if they were as many records as all, so that they choose like all do and not more cautiously.
    """

    held: Places
    plain: Choice
    gated: Choice


def _fifths(table: StageTable, strata: Sequence[bool], seed: int) -> Iterator[_Fifth]:
    fold = np.asarray(folds([bool(one) for one in strata], FOLDS, seed))
    for number in range(FOLDS):
        rest, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(held):
            scale = len(fold) / max(1, len(rest))
            plain = table.choose(rest, scale)
            yield _Fifth(held, plain, plain if table.gate is None else table.choose(rest, scale, gated=True))


def _gate_pays(table: StageTable, fifths: Sequence[_Fifth]) -> bool:
    """Whether the gate saves more than by chance on records that chose neither its threshold nor any other."""
    if table.gate is None:
        return False
    less = np.vstack([table.spent(one.plain, one.held) - table.spent(one.gated, one.held) for one in fifths])
    saved = less[:, 0] if any(one[0] for one in table.cost) else less[:, 1]
    return bool(saved.mean() > _BY_MORE_THAN_CHANCE * saved.std() / len(saved) ** 0.5)


def _table(
    stages: Sequence[StageAnswers], right: Numbers, reference: int, keep: float, gate: GateScores | None
) -> StageTable:
    tests = [(right, 1.0)]
    hits = [one.hits for one in stages if one.hits is not None]
    if len(hits) == len(stages) and any(hits[0].truths):
        tests.append((np.asarray([one.scores() for one in hits]), max(hits[0].highest())))
    small = next((at for at, one in enumerate(stages[:-1]) if one.name == "small"), None)
    known = all(one.nano is not None for one in stages) and (gate is None or gate.nano is not None)
    cost = [((one.nano or 0.0) if known else 0.0, one.seconds) for one in stages]
    row = None
    if gate is not None and small is not None:
        own = ((gate.nano or 0.0) if known else 0.0, gate.seconds)
        row = GateRow(small, np.asarray(gate.score, float), own)
    return StageTable.of([one.confidence for one in stages], tests, cost, reference, keep, row)


def _without_idle(table: StageTable, choice: Choice, every: Places) -> Choice:
    """Leave out stages that answer no record, and a gate that sends none past its stage."""
    serving = set(table.serving(choice, every).tolist())
    last = choice.stages[-1]
    stages = tuple(one for one in choice.stages if one[0] in serving) or (last,)
    passes = table.gate_asked(choice, every) & table.passed(choice, every)
    stands = table.gate is not None and table.gate.before in dict(stages) and passes.any()
    return Choice(stages, choice.gate if stands else None)


def _cross_fitted(table: StageTable, fifths: Sequence[_Fifth], *, gated: bool) -> Places:
    """Return which stage answers each record of a fifth by the choice of the other four fifths."""
    serving = np.zeros(table.confidence.shape[1], np.intp)
    for one in fifths:
        serving[one.held] = table.serving(one.gated if gated else one.plain, one.held)
    return serving


def _served(
    names: Sequence[StageName], table: StageTable, choice: Choice, every: Places
) -> tuple[Stage, ...]:
    serving = table.serving(choice, every)
    last = choice.stages[-1][0]
    return tuple(
        Stage(names[at], None if at == last else threshold, share(int((serving == at).sum()), len(every)))
        for at, threshold in choice.stages
    )
