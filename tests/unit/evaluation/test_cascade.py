"""The cascade: it is the cheapest that surely keeps enough, by brute force, and what is measured of it chose nothing."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.balance import ClassHits
from models.evaluation.cascade import Cascade, StageAnswers, StageName, choose_cascade
from models.evaluation.cascade_grid import GRID
from models.evaluation.intervals import share
from models.evaluation.sequential import SURE, PairedScores, is_above
from models.evaluation.steps import find_steps

NANO = {"classifier": 10.0, "small": 300.0, "api": 40_000.0}
SECONDS = {"classifier": 0.008, "small": 0.1, "api": 0.3}
Row = tuple[tuple[bool, float | None], tuple[bool, float | None], bool]
ANSWERS = st.tuples(st.booleans(), st.none() | st.sampled_from([0.0, 0.2, 0.5, 0.8, 0.9, 1.0])).map(
    lambda one: (one[0] and one[1] is not None, one[1])
)
ROWS = st.lists(st.tuples(ANSWERS, ANSWERS, st.sampled_from([True] * 5 + [False])), min_size=1, max_size=12)


def stage(
    name: StageName, right: Sequence[bool], confidence: Sequence[float | None], hits: ClassHits | None = None
) -> StageAnswers:
    """Make a stage at its usual price."""
    return StageAnswers(name, right, confidence, NANO[name], SECONDS[name], hits)


def three(rows: Sequence[Row]) -> list[StageAnswers]:
    """Make all three stages from rows of (right, confidence) by the first two, and right by the API."""
    return [
        stage("classifier", [row[0][0] for row in rows], [row[0][1] for row in rows]),
        stage("small", [row[1][0] for row in rows], [row[1][1] for row in rows]),
        stage("api", [row[2] for row in rows], [None] * len(rows)),
    ]


def every_cascade(stages: Sequence[StageAnswers]) -> Iterator[tuple[list[int], float]]:
    """Yield, for each cascade there is, who answers each record, and what all records cost."""
    records, last = range(len(stages[0].right)), len(stages) - 1
    for count in range(len(stages)):
        for leading in combinations(range(last), count):
            steps = [find_steps([one for one in stages[at].confidence if one is not None]) for at in leading]
            for thresholds in product(*steps):
                serving, cost = [], 0.0
                for record in records:
                    for at, threshold in [*zip(leading, thresholds, strict=True), (last, 0.0)]:
                        cost += stages[at].nano or 0.0
                        sure = stages[at].confidence[record]
                        if at == last or (sure is not None and sure >= threshold):
                            serving.append(at)
                            break
                yield serving, cost


def keeps(stages: Sequence[StageAnswers], serving: Sequence[int], keep: float) -> bool:
    """Whether what these stages answer surely keeps enough of the last one's accuracy."""
    mine = np.array([float(stages[at].right[record]) for record, at in enumerate(serving)])
    other = np.array([float(one) for one in stages[-1].right])
    return bool(is_above(PairedScores(mine, other, np.ones(len(mine))), keep)[0] >= SURE)


@given(ROWS, st.sampled_from([1, 10, 40]), st.sampled_from([0.5, 0.8, 0.95]))
def test_it_is_the_cheapest_that_surely_keeps_enough(rows: list[Row], times: int, keep: float) -> None:
    """No cascade of any thresholds costs less and keeps enough; the API alone always does."""
    stages = three(rows * times)
    found = choose_cascade(stages, keep)
    assert found is not None
    small = three(rows)
    least = min(
        cost * times
        for serving, cost in every_cascade(small)
        if set(serving) == {2} or keeps(stages, serving * times, keep)
    )
    assert found.nano_per_thousand == pytest.approx(1000 * least / len(stages[0].right), abs=1)


@given(ROWS, st.sampled_from([1, 30]))
def test_what_is_said_of_it_is_what_its_thresholds_do(rows: list[Row], times: int) -> None:
    """Shares served add up to all records, and the costs are those of the records that reach each stage."""
    stages = three(rows * times)
    found = choose_cascade(stages, 0.8)
    assert found is not None
    served = play(found, stages)
    assert [one.served for one in found.stages] == [
        share(served.count(one.name), len(served)) for one in found.stages
    ]
    assert sum(one.served.count for one in found.stages) == len(served)
    assert {one.name for one in found.stages} | set(found.left_out) == {"classifier", "small", "api"}
    assert [one.threshold is None for one in found.stages] == [False] * (len(found.stages) - 1) + [True]
    assert found.nano_per_thousand is not None
    assert found.nano_per_thousand <= 1000 * NANO["api"]


def play(found: Cascade, stages: Sequence[StageAnswers]) -> list[StageName]:
    """Say who answers each record, as a run does it."""
    by_name = {one.name: one for one in stages}
    served: list[StageName] = []
    for record in range(len(stages[0].right)):
        for one in found.stages:
            sure = by_name[one.name].confidence[record]
            if one.threshold is None or (sure is not None and sure >= one.threshold):
                served.append(one.name)
                break
    return served


def drawn(records: int, seed: int) -> list[StageAnswers]:
    """Draw records on which classifier and small model are right as often as they are sure, and the API on nine of ten."""
    random = np.random.default_rng(seed)
    sure, less_sure = random.beta(3, 1, records), random.beta(2, 1.2, records)
    first, second = (random.random(records) < one for one in (sure, less_sure))
    return [
        stage("classifier", first.tolist(), sure.tolist()),
        stage("small", second.tolist(), less_sure.tolist()),
        stage("api", (random.random(records) < 0.9).tolist(), [None] * records),
    ]


def test_the_figure_is_that_of_records_that_chose_nothing() -> None:
    """Over many samples the measured ratio is the true one on average, and what is chosen keeps what was asked for."""
    population = drawn(100_000, 1000)
    api = sum(population[-1].right) / len(population[-1].right)
    measured, true = [], []
    for seed in range(12):
        found = choose_cascade(drawn(300, seed), 0.9, seed)
        assert found is not None
        assert found.ratio is not None
        measured.append(found.ratio)
        by_name = {one.name: one.right for one in population}
        right = [by_name[name][at] for at, name in enumerate(play(found, population))]
        true.append(sum(right) / len(right) / api)
    assert np.mean(measured) == pytest.approx(np.mean(true), abs=0.02)
    assert min(true) > 0.9


def test_a_stage_that_does_not_pay_is_left_out() -> None:
    """A small model that is sure where the classifier is, and costs more, serves nobody."""
    classifier, _, api = drawn(400, 5)
    found = choose_cascade(
        [classifier, stage("small", classifier.right, classifier.confidence), api], keep=0.9
    )
    assert found is not None
    assert found.left_out == ("small",)
    assert [one.name for one in found.stages] == ["classifier", "api"]


def test_where_nothing_surely_keeps_enough_the_api_stands_alone() -> None:
    """A stage that is wrong wherever it is sure is not used; the ratio is 1, and nothing was estimated for it."""
    records = 200
    found = choose_cascade(
        [
            stage("classifier", [False] * records, [0.9] * records),
            stage("api", [True] * records, [None] * records),
        ],
        keep=0.9,
    )
    assert found is not None
    assert [one.name for one in found.stages] == ["api"]
    assert found.left_out == ("classifier",)
    assert (found.ratio, found.accuracy.count) == (1.0, records)
    assert found.nano_per_thousand == 40_000_000


def test_without_an_api_the_best_stage_is_what_is_kept() -> None:
    """Records that must not leave: the classifier answers what it is sure of, the small model the rest."""
    random = np.random.default_rng(3)
    sure = random.beta(3, 1, 600)
    classifier = stage("classifier", (random.random(600) < sure).tolist(), sure.tolist())
    small = stage("small", (random.random(600) < 0.95).tolist(), [0.9] * 600)
    found = choose_cascade([classifier, small], keep=0.9)
    assert found is not None
    assert [one.name for one in found.stages] == ["classifier", "small"]
    assert found.nano_per_thousand is not None
    assert found.nano_per_thousand < 300_000


def test_a_rare_class_that_would_be_lost_is_kept() -> None:
    """By accuracy alone a classifier that never gives the rare label would answer all; the balanced accuracy is kept too."""
    truths = [frozenset({"rare" if at % 20 == 0 else "usual"}) for at in range(600)]
    right = [one == {"usual"} for one in truths]
    found_by = [one if ok else frozenset() for one, ok in zip(truths, right, strict=True)]
    sure = [0.9] * len(truths)
    names: tuple[StageName, ...] = ("classifier", "api")
    plain = choose_cascade([stage("classifier", right, sure), stage("api", [True] * 600, [None] * 600)], 0.9)
    hits = (ClassHits(truths, found_by), ClassHits(truths, truths))
    rights = (right, [True] * 600)
    balanced = choose_cascade(
        [stage(name, ok, sure, one) for name, ok, one in zip(names, rights, hits, strict=True)], 0.9
    )
    assert plain is not None
    assert balanced is not None
    assert [one.name for one in plain.stages] == ["classifier"]
    assert [one.name for one in balanced.stages] == ["api"]


def test_an_unknown_price_leaves_time_to_choose_by() -> None:
    """The cost of a cascade that uses a stage of unknown price is unknown."""
    classifier, small, api = drawn(400, 8)
    free = StageAnswers("api", api.right, api.confidence, None, 1.0)
    found = choose_cascade([classifier, small, free], 0.9)
    assert found is not None
    assert found.nano_per_thousand is None
    assert found.seconds_per_thousand < 1000


def test_many_confidences_are_tried_evenly() -> None:
    """More thresholds than are tried: the first and the last are among them, and the choice still keeps enough."""
    found = choose_cascade(drawn(GRID * 30, 2), 0.9)
    assert found is not None
    assert found.ratio is not None
    assert found.ratio > 0.9


def test_too_little_to_choose_from() -> None:
    """One stage, or no record: there is no cascade; an API before others is a mistake of the caller."""
    api = stage("api", [True], [None])
    assert choose_cascade([api], 0.9) is None
    assert choose_cascade([stage("small", [], []), stage("api", [], [])], 0.9) is None
    with pytest.raises(ValueError, match="last stage"):
        choose_cascade([api, stage("small", [True], [0.5])], 0.9)
    alone = choose_cascade([stage("small", [True], [0.5]), api], 0.9)
    assert alone is not None
    assert [one.name for one in alone.stages] == ["api"]
