"""Whether what an evaluation says of a cascade is so, and what a cascade saves: `python -m bench.cascade [SAMPLES]`.

Records are drawn on which classifier and small model are right as often as they are sure, or less, and the API on a part of them. From each
sample a cascade is chosen; what it truly keeps is measured on 200,000 further records. Beside the figure of records that chose no threshold
stands that of the records that chose it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report import Finding, Row, publish
from models.evaluation.cascade import Cascade, StageAnswers, StageName, choose_cascade
from models.evaluation.sequential import Numbers

KEEP = 0.9
SAMPLES, MANY, SEED = 100, 200_000, 5
RECORDS = (60, 150, 400, 1000)
NANO: Mapping[StageName, float] = {"classifier": 400.0, "small": 5_000.0, "api": 90_000.0}
"""Of one record: 8 ms and 0.1 s of a core at $0.18 an hour, and 200 tokens of a small API model."""
SECONDS: Mapping[StageName, float] = {"classifier": 0.008, "small": 0.1, "api": 0.3}
NAMES: Sequence[StageName] = ("classifier", "small", "api")
NOTES = [
    "case: a classifier that is right as often as it is sure; one that is right on nine tenths of that; one that is hardly ever sure.",
    "below: share of cascades that truly keep less than 0.9 of the API's accuracy. true, measured: mean ratio to it, truly and as the evaluation says;",
    "in_sample: on the records that chose the thresholds. covered: share of 95 % intervals that hold the true ratio.",
    "cost: of a record, of the API's. alone: share of samples in which the API stands alone.",
]


@dataclass(frozen=True, slots=True)
class Case:
    """How sure the stages are (a beta distribution each), how often right of that, and how often the API is right."""

    name: str
    sure: tuple[float, float]
    less_sure: tuple[float, float]
    honest: float
    api: float


CASES = (
    Case("as sure as right", (4, 1), (2, 1.2), 1.0, 0.9),
    Case("too sure", (4, 1), (2, 1.2), 0.9, 0.9),
    Case("hardly ever sure", (1, 2), (1, 2), 1.0, 0.95),
)


def draw(random: np.random.Generator, case: Case, records: int) -> list[tuple[Numbers, Numbers]]:
    """Draw who is right on each record, and how sure, stage by stage."""
    sure, less_sure = random.beta(*case.sure, records), random.beta(*case.less_sure, records)
    first, second = (random.random(records) < one * case.honest for one in (sure, less_sure))
    return [
        (first.astype(float), sure),
        (second.astype(float), less_sure),
        ((random.random(records) < case.api).astype(float), np.ones(records)),
    ]


def choose(drawn: Sequence[tuple[Numbers, Numbers]], seed: int) -> Cascade:
    """Choose a cascade from a sample."""
    stages = [
        StageAnswers(name, (right > 0).tolist(), sure.tolist(), NANO[name], SECONDS[name])
        for name, (right, sure) in zip(NAMES, drawn, strict=True)
    ]
    if (found := choose_cascade(stages, KEEP, seed)) is None:
        msg = "three stages over records have a cascade"
        raise ValueError(msg)
    return found


def play(found: Cascade, drawn: Sequence[tuple[Numbers, Numbers]]) -> float:
    """Return the ratio to the API's accuracy that a cascade's thresholds reach on these records."""
    by_name = dict(zip(NAMES, drawn, strict=True))
    left = np.ones(len(drawn[0][0]), bool)
    right = 0.0
    for stage in found.stages:
        mine, sure = by_name[stage.name]
        taken = left if stage.threshold is None else left & (sure >= stage.threshold)
        right += float(mine[taken].sum())
        left = left & ~taken
    return right / max(1.0, float(drawn[-1][0].sum()))


def rows(samples: int) -> Iterator[Row]:
    """Measure each case with each number of records."""
    random = np.random.default_rng(SEED)
    for case in CASES:
        population = draw(random, case, MANY)
        for records in RECORDS:
            chosen = []
            for seed in range(samples):
                sample = draw(random, case, records)
                found = choose(sample, seed)
                chosen.append((found, play(found, population), play(found, sample)))
            yield _row(case.name, records, chosen)


def _row(name: str, records: int, chosen: Sequence[tuple[Cascade, float, float]]) -> Row:
    true = np.array([one for _, one, _ in chosen])
    within = [
        found.interval is not None and found.interval.low <= one <= found.interval.high
        for found, one, _ in chosen
        if len(found.stages) > 1
    ]
    return {
        "case": name,
        "records": records,
        "below": float((true < KEEP).mean()),
        "true": float(true.mean()),
        "measured": float(np.mean([found.ratio or 0.0 for found, _, _ in chosen])),
        "in_sample": float(np.mean([one for _, _, one in chosen])),
        "covered": float(np.mean(within)) if within else None,
        "cost": float(
            np.mean([(found.nano_per_thousand or 0) / 1000 / NANO["api"] for found, _, _ in chosen])
        ),
        "alone": float(
            np.mean([len(found.stages) == 1 and found.stages[0].name == "api" for found, _, _ in chosen])
        ),
    }


def main() -> None:
    """Simulate and publish."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    used = {"samples": samples, "seed": SEED, "keep": KEEP, "population": MANY}
    publish(
        Finding(
            "cascade", "Whether a cascade keeps what its evaluation says", list(rows(samples)), used, NOTES
        )
    )


if __name__ == "__main__":
    main()
