"""Sums of tokens at other prices are exact, rounded once, and say what they do not know."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.pricing import ALWAYS, Price, cost_nano
from models.economics.repricing import PricedUsage, cost_at, find_largest_rise, reprice
from models.economics.repricing_prices import RepricingPrices, parse_supposed_price
from models.errors import UsageError
from models.requests import Usage

DAY = date(2026, 11, 23)
NOTHING = Usage(0, 0, 0)
MINI = Price("openai", "mini", ALWAYS, None, 150_000_000, 75_000_000, 600_000_000, "test")
BATCH = replace(
    MINI, model="mini:batch", input_nano_per_mtok=75_000_000, output_nano_per_mtok=300_000_000, source="b"
)
RATES = st.integers(0, 10**11)
PRICES = st.builds(
    lambda asked, cached, given_, written: replace(
        MINI,
        input_nano_per_mtok=asked,
        cached_input_nano_per_mtok=cached,
        output_nano_per_mtok=given_,
        cache_write_nano_per_mtok=written,
    ),
    RATES,
    st.none() | RATES,
    RATES,
    st.none() | RATES,
)
TOKENS = st.builds(
    lambda fresh, cached, out, written: Usage(fresh + cached + written, cached, out, 0, written),
    *[st.integers(0, 10**6)] * 4,
)


def usage(**changes: Any) -> PricedUsage:  # noqa: ANN401  any field
    """Usage of one API attempt that used nothing; `changes` are fields."""
    plain = PricedUsage(DAY, MINI, MINI, 1, 1, 0, NOTHING, 0, 0, 0, NOTHING, 0, 0)
    return replace(plain, **changes)


def total(used: Sequence[Usage]) -> Usage:
    """Sum token counts."""
    return Usage(
        sum(one.input_tokens for one in used),
        sum(one.cached_tokens for one in used),
        sum(one.output_tokens for one in used),
        cache_write_tokens=sum(one.cache_write_tokens for one in used),
    )


@given(PRICES, st.lists(TOKENS, min_size=1, max_size=20))
def test_the_same_prices_give_what_was_written(price: Price, used: list[Usage]) -> None:
    """Lines round one by one, a repriced sum once: they differ by at most half a nano-dollar a line."""
    written = sum(cost_nano(price, one) for one in used)
    sums = usage(
        price=price,
        counterfactual_price=price,
        attempts=len(used),
        known_tokens=len(used),
        tokens=total(used),
        cost_nano=written,
        counterfactual_tokens=total(used),
        counterfactual_nano=written,
    )
    found = reprice([sums], RepricingPrices([price]))
    assert (found.cost_nano, found.counterfactual_nano, found.unknown) == (written, written, 0)
    assert found.difference_nano is not None
    assert 2 * abs(found.difference_nano) <= len(used)
    assert found.difference_nano == found.counterfactual_difference_nano


@given(PRICES, PRICES, st.lists(TOKENS, min_size=1, max_size=20))
def test_a_repriced_sum_is_exact_and_rounded_half_up_once(old: Price, new: Price, used: list[Usage]) -> None:
    """However usage is grouped, the sum is that of the exact fractions, half a nano-dollar upwards."""
    cached, written = new.cached_input_nano_per_mtok, new.cache_write_nano_per_mtok
    rate = new.input_nano_per_mtok if cached is None else cached
    of_writes = new.input_nano_per_mtok if written is None else written
    exact = sum(
        Fraction(
            (one.input_tokens - one.cached_tokens - one.cache_write_tokens) * new.input_nano_per_mtok
            + one.cached_tokens * rate
            + one.cache_write_tokens * of_writes
            + one.output_tokens * new.output_nano_per_mtok,
            10**6,
        )
        for one in used
    )
    found = reprice([usage(price=old, tokens=one, cost_nano=7) for one in used], RepricingPrices([new]))
    assert found.repriced_nano == (exact + Fraction(1, 2)).__floor__()
    assert found.cost_nano == 7 * len(used)


@given(PRICES, PRICES, TOKENS, TOKENS)
def test_an_upper_bound_stays_one(old: Price, new: Price, most: Usage, used: Usage) -> None:
    """Whatever an attempt used within its bound, at the new price it costs no more than the scaled bound."""
    plain = replace(most, cached_tokens=0, cache_write_tokens=0)
    ways = (
        plain,
        replace(plain, cached_tokens=most.input_tokens),
        replace(plain, cache_write_tokens=most.input_tokens),
    )
    bound = max(cost_nano(old, way) for way in ways)
    sums = usage(price=old, known_tokens=0, cost_nano=bound, upper_bound_nano=bound)
    found = reprice([sums], RepricingPrices([new]))
    rise = find_largest_rise(old, new)
    if rise is None:
        assert (found.repriced_nano, found.unknown, found.bounded) == (None, 1, 0)
        return
    asked = min(used.input_tokens, most.input_tokens)
    cached = min(used.cached_tokens, asked)
    spent = Usage(
        asked,
        cached,
        min(used.output_tokens, most.output_tokens),
        cache_write_tokens=min(used.cache_write_tokens, asked - cached),
    )
    assert found.repriced_nano == found.upper_bound_nano
    assert found.bounded == 1
    assert cost_nano(new, spent) <= found.upper_bound_nano + rise / 2 + 1  # bound and cost were rounded


def _at_rates(asked: int, cached: int | None, given_: int, written: int | None) -> Price:
    return Price("p", "m", ALWAYS, None, asked, cached, given_, "s", written)


@pytest.mark.parametrize(
    ("old", "new", "rise"),
    [
        ((100, None, 400, None), (100, None, 400, None), Fraction(1)),
        ((100, None, 400, None), (50, None, 600, None), Fraction(3, 2)),
        ((100, None, 400, None), (0, None, 0, None), Fraction(0)),
        ((100, 200, 400, None), (300, None, 400, None), Fraction(3, 2)),
        ((100, None, 400, None), (100, 300, 400, None), Fraction(3)),
        ((100, None, 400, None), (100, 10, 400, 125), Fraction(5, 4)),
        ((0, None, 400, None), (0, None, 200, None), Fraction(1, 2)),
        ((0, None, 400, None), (1, None, 400, None), None),
        ((0, None, 0, None), (0, None, 0, None), Fraction(0)),
    ],
)
def test_how_far_a_bound_rises(
    old: tuple[int, int | None, int, int | None],
    new: tuple[int, int | None, int, int | None],
    rise: Fraction | None,
) -> None:
    """By the larger of the two ratios, at the dearest input; not at all known where something was free."""
    before, after = (_at_rates(*rates) for rates in (old, new))
    assert find_largest_rise(before, after) == rise


def test_known_and_bounded_lines_of_one_sum() -> None:
    """A sum adds what is known at the new price to the scaled bound of the rest, and names that part."""
    double = replace(
        MINI,
        input_nano_per_mtok=300_000_000,
        cached_input_nano_per_mtok=150_000_000,
        output_nano_per_mtok=1_200_000_000,
    )
    tokens = Usage(1000, 200, 100)
    sums = usage(
        attempts=3,
        known_tokens=2,
        tokens=tokens,
        cost_nano=195_000 + 1_001,
        upper_bound_nano=1_001,
        estimated=1,
    )
    found = reprice([sums], RepricingPrices([double]))
    assert found.repriced_nano == 2 * 195_000 + 2_002
    assert (found.upper_bound_nano, found.bounded, found.estimated, found.attempts) == (2_002, 1, 1, 3)
    assert found.difference_nano == 195_000 + 1_001


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"unknown_cost": 1, "known_tokens": 0}, {"cost_nano", "repriced_nano"}),
        ({"unknown_cost": 1}, {"cost_nano"}),  # its tokens are known: repricing tells what nobody wrote
        ({"unknown_cost": 1, "price": None}, {"cost_nano", "repriced_nano"}),
        ({"unknown_counterfactual": 1}, {"counterfactual_nano", "repriced_counterfactual_nano"}),
        ({"counterfactual_price": None, "counterfactual_nano": 5}, {"repriced_counterfactual_nano"}),
        ({"day": date(1969, 12, 31)}, {"repriced_nano", "repriced_counterfactual_nano"}),
        ({"price": None, "counterfactual_price": None}, set()),
    ],
)
def test_what_is_unknown_is_never_counted_as_nothing(changes: dict[str, Any], unknown: set[str]) -> None:
    """A sum over an unknown amount is None, however much of the rest is known, and the attempts are counted."""
    known = usage(tokens=Usage(10, 0, 10), cost_nano=7_500, counterfactual_tokens=Usage(10, 0, 10))
    found = reprice([known, usage(**changes)], RepricingPrices([MINI]))
    names = ("cost_nano", "repriced_nano", "counterfactual_nano", "repriced_counterfactual_nano")
    assert {name for name in names if getattr(found, name) is None} == unknown
    assert found.unknown == bool(unknown)
    if "repriced_nano" in unknown:
        assert found.difference_nano is None
    if "repriced_counterfactual_nano" in unknown:
        assert found.counterfactual_difference_nano is None


def test_gpu_time_keeps_its_cost() -> None:
    """What a local attempt cost stands on no API price; its counterfactual cost does."""
    local = usage(
        price=None, cost_nano=12_345, tokens=Usage(9, 0, 9), counterfactual_tokens=Usage(1000, 0, 0)
    )
    found = reprice([local], RepricingPrices([MINI], [parse_supposed_price("mini=1/1")]))
    assert (found.repriced_nano, found.difference_nano) == (12_345, 0)
    assert found.repriced_counterfactual_nano == 1_000_000


def test_the_price_that_began_last_holds_and_of_its_versions_the_newest() -> None:
    """As for a new line; after its end there is none."""
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    first = replace(MINI, source="1")
    later = replace(MINI, effective_from=june, effective_to=july, source="2")
    corrected = replace(later, source="3")
    book = RepricingPrices([first, later, corrected])
    days = (date(2026, 5, 31), june, date(2026, 6, 30), july)
    found = [book.on("openai", "mini", day) for day in days]
    assert [None if price is None else price.source for price in found] == ["1", "3", "3", None]
    assert book.on("openai", "other", june) is None


def test_a_supposed_price_holds_for_the_model_and_its_batches() -> None:
    """On every day, at every provider; its batches cost the discount less unless they have a price of their own."""
    settings = replace(MINI, provider="settings")
    known = [MINI, BATCH, settings]
    book = RepricingPrices(known, [parse_supposed_price("mini=2/8/1")], Decimal("0.5"))
    for provider in ("openai", "settings"):
        price = book.on(provider, "mini", DAY)
        assert price is not None
        assert (price.input_nano_per_mtok, price.cached_input_nano_per_mtok) == (2 * 10**9, 10**9)
    batch = book.on("openai", "mini:batch", DAY)
    assert batch is not None
    assert (batch.input_nano_per_mtok, batch.output_nano_per_mtok) == (10**9, 4 * 10**9)
    apart = RepricingPrices(
        known,
        [parse_supposed_price("openai/mini=2/8"), parse_supposed_price("mini:batch=0.01/0.02")],
        Decimal("0.5"),
    )
    assert apart.on("settings", "mini", DAY) == settings
    own = apart.on("openai", "mini:batch", DAY)
    assert own is not None
    assert own.input_nano_per_mtok == 10**7


def test_a_price_of_a_model_that_nobody_used_is_a_mistake() -> None:
    """It is named, with the models that there are."""
    with pytest.raises(UsageError, match=r"no price of maxi; it has prices of mini$"):
        RepricingPrices([MINI, BATCH], [parse_supposed_price("maxi=1/2")])


def test_an_entered_price_holds_until_the_next_that_is_known() -> None:
    """For each provider that has the model, and for its batches, also where none was sent yet."""
    december = date(2026, 12, 1)
    known = [MINI, replace(MINI, effective_from=december), replace(MINI, provider="settings")]
    book = RepricingPrices(known, [parse_supposed_price("mini=2/8")], Decimal("0.25"))
    found = {(one.provider, one.model): one for one in book.entered(DAY, "entered today")}
    assert set(found) == {(p, m) for p in ("openai", "settings") for m in ("mini", "mini:batch")}
    price, batch = found["openai", "mini"], found["settings", "mini:batch"]
    assert (price.effective_from, price.effective_to, price.source) == (DAY, december, "entered today")
    assert (batch.effective_to, batch.input_nano_per_mtok) == (None, 1_500_000_000)
    assert batch.source == "entered today, less 25 % (batch)"


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("gpt-4o-mini=0.15/0.60/0.075", (150_000_000, 75_000_000, 600_000_000, None)),
        ("gpt-6-luna=0.10/0.50/0.01/0.125", (100_000_000, 10_000_000, 500_000_000, 125_000_000)),
        ("org/model=1/0", (1_000_000_000, None, 0, None)),
        ("a=b=1/2", (1_000_000_000, None, 2_000_000_000, None)),
    ],
)
def test_prices_are_read_exactly(text: str, rates: tuple[int, int | None, int, int | None]) -> None:
    """Dollars per million tokens, in the order input, output, cached input, input written to a cache."""
    price = parse_supposed_price(text)
    assert price.model == text.rpartition("=")[0]
    found = (price.input_nano_per_mtok, price.cached_input_nano_per_mtok, price.output_nano_per_mtok)
    assert (*found, price.cache_write_nano_per_mtok) == rates


@pytest.mark.parametrize(
    "text",
    [
        "mini",
        "mini=",
        "mini=1",
        "=1/2",
        "mini=1/2/3/4/5",
        "mini=1/-2",
        "mini=x/2",
        "mini=1/NaN",
        "mini=1/Infinity",
        "mini=0.0000000001/1",
        "mini=1//2",
    ],
)
def test_what_is_no_price_is_refused_in_one_line(text: str) -> None:
    """Missing, negative, infinite and too fine amounts are mistakes of the user."""
    with pytest.raises(UsageError) as caught:
        parse_supposed_price(text)
    assert "\n" not in str(caught.value)


@given(st.lists(TOKENS, max_size=10), PRICES)
def test_a_candidate_costs_what_the_same_tokens_cost_at_its_price(used: list[Usage], price: Price) -> None:
    """Over any usage: exact over all tokens, rounded once, and the repriced counterfactual where the price is its own."""
    lines = [usage(counterfactual_tokens=one) for one in used]
    at_candidate = cost_at(lines, [price])
    assert at_candidate == cost_nano(price, total(used))
    book = RepricingPrices([replace(price, provider="openai", model="mini")])
    assert at_candidate == reprice(lines, book).repriced_counterfactual_nano


def test_a_candidate_is_unknown_where_tokens_or_a_price_are() -> None:
    """Records whose tokens nobody knows, and a day before the first price, make the sum unknown, not cheaper."""
    used = Usage(1_000, 0, 10)
    late = replace(MINI, effective_from=date(2026, 12, 1))
    assert cost_at([usage(counterfactual_tokens=used)], [late]) is None
    assert cost_at([usage(counterfactual_tokens=used, unknown_counterfactual=1)], [MINI]) is None
    assert cost_at([usage()], [late]) == 0
