"""The verdict: viable, not viable, or how many more labels would decide it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.balance import ClassHits
from models.evaluation.figures import Comparison
from models.evaluation.verdict import compare

CELLS = st.tuples(*[st.integers(0, 60)] * 4)


def compared(both: int, only_first: int, only_second: int, neither: int, keep: float = 0.9) -> Comparison:
    """Compare two arms that were right as often as the four counts say."""
    cells = (
        (both, True, True),
        (only_first, True, False),
        (only_second, False, True),
        (neither, False, False),
    )
    first = [one for count, one, _ in cells for _ in range(count)]
    second = [other for count, _, other in cells for _ in range(count)]
    return compare("small", "api", first, second, keep)


@pytest.mark.parametrize(
    ("cells", "viability", "more"),
    [
        ((50, 0, 0, 0), "viable", None),  # it takes 48 such records
        ((47, 0, 0, 0), "undecided", (1, 1)),
        ((270, 10, 10, 10), "viable", None),
        ((20, 0, 30, 0), "not_viable", None),
        ((45, 1, 4, 0), "undecided", (510, 3500)),  # 46 of 50 against 49: 0.939, from 0.825 to 1.042
        ((0, 0, 0, 0), "undecided", None),
        ((0, 0, 0, 1), "undecided", None),
        ((0, 1, 0, 0), "undecided", None),  # the API got nothing right: no ratio
    ],
)
def test_verdicts(cells: tuple[int, int, int, int], viability: str, more: tuple[int, int] | None) -> None:
    """Known tables, down to one record and none."""
    found = compared(*cells)
    assert (found.both, found.only_first, found.only_second, found.neither) == cells
    assert found.viability == viability
    assert (found.more_half, found.more) == (more or (None, None))
    assert (found.first, found.second) == ("small", "api")


def test_45_of_50_beside_a_perfect_api_is_no_verdict() -> None:
    """The ratio is the rule's own 90 %, and its interval reaches from 79 to 98 %, at one look."""
    found = compared(45, 0, 5, 0)
    assert found.ratio == pytest.approx(0.9)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.7864, 0.9768), abs=1e-4)
    assert found.viability == "undecided"
    assert found.always is not None
    assert found.always.low < found.interval.low < found.interval.high < found.always.high


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_the_range_asked_for(cells: tuple[int, int, int, int]) -> None:
    """Half of the cases take no more labels than four of five, and neither is asked for where it is decided."""
    found = compared(*cells)
    assert (found.more is None) is (found.more_half is None)
    if found.more is not None and found.more_half is not None:
        assert found.viability == "undecided"
        assert 1 <= found.more_half <= found.more <= 100_000


@given(CELLS)
def test_the_verdict_follows_the_interval(cells: tuple[int, int, int, int]) -> None:
    """Decided only where the whole interval is on one side, and then nothing more is asked for."""
    found = compared(*cells)
    if found.always is None:
        assert (found.viability, found.ratio, found.more) == ("undecided", None, None)
        return
    assert (found.viability == "viable") is (found.always.low >= 0.9)
    assert (found.viability == "not_viable") is (found.always.high < 0.9)
    assert found.viability == "undecided" or found.more is None


def test_arms_of_unequal_length_are_refused() -> None:
    """Records that only one arm has cannot be paired."""
    with pytest.raises(ValueError, match="shorter"):
        compare("small", "api", [True, True], [True])


def of_two_labels(
    usual: tuple[int, int], rare: tuple[int, int], rare_right: int
) -> tuple[list[bool], list[bool], tuple[ClassHits, ClassHits]]:
    """Return what two arms got right, by label. Of each label: records, and how many of them the first has right.

    The second is right on all usual records and on `rare_right` rare ones.
    """
    truths = [frozenset({"usual"})] * usual[0] + [frozenset({"rare"})] * rare[0]
    first = [at < usual[1] for at in range(usual[0])] + [at < rare[1] for at in range(rare[0])]
    second = [True] * usual[0] + [at < rare_right for at in range(rare[0])]
    found = [
        [truth if ok else frozenset[str]() for truth, ok in zip(truths, one, strict=True)]
        for one in (first, second)
    ]
    return first, second, (ClassHits(truths, found[0]), ClassHits(truths, found[1]))


@pytest.mark.parametrize("records", [50, 100, 1000])
@pytest.mark.parametrize("rare", [0.02, 0.05, 0.1])
def test_the_majority_label_alone_is_never_good_enough(records: int, rare: float) -> None:
    """A model that always gives the label that 90 to 98 % of the records have keeps the accuracy, and half of the balanced one."""
    few = round(records * rare)
    first, second, hits = of_two_labels((records - few, records - few), (few, 0), few)
    found = compare("small", "api", first, second, hits=hits, predict=False)
    assert found.viability != "viable"
    assert found.balanced is not None
    assert (found.balanced.first, found.balanced.second) == pytest.approx((0.5, 1.0))
    assert (found.balanced.rarest, found.balanced.rarest_records) == ("rare", few)
    if (records, rare) == (1000, 0.05):
        assert (
            compare("small", "api", first, second, predict=False).viability == "viable"
        )  # by accuracy alone


def test_a_model_that_is_good_at_both_labels_is_good_enough() -> None:
    """With enough records of the rare label; with few it is open, and the range asked for counts both measures."""
    first, second, hits = of_two_labels((400, 396), (60, 59), 60)
    assert compare("small", "api", first, second, hits=hits).viability == "viable"
    first, second, hits = of_two_labels((95, 95), (5, 5), 5)
    open_ = compare("small", "api", first, second, hits=hits)
    assert open_.viability == "undecided"
    assert open_.more is not None
    assert open_.more > 50
    assert compare("small", "api", first, second).viability == "viable"


def test_one_class_alone_tells_nothing_of_the_others() -> None:
    """Records that all have the same right answer are no proof, however many."""
    first, second, hits = of_two_labels((500, 500), (0, 0), 0)
    found = compare("small", "api", first, second, hits=hits)
    assert (found.viability, found.more) == ("undecided", None)


def test_wrong_labels_that_a_verdict_stands() -> None:
    """More than `noise` wrong labels would leave it open: measured back from accuracies that the noise has drawn to chance."""
    found = compared(900, 20, 60, 20)
    assert found.viability == "viable"
    assert found.noise is not None
    assert 0.005 < found.noise < 0.5
    assert compared(45, 1, 4, 0).noise is None
    true_ratio = (0.92 - found.noise) / (0.96 - found.noise)
    assert 0.9 < true_ratio < 0.92 / 0.96
