"""The threshold: each point does what production's router does, and the chosen one is the cheapest that keeps enough."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import nan, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.balance import ClassHits
from models.evaluation.figures import Threshold
from models.evaluation.intervals import share
from models.evaluation.threshold import choose_threshold
from models.evaluation.verdict import compare
from models.routing.policy import Policy
from models.routing.rules import find_reason

Row = tuple[float | None, bool, bool]

SMALL, API = Fraction(1000, 3), Fraction(40_000)
CONFIDENCES = (
    st.none() | st.floats(0, 1) | st.sampled_from([0.0, 0.5, nextafter(0.5, 1), 1.0, nextafter(1, 0)])
)
ROWS = st.lists(st.tuples(CONFIDENCES, st.booleans(), st.booleans()), max_size=60).map(
    lambda rows: [(confidence, small and confidence is not None, api) for confidence, small, api in rows]
)


def tried(
    rows: Sequence[Row],
    keep: float = 0.9,
    small: Fraction | None = SMALL,
    api: Fraction | None = API,
) -> Threshold:
    """Try the thresholds on rows of confidence, right by the small model, right by the API."""
    columns = [[row[at] for row in rows] for at in range(3)]
    return choose_threshold(columns[0], columns[1], columns[2], small, api, keep)  # type: ignore[arg-type]


def goes(at: float, confidence: float | None) -> bool:
    """Whether production's router sends a record on; None is the confidence of an answer that is not valid."""
    policy = Policy(min_confidence=at)
    return (
        find_reason(policy, rejection=None, valid=confidence is not None, confidence=confidence) is not None
    )


def test_a_case_by_hand() -> None:
    """Four records: the threshold goes up past 0.2, 0.6 and 0.9, and each step trades one answer for the API's."""
    found = tried([(0.6, False, True), (0.2, False, True), (0.9, True, True), (None, False, False)])
    assert [point.threshold for point in found.curve] == pytest.approx([0, 0.4, 0.75, 0.95])
    assert [point.escalated.count for point in found.curve] == [1, 2, 3, 4]
    assert [point.accuracy.count for point in found.curve] == [1, 2, 3, 3]
    assert [point.ratio for point in found.curve] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    # 1,000 x (333.33 + a quarter of 40,000 for each that goes)
    expected = [10_333_333, 20_333_333, 30_333_333, 40_333_333]
    assert [point.nano_per_thousand for point in found.curve] == expected
    assert found.chosen is None  # three right answers prove nothing
    assert found.keep == 0.9


@given(ROWS)
def test_each_point_sends_what_production_sends(rows: list[Row]) -> None:
    """At each threshold the router sends exactly as many; accuracy and ratio are those of the answers then published."""
    for point in tried(rows).curve:
        sent = [goes(point.threshold, confidence) for confidence, _, _ in rows]
        published = [api if go else small for go, (_, small, api) in zip(sent, rows, strict=True)]
        assert point.escalated == share(sum(sent), len(rows))
        assert point.accuracy == share(sum(published), len(rows))
        against = compare("small", "api", published, [api for _, _, api in rows], predict=False)
        assert (point.ratio, point.interval) == (against.ratio, against.interval)


@given(ROWS)
def test_every_set_that_a_threshold_can_send_is_there(rows: list[Row]) -> None:
    """One point for each distinct confidence below 1 and one for 0, each sending more than the one before."""
    curve = tried(rows).curve
    assert len(curve) == 1 + len({one for one, _, _ in rows if one is not None and one < 1})
    assert curve[0].threshold == 0
    assert all(one.escalated.count < other.escalated.count for one, other in pairwise(curve))
    assert all(one.threshold < other.threshold <= 1 for one, other in pairwise(curve))


@given(ROWS)
def test_more_escalation_never_costs_less(rows: list[Row]) -> None:
    """Every record costs the small model, and each that goes the API as well."""
    costs = [point.nano_per_thousand for point in tried(rows).curve if point.nano_per_thousand is not None]
    assert costs == sorted(costs)
    assert bool(costs) is bool(rows)


@given(ROWS.map(lambda rows: [row for row in rows if row[0] != 1]))
def test_sending_all_gives_the_apis_accuracy(rows: list[Row]) -> None:
    """The last point is the API alone, at the price of both."""
    last = tried(rows).curve[-1]
    right = sum(api for _, _, api in rows)
    assert (last.escalated.count, last.accuracy.count) == (len(rows), right)
    assert last.ratio == (1 if right else None)


@given(ROWS, st.sampled_from([0.5, 0.8, 0.9]))
def test_the_chosen_is_the_cheapest_that_surely_keeps_it(rows: list[Row], keep: float) -> None:
    """What is then answered would be called viable, and no point that sends fewer would."""
    found = tried(rows, keep)
    enough = [point for point in found.curve if is_viable(rows, point.threshold, keep)]
    assert found.chosen == (min(enough, key=lambda point: point.escalated.count) if enough else None)


def is_viable(rows: Sequence[Row], at: float, keep: float) -> bool:
    """Whether the verdict on what is answered at a threshold would be viable."""
    published = [api if goes(at, confidence) else small for confidence, small, api in rows]
    found = compare("small", "api", published, [api for _, _, api in rows], keep, predict=False)
    return found.viability == "viable"


def test_a_ratio_that_only_seems_enough_is_not_chosen() -> None:
    """49 of the API's 50 right at threshold 0 is 98 %, but may be less than 90 %: the unsure one is sent."""
    rows: Sequence[Row] = [(0.9, True, True)] * 49 + [(0.3, False, True)]
    first, second, _ = tried(rows).curve
    assert first.ratio is not None
    assert first.interval is not None
    assert first.interval.low < 0.9 < first.ratio
    assert tried(rows).chosen == second
    assert second.escalated.count == 1


def test_what_is_good_enough_sends_nothing() -> None:
    """Right wherever the API is: threshold 0 is chosen, and the API costs nothing."""
    found = tried([(at / 100, True, True) for at in range(100)])
    assert found.chosen == found.curve[0]
    assert found.chosen is not None
    assert (found.chosen.threshold, found.chosen.nano_per_thousand) == (0, 333_333)


def test_unknown_prices_are_unknown_costs() -> None:
    """Without the API's price only what sends nothing has a cost; without the small model's nothing has."""
    rows: list[Row] = [(0.5, True, True), (0.7, True, True)]
    assert [point.nano_per_thousand for point in tried(rows, api=None).curve] == [333_333, None, None]
    assert [point.nano_per_thousand for point in tried(rows, small=None).curve] == [None] * 3


def test_records_of_confidence_one_never_go() -> None:
    """No threshold that can be set is above 1; not-a-number counts as 0, as in production."""
    found = tried([(1.0, False, True), (nan, False, True)])
    assert [point.escalated.count for point in found.curve] == [0, 1]
    assert [goes(point.threshold, nan) for point in found.curve] == [False, True]
    assert [goes(point.threshold, 1.0) for point in found.curve] == [False, False]


def test_neighbouring_floats_are_told_apart() -> None:
    """Between two confidences without a number between them the threshold is the higher one."""
    low, high = 0.5, nextafter(0.5, 1)
    found = tried([(low, True, True), (high, True, True)])
    assert found.curve[1].threshold == high
    assert [point.escalated.count for point in found.curve] == [0, 1, 2]


def test_no_records_and_none_with_an_answer() -> None:
    """Nothing to go by is no crash: a point without a share; and without answers all goes at every threshold."""
    found = tried([])
    assert (found.chosen, len(found.curve), found.curve[0].accuracy.value) == (None, 1, None)
    assert found.curve[0].nano_per_thousand is None
    unanswered = tried([(None, False, True)] * 50)
    assert [point.escalated.count for point in unanswered.curve] == [50]
    assert unanswered.chosen == unanswered.curve[0]


@given(st.integers(195, 1200), st.integers(0, 1200))
def test_a_long_curve_is_thinned_but_the_choice_is_from_all(records: int, wrong: int) -> None:
    """At most 200 points with the ends and the chosen, which is the same as among all."""
    rows: list[Row] = [(at / records, at >= wrong, True) for at in range(records)]
    found = tried(rows)
    assert len(found.curve) == min(records + 1, 200) or (found.chosen and len(found.curve) >= 199)
    assert [found.curve[0].escalated.count, found.curve[-1].escalated.count] == [0, records]
    assert found.chosen in found.curve
    assert found.chosen is not None
    one_less = max(0, found.chosen.escalated.count - 1)
    published = [api if at < one_less else small for at, (_, small, api) in enumerate(rows)]
    before = compare("small", "api", published, [True] * records, predict=False)
    assert one_less == found.chosen.escalated.count or before.viability != "viable"


def test_a_constant_answer_is_no_reason_to_send_nothing() -> None:
    """950 of 1,000 records have one label, which the small model always gives: accuracy alone would send nothing on."""
    truths = [frozenset({"usual"})] * 950 + [frozenset({"rare"})] * 50
    right = [True] * 950 + [False] * 50
    found = [truth if ok else frozenset() for truth, ok in zip(truths, right, strict=True)]
    hits = (ClassHits(truths, found), ClassHits(truths, truths))
    confidences = [0.9] * 950 + [0.4] * 50
    alone = choose_threshold(confidences, right, [True] * 1000, SMALL, API)
    balanced = choose_threshold(confidences, right, [True] * 1000, SMALL, API, hits=hits)
    assert alone.chosen is not None
    assert alone.chosen.escalated.count == 0
    assert balanced.chosen is None or balanced.chosen.escalated.count >= 50
