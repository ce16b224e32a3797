"""Two labellers: Cohen's kappa as scikit-learn has it, and the share of wrong labels that an agreement stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from models.evaluation.agreement import find_error, measure_agreement

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=60)


@given(PAIRS.filter(lambda pairs: len({one for pair in pairs for one in pair}) > 1))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    """The value is that of the library, and lies in its interval."""
    first, second = zip(*pairs, strict=True)
    found = measure_agreement("second", first, second)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)
    assert found.same.count == sum(one == other for one, other in pairs)
    if found.kappa.interval is not None and found.kappa.value is not None:
        assert found.kappa.interval.low <= found.kappa.value <= found.kappa.interval.high


def test_a_published_table() -> None:
    """Two raters of 50 proposals, 20 and 15 alike, 5 and 10 not: kappa is 0.4."""
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    found = measure_agreement("second", *zip(*pairs, strict=True))
    assert found.kappa.value == pytest.approx(0.4)
    assert found.same.value == pytest.approx(0.7)
    assert found.kappa.interval is not None
    assert (found.kappa.interval.low, found.kappa.interval.high) == pytest.approx((0.15, 0.64), abs=0.05)


def test_labellers_who_always_say_the_same_one_thing() -> None:
    """Chance would agree as often: there is no kappa."""
    assert measure_agreement("second", ["a"] * 5, ["a"] * 5).kappa.value is None


@given(st.floats(0, 0.5))
def test_the_error_behind_an_agreement(error: float) -> None:
    """Two who err so often agree on (1 - e)^2 + e^2; less than half tells nothing."""
    assert find_error((1 - error) ** 2 + error**2) == pytest.approx(error, abs=1e-6)
    assert find_error(0.3) == 0.5


def test_nobody_labelled_twice() -> None:
    """Without a record that both labelled there is nothing to compare."""
    with pytest.raises(ValueError, match="nobody labelled a record twice"):
        measure_agreement("second", [], [])
