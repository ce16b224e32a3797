"""What a trained triage before the small model saves, and that one which knows nothing is not used: `python -m bench.triage [SAMPLES]`.

Records are drawn as in `bench.cascade`, of the case in which classifier and small model are hardly ever sure, so that most of what the small model is asked goes on to the
API. The triage knows the small model's chance to be right: of every record, of every second one (of the others it says another record's), or of none. From each
sample a cascade is chosen with it and without; both are played on 200,000 further records.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.cascade import KEEP, MANY, NAMES, NANO, SECONDS, Case
from bench.report import Finding, Row, publish
from models.evaluation.cascade import Cascade, GateScores, StageAnswers, choose_cascade
from models.evaluation.sequential import Numbers

SAMPLES, SEED = 12, 7
RECORDS = (150, 1000)
SMALL: Mapping[str, float] = {"a twentieth": 4_500.0, "a third": 30_000.0}
"""What a record of the small model costs, of the API's."""
KNOWS: Mapping[str, float] = {"every record": 1.0, "every second": 0.5, "nothing": 0.0}
CASE = Case("hardly ever sure", (1, 2), (1, 2), 1.0, 0.95)
NOTES = [
    "small: what a record of the small model costs, of the API's; the API's and the classifier's prices are those of bench.cascade, and so is triage's.",
    "used: share of samples in which the triage is used. passed: share of records that it then sends past the small model.",
    "cost, without: of a record, of the API's, with triage and without, both on further records. below: share of cascades that truly keep less than 0.9.",
]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Records: whether each stage is right, and how sure; and the small model's chance as the triage says it."""

    right: Sequence[Numbers]
    sure: Sequence[Numbers]
    score: Numbers

    def gate(self) -> GateScores:
        """Return what the triage says; it costs what a classifier costs."""
        return GateScores("triage", self.score.tolist(), NANO["classifier"], SECONDS["classifier"])


def draw(random: np.random.Generator, records: int, knows: float) -> Drawn:
    """Draw records, and what a triage says of them that knows the chance of this share."""
    sure, less_sure = random.beta(*CASE.sure, records), random.beta(*CASE.less_sure, records)
    right = [(random.random(records) < one).astype(float) for one in (sure, less_sure)]
    right.append((random.random(records) < CASE.api).astype(float))
    known = random.random(records) < knows
    return Drawn(
        right, [sure, less_sure, np.ones(records)], np.where(known, less_sure, random.permutation(less_sure))
    )


def choose(drawn: Drawn, small: float, seed: int, *, gated: bool) -> Cascade:
    """Choose a cascade from a sample."""
    nano = {**NANO, "small": small}
    stages = [
        StageAnswers(name, (right > 0).tolist(), sure.tolist(), nano[name], SECONDS[name])
        for name, right, sure in zip(NAMES, drawn.right, drawn.sure, strict=True)
    ]
    found = choose_cascade(stages, KEEP, seed, drawn.gate() if gated else None)
    if found is None:
        msg = "three stages over records have a cascade"
        raise ValueError(msg)
    return found


def play(found: Cascade, drawn: Drawn, small: float) -> tuple[float, float]:
    """Return the ratio to the API's accuracy, and the cost of a record of the API's, on these records."""
    nano = {**NANO, "small": small}
    left = np.ones(len(drawn.score), bool)
    right = cost = 0.0
    least = None if found.triage is None else found.triage.threshold
    for stage in found.stages:
        at = NAMES.index(stage.name)
        asked = left
        if stage.name == "small" and least is not None:
            cost += NANO["classifier"] * float(left.sum())
            asked = left & (drawn.score >= least)
        cost += nano[stage.name] * float(asked.sum())
        taken = asked if stage.threshold is None else asked & (drawn.sure[at] >= stage.threshold)
        right += float(drawn.right[at][taken].sum())
        left = left & ~taken
    return right / float(drawn.right[-1].sum()), cost / len(drawn.score) / NANO["api"]


def rows(samples: int) -> Iterator[Row]:
    """Measure each price of the small model and each triage with each number of records."""
    random = np.random.default_rng(SEED)
    for (price, small), (knows, part) in ((a, b) for a in SMALL.items() for b in KNOWS.items()):
        population = draw(random, MANY, part)
        for records in RECORDS:
            found = []
            for seed in range(samples):
                sample = draw(random, records, part)
                with_it, without = (choose(sample, small, seed, gated=one) for one in (True, False))
                found.append((with_it, play(with_it, population, small), play(without, population, small)))
            yield _row(price, knows, records, found)


def _row(
    price: str,
    knows: str,
    records: int,
    found: Sequence[tuple[Cascade, tuple[float, float], tuple[float, float]]],
) -> Row:
    gates = [one.triage for one, _, _ in found if one.triage is not None and one.triage.threshold is not None]
    return {
        "small": price,
        "knows": knows,
        "records": records,
        "used": len(gates) / len(found),
        "passed": float(np.mean([one.passed.value for one in gates])) if gates else 0.0,
        "cost": float(np.mean([one[1] for _, one, _ in found])),
        "without": float(np.mean([one[1] for _, _, one in found])),
        "below": float(np.mean([one[0] < KEEP for _, one, _ in found])),
        "below_without": float(np.mean([one[0] < KEEP for _, _, one in found])),
    }


def main() -> None:
    """Simulate and publish."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    used = {"samples": samples, "seed": SEED, "keep": KEEP, "population": MANY}
    publish(Finding("triage", "What a trained triage saves", list(rows(samples)), used, NOTES))


if __name__ == "__main__":
    main()
