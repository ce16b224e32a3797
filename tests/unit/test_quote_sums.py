"""Quotes: totals from samples, sums that stay exact, and unknown that stays unknown."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.quote import Estimate, PartitionQuote, Quote, empty_quote, estimate_total
from models.gpu_time import GpuTime

COUNTS = st.integers(0, 10**9)
ESTIMATES = st.builds(Estimate, COUNTS, st.integers(0, 10**12))
TIMES = st.none() | st.builds(GpuTime, st.just(0), COUNTS, COUNTS)
QUOTES = st.builds(
    PartitionQuote,
    st.integers(0, 400).map(lambda days: date(2025, 1, 1) + timedelta(days=days)),
    COUNTS,
    ESTIMATES,
    ESTIMATES,
    ESTIMATES,
    COUNTS,
    COUNTS,
    ESTIMATES,
    COUNTS,
    TIMES,
    st.none() | COUNTS,
    st.just(1_006_000_000),
    COUNTS,
    COUNTS,
    st.just("input: counted"),
)


def quote(**changes: object) -> PartitionQuote:
    """Build the quote of ten records; `changes` are fields."""
    ten = Estimate(10)
    fields: dict[str, object] = {
        "partition": date(2026, 11, 1),
        "records": 12,
        "quarantined": Estimate(2),
        "requests": ten,
        "input_tokens": Estimate(1_000),
        "output_tokens": 50,
        "api_requests": 10,
        "api_input_tokens": Estimate(900),
        "api_output_tokens": 40,
        "time": GpuTime(0, 3_000_000_000, 600_000_000),
        "load_ns": 36_000_000_000,
        "nano_usd_per_hour": 1_000_000_000,
        "api_nano": 159_000,
        "batch_nano": 79_500,
        "basis": "input: counted",
    }
    return PartitionQuote(**{**fields, **changes})  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 10**6), max_size=50))
def test_a_sample_of_all_is_exact(values: list[int]) -> None:
    """Where everything was looked at, the total is the sum and has no interval."""
    assert estimate_total(values, len(values)) == Estimate(sum(values))


@given(st.integers(0, 1000), st.integers(2, 20), st.integers(1, 1000))
def test_equal_items_leave_no_doubt(value: int, size: int, more: int) -> None:
    """If every item of a sample has the same value, the total is that many of it, without interval."""
    assert estimate_total([value] * size, size + more) == Estimate(value * (size + more))


def test_the_formula_by_hand() -> None:
    """N = 10, n = 4, values 1, 2, 3, 6: total 30, s² = 14/3, variance 10 · 6 / 4 · 14/3 = 70, margin 16.4."""
    found = estimate_total([1, 2, 3, 6], 10)
    assert found == Estimate(30, 70)
    assert found.margin == 17


@pytest.mark.parametrize("values", [[], [1], [1] * 11])
def test_what_is_no_sample(values: list[int]) -> None:
    """A sample of one shows no spread, and none is larger than what it was drawn from."""
    with pytest.raises(ValueError, match="no sample of 10"):
        estimate_total(values, 10)


def test_the_interval_covers() -> None:
    """Over 400 seeded samples of skewed lengths, the 95 % interval holds the truth 92 to 98 times in 100."""
    random = Random(5)
    population = [100 + int(random.lognormvariate(3, 0.8)) for _ in range(5000)]
    truth, hits = sum(population), 0
    for _ in range(400):
        found = estimate_total(random.sample(population, 300), len(population))
        hits += abs(found.value - truth) <= found.margin
    assert 0.92 <= hits / 400 <= 0.98


def parts(quotes: Sequence[PartitionQuote], cut: int) -> tuple[Quote, Quote]:
    """Quote the partitions before and after a cut."""
    return Quote.of(quotes[:cut]), Quote.of(quotes[cut:])


@given(st.lists(QUOTES, max_size=6), st.integers(0, 6))
def test_quotes_add_up(quotes: list[PartitionQuote], cut: int) -> None:
    """However partitions are put together, the sums are those of the partitions, unknown where one is."""
    whole = Quote.of(quotes)
    first, second = parts(quotes, cut)
    assert first + second == whole
    assert whole.records == sum(one.records for one in quotes)
    assert whole.input_tokens.value == sum(one.input_tokens.value for one in quotes)
    assert whole.input_tokens.variance == sum(one.input_tokens.variance for one in quotes)
    assert whole.api_nano == first.api_nano + second.api_nano
    local = [one for one in quotes if one.requests.value]
    unknown = any(one.gpu_nano is None for one in quotes) or any(one.load_ns is None for one in local)
    assert (whole.gpu_nano is None) == (whole.gpu_ns is None) == unknown
    if not unknown:
        assert whole.gpu_nano == sum(one.gpu_nano or 0 for one in quotes) + (whole.load_nano or 0)
        assert whole.gpu_ns == sum(one.gpu_ns or 0 for one in quotes) + (whole.load_ns or 0)


@given(st.lists(QUOTES, max_size=6))
def test_rows_add_up(quotes: list[PartitionQuote]) -> None:
    """The rows' counts and API dollars sum to the last row; each row has the same columns."""
    whole = Quote.of(quotes)
    rows, total = whole.rows(), whole.total()
    for name in ("records", "requests", "input_tokens", "output_tokens", "api_usd", "batch_usd"):
        assert sum(Decimal(str(row[name])) for row in rows) == Decimal(str(total[name]))
    assert all(list(row) == list(total) for row in rows)


def test_rows_by_hand() -> None:
    """Two partitions of 3.6 s at $1 an hour and one load of 36 s: 0.001 h each, 0.012 h and $0.012 together."""
    second = quote(partition=date(2026, 11, 2), time=GpuTime(0, 3_600_000_000, 0))
    whole = Quote.of([quote(), second])
    assert whole.rows()[0] == {
        "partition": "2026-11-01",
        "records": 12,
        "requests": 10,
        "input_tokens": 1_000,
        "output_tokens": 50,
        "gpu_hours": Decimal("0.001000"),
        "gpu_usd": Decimal("0.001000000"),
        "api_usd": Decimal("0.000159000"),
        "batch_usd": Decimal("0.000079500"),
        "basis": "input: counted",
    }
    total = whole.total()
    assert (total["partition"], total["records"], total["basis"]) == ("total", 24, "with 1 x load")
    assert (total["gpu_hours"], total["gpu_usd"]) == (Decimal("0.012000"), Decimal("0.012000000"))
    assert Quote.of([quote(), second], loads=2).total()["gpu_usd"] == Decimal("0.022000000")


def test_unknown_is_never_nothing() -> None:
    """Without an earlier run, hours and dollars of the GPU are None in row and total; the API's are known."""
    unknown = quote(time=None, load_ns=None)
    for row in (unknown.row(), Quote.of([unknown]).total(), Quote.of([quote(), unknown]).total()):
        assert row["gpu_hours"] is None
        assert row["gpu_usd"] is None
        assert row["api_usd"]
    assert Quote.of([quote(load_ns=None)]).gpu_nano is None


def test_nothing_to_do_needs_no_engine() -> None:
    """An empty partition, and one that goes to the API alone, cost no GPU time and no load."""
    api_only = quote(requests=Estimate(0), time=GpuTime(), load_ns=None)
    whole = Quote.of([empty_quote(date(2026, 11, 1)), api_only])
    assert (whole.load_ns, whole.load_nano, whole.gpu_ns, whole.gpu_nano) == (0, 0, 0, 0)
    assert whole.total()["basis"] == ""
    assert Quote.of([]).total()["records"] == 0
