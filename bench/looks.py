"""How often the verdict of an evaluation errs, however often one looks, and how many labels it takes: `python -m bench.looks [SAMPLES]`.

Records are drawn at a true ratio of exactly 0.9, where any *viable* and any *not viable* is an error, and are evaluated after every tenth
label up to a thousand; beside it stands what the usual 95 % score interval would say. Then: how often the verdict is decided at a true ratio
of 1, how often the labels that are asked for decide it, and what a model comes to that always gives the majority label.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.report import Finding, Row, publish
from models.evaluation.balance import ClassHits
from models.evaluation.more_labels import PairedRecords, predict_labels
from models.evaluation.sequential import SURE, Numbers, PairedScores, is_above, is_below
from models.evaluation.verdict import compare

KEEP = 0.9
Z = 1.96
SAMPLES = 5_000
SEED = 11
LOOKS = tuple(range(20, 1001, 10))
Shares = tuple[float, float, float, float]
"""Of records that both have right, only the first, only the second, neither."""
_CELLS = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
ANY: Shares = (8.0, 0.8, 1.0, 1.0)
"""Weights of a Dirichlet distribution of shares as models have them."""
AT_NINE_TENTHS: Sequence[Shares] = (
    (0.9, 0.0, 0.1, 0.0),
    (0.8, 0.01, 0.1, 0.09),
    (0.7, 0.065, 0.15, 0.085),
    (0.5, 0.13, 0.2, 0.17),
    (0.25, 0.11, 0.15, 0.49),
)
AT_ONE: Sequence[Shares] = ((0.95, 0.01, 0.01, 0.03), (0.85, 0.05, 0.05, 0.05), (0.7, 0.1, 0.1, 0.1))
ASKED: Sequence[Shares] = (
    *AT_ONE,
    (0.88, 0.03, 0.05, 0.04),
    (0.75, 0.06, 0.12, 0.07),
    (0.6, 0.1, 0.2, 0.1),
    (0.8, 0.02, 0.13, 0.05),
)
NOTES = [
    "case: shares that both, only the first, only the second, neither has right; or the share of the majority label.",
    "ever: at looks after every tenth label from 20 to 1,000 (balanced: every fiftieth from 50).",
    "share: by the rule. score_interval: by the 95 % interval for one look, the rule until 0.2; at ratio 1 evaluated once.",
    "any ratio: averaged over shares that are drawn anew for each sample, of a Dirichlet distribution with the weights in `case`.",
    "asked for: share decided by so many further labels, of samples open after `labels`; `asked` is the median of the numbers.",
]


def draw(random: np.random.Generator, shares: Shares, samples: int, looks: Sequence[int]) -> Numbers:
    """Draw tables of counts that grow from look to look: samples x looks x 4."""
    steps = np.diff([0, *looks])
    parts = [random.multinomial(step, np.asarray(shares) / sum(shares), size=samples) for step in steps]
    return np.cumsum(np.stack(parts, axis=1), axis=1).astype(float)


def paired(most: float = 1.0) -> PairedScores:
    """Return the four kinds of records, without counts."""
    first, second = np.asarray(_CELLS).T
    return PairedScores(first, second, np.zeros(4), most)


def ever(tables: Numbers) -> tuple[float, float]:
    """Return in which share of samples a growing table was ever called viable, and ever not viable."""
    rows = tables.reshape(-1, 4)
    viable = (is_above(paired(), KEEP, rows) >= SURE).reshape(tables.shape[:2])
    short = (is_below(paired(), KEEP, rows) >= SURE).reshape(tables.shape[:2])
    return float(viable.any(axis=1).mean()), float(short.any(axis=1).mean())


def score(tables: Numbers, ratio: float = KEEP) -> Numbers:
    """Return the score statistic of Tang, Tang and Chan for each table (`models.evaluation.intervals` for one)."""
    both, mine, other = (tables[..., at] for at in range(3))
    swapped = 1 / ratio  # a ratio below 1 is tested as the reciprocal of the swapped counts
    b = (both + mine) * swapped**2 - (both + other) - 2 * mine
    c = (swapped**2 - 1) * mine * (both + mine + other)
    root = np.sqrt(b * b + 4 * c)
    solution = np.where(b <= 0, (root - b) / 2, 2 * c / np.where(root + b > 0, root + b, 1))
    deviation = np.sqrt(solution + (both + mine + other) * (swapped - 1))
    return np.asarray((swapped * (both + mine) - (both + other)) / np.where(deviation > 0, deviation, 1))


def one_look_ever(tables: Numbers) -> tuple[float, float]:
    """Return the same as `ever` of the score interval, which is meant for one look."""
    z = score(tables)
    return float((z >= Z).any(axis=1).mean()), float((z < -Z).any(axis=1).mean())


def decided_by(tables: Numbers, looks: Sequence[int], labels: int) -> float:
    """Return the share of samples that were called viable at a look by so many labels."""
    return ever(tables[:, : sum(look <= labels for look in looks)])[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """Of samples that were `open` after so many labels: the share decided by the labels asked for, and the medians of their numbers."""

    open: int
    decided: float
    most: int
    decided_by_half: float
    half: int


def asked_decides(random: np.random.Generator, shares: Shares, labels: int, samples: int) -> Asked:
    """Draw samples of so many labels, and for each that is open as many more as are asked for."""
    tables = draw(random, shares, samples, (labels,))[:, 0]
    fates: list[tuple[bool, bool]] = []
    numbers: list[tuple[int, int]] = []
    open_ = [table for table in tables if not _is_decided(table)]
    for table in open_:
        rows = [row for row, count in zip(_CELLS, table, strict=True) for _ in range(int(count))]
        more = predict_labels(PairedRecords.count(rows, _CELLS, prior=0.5, most=(1.0,)), KEEP)
        if more is None:
            continue
        numbers.append((more.four_of_five, more.half))
        most, half = (_is_decided(table + random.multinomial(one, shares)) for one in numbers[-1])
        fates.append((most, half))
    if not fates:
        return Asked(len(open_), 0.0, 0, 0.0, 0)
    decided, by_half = (float(one) for one in np.mean(fates, axis=0))
    most_, half_ = (int(one) for one in np.median(numbers, axis=0))
    return Asked(len(open_), decided, most_, by_half, half_)


def asked_on_average(random: np.random.Generator, labels: int, samples: int) -> Asked:
    """Return the same, averaged over what the shares may really be, which are drawn anew for each sample."""
    found = [asked_decides(random, tuple(random.dirichlet(ANY)), labels, 1) for _ in range(samples)]
    every = [one for one in found if one.most]
    decided, by_half = np.mean([(one.decided, one.decided_by_half) for one in every], axis=0)
    most, half = np.median([(one.most, one.half) for one in every], axis=0)
    return Asked(len(every), float(decided), int(most), float(by_half), int(half))


def _is_decided(table: Numbers) -> bool:
    return max(float(bet(paired(), KEEP, table)[0]) for bet in (is_above, is_below)) >= SURE


def draw_imbalanced(
    random: np.random.Generator, majority: float, records: int, right: tuple[float, float, float, float]
) -> tuple[list[bool], list[bool], tuple[ClassHits, ClassHits]]:
    """Draw records of two labels. `right`: how often the small model is right on the majority and the minority, then the API model."""
    rare = random.random(records) >= majority
    mine = random.random(records) < np.where(rare, right[1], right[0])
    other = random.random(records) < np.where(rare, right[3], right[2])
    truths = [frozenset({"rare" if one else "usual"}) for one in rare]

    def hits(flags: npt.NDArray[np.bool_]) -> ClassHits:
        return ClassHits(
            truths, [truth if ok else frozenset() for truth, ok in zip(truths, flags, strict=True)]
        )

    return mine.tolist(), other.tolist(), (hits(mine), hits(other))


def constant_is_viable(
    random: np.random.Generator, majority: float, records: int, samples: int
) -> tuple[float, float]:
    """Return how often a model that always gives the majority label is called viable, and by the rule until 0.2."""
    called = before = 0
    for _ in range(samples):
        mine, other, hits = draw_imbalanced(random, majority, records, (1.0, 0.0, 0.95, 0.9))
        found = compare("small", "api", mine, other, KEEP, hits)
        called += found.viability == "viable"
        before += found.interval is not None and found.interval.low >= KEEP
    return called / samples, before / samples


def balanced_errs(random: np.random.Generator, majority: float, samples: int) -> float:
    """Return how often a model is ever called viable whose balanced accuracy is exactly 0.9 of the API model's, at looks after every fifty."""
    errors = 0
    for _ in range(samples):
        right = (0.95, 0.715, 0.95, 0.9)
        mine, other, (hits, others) = draw_imbalanced(random, majority, 1000, right)
        for look in range(50, 1001, 50):
            cut = tuple(ClassHits(one.truths[:look], one.found[:look]) for one in (hits, others))
            found = compare("small", "api", mine[:look], other[:look], KEEP, cut, predict=False)  # type: ignore[arg-type]
            if found.viability == "viable":
                errors += 1
                break
    return errors / samples


def _row(what: str, case: Shares | float, labels: int, now: float, once: float | None = None) -> Row:
    return {"what": what, "case": str(case), "labels": labels, "share": now, "score_interval": once}


def _error_rows(random: np.random.Generator, samples: int) -> Iterator[Row]:
    for shares in AT_NINE_TENTHS:
        tables = draw(random, shares, samples, LOOKS)
        for what, now, once in zip(
            ("viable", "not viable"), ever(tables), one_look_ever(tables), strict=True
        ):
            yield _row(f"ratio 0.9, ever {what}", shares, LOOKS[-1], now, once)


def _power_rows(random: np.random.Generator, samples: int) -> Iterator[Row]:
    for shares in AT_ONE:
        tables = draw(random, shares, samples, LOOKS)
        for at in (50, 100, 200, 400, 1000):
            once = float((score(draw(random, shares, samples, (at,))) >= Z).mean())
            yield _row("ratio 1, viable by then", shares, at, decided_by(tables, LOOKS, at), once)


def _asked_rows(random: np.random.Generator, samples: int) -> Iterator[Row]:
    for shares in ASKED:
        ratio = (shares[0] + shares[1]) / (shares[0] + shares[2])
        for labels in (50, 100, 200):
            found = asked_decides(random, shares, labels, samples)
            yield from _asked(f"ratio {ratio:.2f}", shares, labels, found)
    yield from _asked("any ratio", ANY, 60, asked_on_average(random, 60, 3 * samples))


def _asked(what: str, shares: Shares, labels: int, found: Asked) -> Iterator[Row]:
    half = _row(f"{what}, asked for half", shares, labels, found.decided_by_half)
    yield {**half, "asked": found.half, "open": found.open}
    most = _row(f"{what}, asked for 4 of 5", shares, labels, found.decided)
    yield {**most, "asked": found.most, "open": found.open}


def _imbalance_rows(random: np.random.Generator, samples: int) -> Iterator[Row]:
    for majority in (0.8, 0.9, 0.95, 0.98):
        for labels in (50, 100, 300, 1000):
            shown = constant_is_viable(random, majority, labels, samples)
            yield _row("always the majority label, viable", majority, labels, *shown)
        errs = balanced_errs(random, majority, samples)
        yield _row("balanced accuracy 0.9, ever viable", majority, 1000, errs)


def main() -> None:
    """Simulate and publish."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    few = max(20, samples // 50)
    random = np.random.default_rng(SEED)
    rows = [
        *_error_rows(random, samples),
        *_power_rows(random, samples),
        *_asked_rows(random, few),
        *_imbalance_rows(random, few),
    ]
    used = {"samples": samples, "samples_by_compare": few, "seed": SEED, "looks": [LOOKS[0], LOOKS[-1], 10]}
    publish(Finding("looks", "How often the verdict errs, and how many labels it takes", rows, used, NOTES))


if __name__ == "__main__":
    main()
