"""A gate before the small model: by brute force, with a gate that knows something, and with one that is noise."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.cascade import Cascade, GateScores, StageAnswers, choose_cascade
from models.evaluation.cascade_grid import GateRow, StageTable
from models.evaluation.steps import find_steps
from tests.unit.evaluation.test_cascade import ANSWERS, Row, keeps, stage, three

SCORES = st.sampled_from([0.1, 0.4, 0.7, 0.9])
KNOWN = st.sampled_from([((True, 0.9), 0.9), ((False, 0.2), 0.1)])
"""A small model that is right where it is sure, and a gate that knows it."""
ROWS = st.lists(
    st.one_of(
        st.tuples(st.tuples(ANSWERS, ANSWERS, st.sampled_from([True] * 5 + [False])), SCORES),
        st.tuples(ANSWERS, KNOWN).map(lambda one: ((one[0], one[1][0], True), one[1][1])),
    ),
    min_size=1,
    max_size=9,
)
GATE_NANO, SMALL_NANO = 700.0, 8_000.0
"""A small model that costs a fifth of the API's: so a gate can pay."""


def dear(rows: Sequence[Row]) -> list[StageAnswers]:
    """Make all three stages, with a classifier and a small model that cost much against the API's price."""
    classifier, small, api = three(rows)
    classifier = StageAnswers("classifier", classifier.right, classifier.confidence, 6_000.0, 0.01)
    return [classifier, StageAnswers("small", small.right, small.confidence, SMALL_NANO, 0.1), api]


def every_way(stages: Sequence[StageAnswers], scores: Sequence[float]) -> Iterator[tuple[list[int], float]]:
    """Yield, for each cascade there is with the gate and without, who answers each record, and what all records cost."""
    for leading in (one for count in range(3) for one in combinations((0, 1), count)):
        steps = [find_steps([one for one in stages[at].confidence if one is not None]) for at in leading]
        gates = [None, *find_steps(list(scores))] if 1 in leading else [None]
        for thresholds, gate in product(product(*steps), gates):
            serving, cost = [], 0.0
            for record, score in enumerate(scores):
                for at, threshold in [*zip(leading, thresholds, strict=True), (2, 0.0)]:
                    if at == 1 and gate is not None:
                        cost += GATE_NANO
                        if score < gate:
                            continue
                    cost += stages[at].nano or 0.0
                    sure = stages[at].confidence[record]
                    if at == 2 or (sure is not None and sure >= threshold):
                        serving.append(at)
                        break
            yield serving, cost


@given(ROWS, st.sampled_from([1, 10, 40]), st.sampled_from([0.5, 0.8, 0.95]))
def test_it_is_the_cheapest_that_surely_keeps_enough(
    rows: list[tuple[Row, float]], times: int, keep: float
) -> None:
    """No cascade of any thresholds and any gate costs less and keeps enough, and its records cost what is said."""
    stages = dear([row for row, _ in rows] * times)
    scores = [score for _, score in rows]
    right = np.asarray([one.right for one in stages], float)
    cost = [(one.nano or 0.0, one.seconds) for one in stages]
    gate = GateRow(1, np.asarray(scores * times), (GATE_NANO, 0.001))
    table = StageTable.of([one.confidence for one in stages], [(right, 1.0)], cost, 2, keep, gate)
    every = np.arange(len(scores) * times)
    found = table.choose(every, gated=True)
    least = min(
        cost * times
        for serving, cost in every_way(dear([row for row, _ in rows]), scores)
        if set(serving) == {2} or keeps(stages, serving * times, keep)
    )
    assert table.spent(found, every)[:, 0].sum() == pytest.approx(least)
    serving = table.serving(found, every).tolist()
    assert set(serving) == {2} or keeps(stages, serving, keep)


def drawn(records: int, seed: int, knows: float) -> tuple[list[StageAnswers], GateScores]:
    """Draw a small model that is right on half of the records and knows it, and a gate that knows beforehand as far as it `knows`."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.7, 0.7, records)
    right = random.random(records) < chance
    score = np.where(random.random(records) < knows, chance, random.permutation(chance))
    stages = [
        StageAnswers("small", right.tolist(), chance.tolist(), SMALL_NANO, 0.1),
        stage("api", (random.random(records) < 0.9).tolist(), [None] * records),
    ]
    return stages, GateScores("triage-1", score.tolist(), GATE_NANO, 0.001)


def choose(records: int, seed: int, knows: float) -> tuple[Cascade, Cascade]:
    """Choose without the gate and with it."""
    stages, gate = drawn(records, seed, knows)
    plain, gated = choose_cascade(stages, 0.9, seed), choose_cascade(stages, 0.9, seed, gate)
    assert plain is not None
    assert gated is not None
    return plain, gated


def test_a_gate_that_knows_something_pays() -> None:
    """What the small model would pass on goes past it: the whole costs less, and keeps what was asked for."""
    plain, gated = choose(600, 1, 1.0)
    assert gated.triage is not None
    assert gated.triage.threshold is not None
    assert gated.triage.passed.count > 100
    assert (gated.nano_per_thousand or 0) < 0.97 * (plain.nano_per_thousand or 0)
    assert (gated.ratio or 0) > 0.9
    stages, gate = drawn(100_000, 99, 1.0)
    (small, api), score = stages, np.asarray(gate.score)
    found = next(one.threshold for one in gated.stages if one.name == "small")
    served = (score >= gated.triage.threshold) & (np.asarray(small.confidence, float) >= (found or 0))
    assert np.where(served, small.right, api.right).mean() > 0.9 * np.mean(api.right)


def test_a_gate_that_is_noise_is_not_used() -> None:
    """It would send records to the API that the small model can answer: what is chosen is as without it."""
    used = 0
    for seed in range(20):
        plain, gated = choose(200, seed, 0.0)
        assert gated.triage is not None
        used += gated.triage.threshold is not None
        if gated.triage.threshold is None:
            assert (gated.stages, gated.ratio, gated.nano_per_thousand) == (
                plain.stages,
                plain.ratio,
                plain.nano_per_thousand,
            )
    assert used <= 1


def test_without_an_api_nothing_can_go_past() -> None:
    """The small model is the last that can answer; a gate beside it is compared, and not used."""
    stages, gate = drawn(200, 3, 1.0)
    classifier = stage("classifier", stages[0].right, stages[0].confidence)
    found = choose_cascade([classifier, stages[0]], 0.9, gate=gate)
    assert found is not None
    assert found.triage is not None
    assert (found.triage.model, found.triage.threshold, found.triage.passed.count) == ("triage-1", None, 0)
