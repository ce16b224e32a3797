"""Prices that differ by the hour: an attempt costs what its own hour does, and what knows no hour the highest."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.types import Usage as PackageUsage
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue.published_prices import read_published
from models.economics.day_parts import dated_parts
from models.economics.pricing import Price, batch_prices, price_on, request_cost_nano
from models.economics.published_prices import api_prices
from models.economics.upper_bound import upper_bound_nano
from models.requests import Message, Usage

DAY = date(2026, 11, 30)
USAGE = Usage(10_000, 4_000, 700)
PEAKED = ("deepseek-v4-flash", "deepseek-v4-pro", "deepseek-chat", "deepseek-reasoner")


def package_nano(model: str, at: datetime) -> int:
    """Return what the package itself works out for `USAGE` at a moment, in nano-dollars."""
    usage = PackageUsage(input_tokens=10_000, cache_read_tokens=4_000, output_tokens=700)
    found = read_published().snapshot.calc(usage, model, "deepseek", None, at)
    return int((found.total_price * 10**9).quantize(Decimal(1), "ROUND_HALF_UP"))


@pytest.mark.parametrize("model", PEAKED)
@given(seconds=st.integers(0, 86_399), day=st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_an_attempt_costs_what_the_package_says_of_its_moment(model: str, seconds: int, day: date) -> None:
    """At every second of every day, across the days on which prices changed."""
    at = datetime.combine(day, time.min, UTC) + timedelta(seconds=seconds)
    price = price_on(api_prices(model, "deepseek"), day)
    assert request_cost_nano(price, USAGE, at) == package_nano(model, at)
    assert request_cost_nano(price, USAGE) >= request_cost_nano(price, USAGE, at)


def test_the_peak_of_deepseek_is_charged_to_the_nano_dollar() -> None:
    """$0.30 and $1.20 in the peak hours of deepseek-v4-flash, half of it in the others; the hour is UTC's."""
    price = price_on(api_prices("deepseek-v4-flash", "deepseek"), DAY)
    peak = 6_000 * 300 + 4_000 * 6 + 700 * 1_200
    hours = {0: peak // 2, 1: peak, 3: peak, 4: peak // 2, 6: peak, 9: peak, 10: peak // 2, 23: peak // 2}
    for hour, nano in hours.items():
        assert request_cost_nano(price, USAGE, datetime(2026, 11, 30, hour, 59, 59, tzinfo=UTC)) == nano
    abroad = datetime(2026, 11, 30, 9, 30, tzinfo=timezone(timedelta(hours=8)))  # 01:30 UTC
    assert request_cost_nano(price, USAGE, abroad) == peak


def test_bounds_and_sums_stand_at_the_highest_price_of_the_day() -> None:
    """What is admitted under a cap in a cheap hour may be sent in a dear one."""
    price = price_on(api_prices("deepseek-v4-pro", "deepseek"), DAY)
    bound = upper_bound_nano(price, [Message("user", "text")], None, 100)
    dearest = max(
        request_cost_nano(price, Usage(276, 0, 100), datetime(2026, 11, 30, hour, tzinfo=UTC))
        for hour in range(24)
    )
    assert bound == dearest == 276 * 1_320 + 100 * 3_960


def test_a_batch_has_its_hours_too() -> None:
    """The discount is taken off each of them."""
    price = price_on(api_prices("deepseek-v4-flash", "deepseek"), DAY)
    (batch,) = batch_prices([price], Decimal("0.5"))
    for hour in range(24):
        at = datetime(2026, 11, 30, hour, tzinfo=UTC)
        assert 2 * request_cost_nano(batch, USAGE, at) == request_cost_nano(price, USAGE, at)


def conditional(*prices: tuple[Any, str, str]) -> ModelInfo:
    """Make a model with conditional prices: the condition, in and out."""
    return ModelInfo(
        id="m",
        match=None,  # type: ignore[arg-type]  # nothing is looked for
        prices=[
            ConditionalPrice(one, prices=ModelPrice(input_mtok=Decimal(asked), output_mtok=Decimal(given_)))
            for one, asked, given_ in prices
        ],
    )


@pytest.mark.parametrize(
    ("start", "end"),
    list(product([time(22), time(22, tzinfo=UTC), time(0)], [time(6), time(0, 30), time(23, 59, 30)])),
)
def test_hours_across_midnight(start: time, end: time) -> None:
    """From the evening to the morning is the evening and the morning, as the package says it."""
    model = conditional((None, "1", "2"), (TimeOfDateConstraint(start, end), "3", "5"))
    ((_, parts),) = dated_parts(model)
    for second in range(0, 86_400, 30):
        at = datetime.combine(DAY, time.min, UTC) + timedelta(seconds=second)
        (own,) = [part for part in parts if _covers(part.start, part.end, second)]
        assert own.prices == model.get_prices(at)


def _covers(start: int, end: int, second: int) -> bool:
    return start <= second < end if start < end else second >= start or second < end


def test_a_later_condition_goes_before_an_earlier_one() -> None:
    """As in the package: hours that were written down before a new day's price end with it."""
    hours = TimeOfDateConstraint(time(1), time(4))
    model = conditional((None, "1", "1"), (hours, "2", "2"), (StartDateConstraint(DAY), "3", "3"))
    (_, before), (since, after) = dated_parts(model)
    assert since == DAY
    assert {str(part.prices.input_mtok) for part in before} == {"1", "2"}
    assert {str(part.prices.input_mtok) for part in after} == {"3"}


def test_long_prompts_have_their_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request above a number of tokens costs what such a one does in its hour."""
    tiers = {
        name: TieredPrices(base=Decimal(base), tiers=[Tier(start=1000, price=Decimal(base) * 2)])
        for name, base in (("input_mtok", "4"), ("output_mtok", "8"))
    }
    deepseek = next(one for one in read_published().snapshot.providers if one.id == "deepseek")
    model = next(one for one in deepseek.models if one.id == "deepseek-chat")
    peak = ConditionalPrice(TimeOfDateConstraint(time(8), time(9)), prices=ModelPrice(**tiers))
    plain = ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2)))
    monkeypatch.setattr(model, "prices", [plain, peak])
    (price,) = api_prices("deepseek-chat", "deepseek")
    assert isinstance(price, Price)
    for hour, size, nano in ((8, 1000, 4), (8, 1001, 8), (7, 1001, 1), (7, 10, 1)):
        at = datetime(2026, 11, 30, hour, tzinfo=UTC)
        assert request_cost_nano(price, Usage(size, 0, 0), at) == size * nano * 1000
    assert request_cost_nano(price, Usage(1001, 0, 0)) == 1001 * 8000
