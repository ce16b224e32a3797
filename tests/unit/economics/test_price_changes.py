"""A price change is named whether it was dated ahead or corrected, and only where the amount is another."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from models.economics.price_changes import (
    PriceChange,
    change_of_each_model,
    describe_change,
    find_price_changes,
    prices_in_force,
)
from models.economics.pricing import ALWAYS, Price

OLD = Price("openai", "m", ALWAYS, None, 100, 10, 500, "a")
SINCE, DAY = date(2026, 10, 1), date(2026, 11, 30)


def test_a_dated_price_takes_over_on_its_day() -> None:
    """The price that began last is in force; before its day the older one is."""
    new = replace(OLD, effective_from=SINCE, input_nano_per_mtok=80)
    ended = replace(OLD, effective_to=SINCE)
    for dated in ([ended, new], [new, ended], [OLD, new]):
        assert prices_in_force(dated, date(2026, 9, 30))[0].input_nano_per_mtok == 100
        assert prices_in_force(dated, DAY) == [new]
    (change,) = find_price_changes(
        prices_in_force([OLD, new], date(2026, 9, 1)), prices_in_force([OLD, new], DAY)
    )
    assert (change.provider, change.model, change.before, change.now) == ("openai", "m", OLD, new)


def test_a_correction_of_the_same_date_counts() -> None:
    """Of two versions of one date the later one is in force."""
    corrected = replace(OLD, output_nano_per_mtok=600)
    assert prices_in_force([OLD, corrected], DAY) == [corrected]
    assert len(find_price_changes([OLD], [corrected])) == 1


def test_sources_days_and_unknown_models_are_no_change() -> None:
    """Another release that says the same, and a model that only one side knows, have not changed."""
    same = replace(OLD, source="b", effective_from=SINCE)
    assert find_price_changes([OLD], [same]) == []
    assert find_price_changes([OLD], [replace(OLD, model="n", input_nano_per_mtok=1)]) == []
    assert find_price_changes([], [OLD]) == []


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 10**9)))
def test_a_change_is_named_exactly_where_an_amount_differs(
    asked: int, given_: int, cached: int | None
) -> None:
    """Any of the amounts that differs is a change, and none is named where all are the same."""
    now = replace(
        OLD, input_nano_per_mtok=asked, output_nano_per_mtok=given_, cached_input_nano_per_mtok=cached
    )
    assert bool(find_price_changes([OLD], [now])) == ((asked, cached, given_) != (100, 10, 500))


def test_what_changed_is_said_and_batches_only_where_they_changed_alone() -> None:
    """Cached input alone is named, and nothing else; another seller's model of the same name is another model."""
    before = Price("a", "m", date(2026, 1, 1), None, 150_000_000, 75_000_000, 600_000_000, "test")
    now = replace(before, cached_input_nano_per_mtok=10_000_000)
    change = PriceChange("a", "m", before, now)
    assert describe_change(change) == (
        "the price of a/m changed, for a million tokens: cached input from $0.075 to $0.01"
    )
    batches = [PriceChange(seller, "m:batch", before, now) for seller in ("a", "b")]
    assert change_of_each_model([change, *batches]) == [change, batches[1]]
