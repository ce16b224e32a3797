"""Demands, machines and forecasts of known figures."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from models.economics.demand import Demand, Lengths
from models.economics.figures_outlook import ApiWay, BreakEven
from models.economics.forecast import Forecast, forecast
from models.economics.forecast_break_even import find_break_evens
from models.economics.month import LabourTerms, Rate, ReferenceRate
from models.economics.pricing import Price
from models.economics.projection import Serving
from models.economics.throughput import OutputLength, Throughput
from models.economics.ways import OwnWay
from tests.month_inputs import GPT_4O_MINI, LONG_AGO, NANO, usd

OWN_WAYS: tuple[OwnWay, ...] = ("reserved", "on_demand")
JANUARY = date(2027, 1, 1)
FAST = Throughput(1_000.0, 100_000.0, 0, 0, 0)
HOUR_NS = 3600 * NANO


def demand(
    daily: int = 500,
    tokens: tuple[int, int] = (1200, 300),
    growth: str = "0",
    name: str = "w",
    price: Price = GPT_4O_MINI,
    speed: Throughput = FAST,
) -> Demand:
    """Return a demand whose prompts all have the same length."""
    lengths = Lengths.of([tokens[0]] * 2, OutputLength(tokens[1], 1, "given"))
    return Demand(name, daily, Fraction(growth), lengths, (price,), speed)


def serving(
    month: str | None = "250", hour: str | None = "1", load_ns: int = 0, increment: int = 1
) -> Serving:
    """Return a machine for $250 a month or $1 an hour, maintained for two hours of $100."""
    rates = []
    if hour is not None:
        rates.append(ReferenceRate("on_demand", Rate(nano_per_hour=usd(hour)), "test", increment))
    if month is not None:
        rates.append(ReferenceRate("reserved", Rate(nano_per_month=usd(month)), "test"))
    labour = LabourTerms(LONG_AGO, 120, 12 * 60, 100 * NANO)
    return Serving("A10G", load_ns, tuple(rates), (labour,), Decimal("0.5"))


def year(*demands: Demand, at: Serving | None = None, months: int = 12) -> Forecast:
    """Forecast the twelve months of 2027, which has 365 days."""
    return forecast(JANUARY, demands, at or serving(), months)


def even(figures: Forecast, own: OwnWay = "reserved", api: ApiWay = "api_sync", month: int = 0) -> BreakEven:
    """Return the break-even of a pair of ways in one month."""
    return find_break_evens(figures)[own, api][month].found
