"""Prices and costs are exact, and nothing is free by accident."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from genai_prices import Usage as GenaiUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from models.economics.pricing import (
    ALWAYS,
    NANO,
    Price,
    batch_prices,
    cost_nano,
    nano_to_usd,
    price_on,
    prices_of,
    request_cost_nano,
    usd_to_nano,
)
from models.economics.published_prices import api_prices
from models.economics.upper_bound import upper_bound_nano
from models.errors import PriceUnknown, UsageError
from models.requests import Message, Usage
from models.settings import Settings

MINI = Price("openai", "gpt-4o-mini", ALWAYS, None, 150_000_000, 75_000_000, 600_000_000, "test")
TOKENS = st.integers(0, 10**9)


def _price(asked: int, cached: int | None, given_: int) -> Price:
    return Price("p", "m", ALWAYS, None, asked, cached, given_, "test")


def test_worked_example_of_500_records_a_day() -> None:
    """500 records of 1,200 in + 300 out on gpt-4o-mini cost $0.18 a day and $65.70 a year."""
    daily = 500 * cost_nano(api_prices("gpt-4o-mini")[-1], Usage(1_200, 0, 300))
    assert nano_to_usd(daily) == Decimal("0.18")
    assert nano_to_usd(365 * daily) == Decimal("65.70")


def test_worked_example_of_5000_records_a_day() -> None:
    """5,000 records of 400 input tokens cost $0.30 a day and $109.50 a year."""
    daily = 5_000 * cost_nano(MINI, Usage(400, 0, 0))
    assert nano_to_usd(daily) == Decimal("0.30")
    assert nano_to_usd(365 * daily) == Decimal("109.50")


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        (Settings().api_model, (100_000_000, 10_000_000, 125_000_000, 500_000_000)),
        ("gpt-4o-mini", (150_000_000, 75_000_000, None, 600_000_000)),
    ],
)
def test_package_knows_the_default_model(model: str, rates: tuple[int | None, ...]) -> None:
    """The default, and the one before it, are read from genai-prices with every price and the provider."""
    (price,) = api_prices(model)
    assert price.source.startswith("genai-prices ")
    assert (price.provider, price.model, price.effective_to) == ("openai", model, None)
    cache = price.cached_input_nano_per_mtok, price.cache_write_nano_per_mtok
    assert (price.input_nano_per_mtok, *cache, price.output_nano_per_mtok) == rates


def test_dated_prices_follow_each_other_without_a_gap() -> None:
    """o3 became cheaper on 2025-06-10: the day before costs the old price, the day itself the new one."""
    old, new = api_prices("o3")
    assert old.effective_to == new.effective_from == date(2025, 6, 10)
    assert price_on([old, new], date(2025, 6, 9)).input_nano_per_mtok == 10 * 10**9
    assert price_on([old, new], date(2025, 6, 10)).input_nano_per_mtok == 2 * 10**9


@pytest.mark.parametrize("model", ["no-such-model", "gpt-none", "whisper-1", ""])
def test_unknown_model_is_an_error_that_names_it(model: str) -> None:
    """A model without a token price stops before the run, naming the model and the setting."""
    with pytest.raises(PriceUnknown, match="BREAKEVEN_API_MODEL") as caught:
        api_prices(model)
    assert repr(model) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_price_on_a_day_before_the_first() -> None:
    """A day that no price covers is unknown, not free."""
    late = Price("p", "m", date(2026, 1, 1), None, 1, None, 1, "test")
    with pytest.raises(PriceUnknown, match="m is known for 2025-12-31"):
        price_on([late], date(2025, 12, 31))


def test_every_openai_chat_price_is_exact() -> None:
    """No price of OpenAI in the package is finer than a nano-dollar per million tokens."""
    provider = next(p for p in get_snapshot().providers if p.id == "openai")
    known = 0
    for info in provider.models:
        try:
            known += bool(api_prices(info.id))
        except PriceUnknown:
            continue
    assert known > 20


def test_cached_tokens_without_a_discount_cost_the_input_price() -> None:
    """A missing cached price means no discount, not free tokens."""
    assert cost_nano(_price(10**6, None, 0), Usage(7, 5, 0)) == 7


def test_half_a_nano_dollar_rounds_up_once() -> None:
    """Three halves that are rounded apart would come to 3; rounded once they come to 2."""
    assert cost_nano(_price(500_000, 500_000, 500_000), Usage(1, 0, 0)) == 1
    assert cost_nano(_price(500_000, 500_000, 500_000), Usage(2, 1, 1)) == 2


def test_a_price_of_cache_writes_is_charged_for_them_alone() -> None:
    """gpt-6-luna: 1,000 plain, 2,000 read and 3,000 written tokens and 400 answered, half of them in reasoning, cost $0.000695."""
    (luna,) = api_prices("gpt-6-luna")
    used = Usage(6_000, 2_000, 400, 200, 3_000)
    assert cost_nano(luna, used) == 1_000 * 100 + 2_000 * 10 + 3_000 * 125 + 400 * 500 == 695_000
    (batched,) = batch_prices([luna], Decimal("0.5"))
    assert (batched.cache_write_nano_per_mtok, cost_nano(batched, used)) == (62_500_000, 347_500)


def test_cache_writes_without_a_price_cost_the_input_price() -> None:
    """Models before GPT-5.6 charge writes as any other input, and so does a price that names none."""
    assert cost_nano(MINI, Usage(10, 2, 0, cache_write_tokens=5)) == 8 * 150 + 2 * 75
    assert batch_prices([MINI], Decimal("0.5"))[0].cache_write_nano_per_mtok is None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(1, 2, 0),
        Usage(-1, 0, 0),
        Usage(0, 0, -1),
        Usage(5, -1, 0),
        Usage(5, 3, 0, 0, 3),
        Usage(5, 0, 0, 0, -1),
    ],
)
def test_impossible_counts_raise(usage: Usage) -> None:
    """Negative counts, and more cached and written tokens than input, are an error and no discount."""
    with pytest.raises(ValueError, match="impossible"):
        cost_nano(MINI, usage)


@given(st.tuples(TOKENS, TOKENS, TOKENS, TOKENS), st.tuples(TOKENS, TOKENS, TOKENS, TOKENS))
def test_cost_is_the_exact_fraction_rounded_half_up(
    counts: tuple[int, int, int, int], rates: tuple[int, int, int, int]
) -> None:
    """The integer cost is never more than half a nano-dollar from the exact fraction."""
    fresh, cached, written, output = counts
    price = replace(_price(rates[0], rates[1], rates[3]), cache_write_nano_per_mtok=rates[2])
    cost = cost_nano(price, Usage(fresh + cached + written, cached, output, 0, written))
    exact = sum(count * rate for count, rate in zip(counts, rates, strict=True))
    assert -500_000 < cost * 10**6 - exact <= 500_000


@given(TOKENS, TOKENS, TOKENS)
def test_cost_grows_with_tokens(fresh: int, output: int, more: int) -> None:
    """More tokens never cost less."""
    assert cost_nano(MINI, Usage(fresh, 0, output)) <= cost_nano(MINI, Usage(fresh + more, 0, output + more))


@given(st.integers(-(10**40), 10**40))
def test_nano_dollars_survive_the_way_through_dollars(nano: int) -> None:
    """Integer -> Decimal -> integer is the same integer, beyond Decimal's default precision too."""
    assert usd_to_nano(nano_to_usd(nano)) == nano


@pytest.mark.parametrize("usd", [Decimal("0.0000000001"), Decimal("NaN"), Decimal("Infinity")])
def test_amounts_that_are_no_nano_dollars_raise(usd: Decimal) -> None:
    """An amount that cannot be stored exactly is refused instead of rounded."""
    with pytest.raises(UsageError):
        usd_to_nano(usd)


# --- prices of one's own, and the Batch API's


def _settings(**fields: object) -> Settings:
    return Settings.model_validate({"api_model": "my-model", **fields})


def test_a_price_of_ones_own_comes_before_the_package() -> None:
    """A model that no package knows is priced by the settings, for all time and with that as its source."""
    (price,) = prices_of(_settings(api_input_usd_per_mtok="0.15", api_output_usd_per_mtok="0.6"))
    assert price == Price("settings", "my-model", ALWAYS, None, 150_000_000, None, 600_000_000, "settings")
    known = {"api_model": "gpt-4o-mini", "api_input_usd_per_mtok": "1", "api_output_usd_per_mtok": "2"}
    (own,) = prices_of(_settings(**known, api_cached_input_usd_per_mtok="0.5"))
    assert (own.provider, own.cached_input_nano_per_mtok) == ("settings", NANO // 2)
    (own,) = prices_of(_settings(**known, api_cache_write_usd_per_mtok="1.25"))
    assert own.cache_write_nano_per_mtok == 5 * NANO // 4


def test_without_a_price_of_ones_own_the_package_is_asked() -> None:
    """Known models are priced as ever; an unknown one is told both ways out."""
    assert prices_of(_settings(api_model="o3")) == api_prices("o3")
    with pytest.raises(PriceUnknown, match="INPUT_USD_PER_MTOK and BREAKEVEN_API_OUTPUT_USD_PER_MTOK"):
        prices_of(_settings())


@pytest.mark.parametrize(
    "given_",
    [
        {"api_input_usd_per_mtok": "1"},
        {"api_output_usd_per_mtok": "1"},
        {"api_cached_input_usd_per_mtok": "1"},
        {"api_cache_write_usd_per_mtok": "1"},
        {"api_input_usd_per_mtok": "0", "api_cached_input_usd_per_mtok": "0"},
    ],
)
def test_half_a_price_is_bad_usage(given_: dict[str, object]) -> None:
    """The half that is missing is neither 0 nor the package's."""
    with pytest.raises(UsageError, match="needs both BREAKEVEN_API_INPUT_USD_PER_MTOK") as caught:
        prices_of(_settings(api_model="gpt-4o-mini", **given_))
    assert "\n" not in str(caught.value)


def test_only_a_price_that_was_written_is_zero() -> None:
    """A server of one's own may cost nothing, because its owner said so."""
    (price,) = prices_of(_settings(api_input_usd_per_mtok="0", api_output_usd_per_mtok="0"))
    assert cost_nano(price, Usage(10**6, 0, 10**6)) == 0


def test_a_batch_costs_half() -> None:
    """Each dated price has a counterpart for the batch, named and sourced as such."""
    old, new = batch_prices(api_prices("o3"), Decimal("0.5"))
    assert (old.model, old.provider, old.effective_to) == ("o3:batch", "openai", new.effective_from)
    assert new.input_nano_per_mtok == NANO
    assert new.source.endswith(", less 50 % (batch)")
    (uncached,) = batch_prices([_price(10, None, 10)], Decimal("0.333"))
    assert uncached.cached_input_nano_per_mtok is None
    assert uncached.source == "test, less 33.3 % (batch)"


@given(TOKENS, TOKENS, TOKENS, st.decimals(0, 1, places=4).filter(lambda discount: discount < 1))
def test_a_batch_price_is_the_exact_share_rounded_half_up(
    asked: int, cached: int, given_: int, discount: Decimal
) -> None:
    """No price is more than half a nano-dollar from the exact share, and none is above the full one."""
    price = _price(asked, cached, given_)
    (batch,) = batch_prices([price], discount)
    for full, less in (
        (asked, batch.input_nano_per_mtok),
        (cached, batch.cached_input_nano_per_mtok),
        (given_, batch.output_nano_per_mtok),
    ):
        assert less is not None
        assert less <= full
        assert -Decimal("0.5") < less - full * (1 - discount) <= Decimal("0.5")


@pytest.mark.parametrize("discount", [Decimal(1), Decimal("-0.1"), Decimal(2)])
def test_a_discount_that_cannot_be_raises(discount: Decimal) -> None:
    """A discount of all would make requests free, one below 0 dearer."""
    with pytest.raises(ValueError, match="0 <= discount < 1"):
        batch_prices([MINI], discount)


@given(
    st.sampled_from(["gpt-6-luna", "claude-haiku-5-5"]),
    st.one_of(st.integers(0, 600_000), st.sampled_from([100_000, 100_001, 272_000, 272_001])),
    st.integers(0, 100),
    st.integers(0, 50_000),
)
def test_a_long_prompt_costs_what_the_package_itself_works_out(
    model: str, asked: int, cached_percent: int, given_: int
) -> None:
    """Below, at and above the length from which every token costs more, against the package's own calculation."""
    cached = asked * cached_percent // 100
    counted = GenaiUsage(input_tokens=asked, cache_read_tokens=cached, output_tokens=given_)
    expected = calc_price(counted, model).total_price
    (price,) = api_prices(model)
    found = request_cost_nano(price, Usage(asked, cached, given_))
    assert abs(nano_to_usd(found) - expected) <= Decimal("0.5e-9")


def test_a_long_prompt_is_bounded_at_its_own_price() -> None:
    """A bound above the threshold costs at least what the dearer price makes of it; batches have it less the discount."""
    (price,) = api_prices("gpt-6-luna")
    (batch,) = batch_prices([price], Decimal("0.5"))
    text = "x" * 300_000
    most = upper_bound_nano(price, [Message("user", text)], None, 1_000)
    assert most >= request_cost_nano(price, Usage(300_000, 0, 1_000)) == 300_000 * 200 + 1_000 * 750
    assert request_cost_nano(batch, Usage(300_000, 0, 1_000)) == 300_000 * 100 + 1_000 * 375
    assert request_cost_nano(price, Usage(272_000, 0, 1_000)) == 272_000 * 100 + 1_000 * 500
    assert cost_nano(price, Usage(300_000_000, 0, 0)) == 300_000_000 * 100  # a sum knows no single request
