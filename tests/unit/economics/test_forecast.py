"""Twelve months to come: worked cases to the cent, break-even, payback, and properties over drawn demands."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.demand import Demand, Lengths
from models.economics.forecast_answer import find_answer
from models.economics.forecast_break_even import find_break_evens
from models.economics.month import Rate, ReferenceRate
from models.economics.pricing import Price
from models.economics.projection import project_inputs
from models.economics.spot_basis import SpotBasis
from models.economics.throughput import OutputLength, Throughput
from models.economics.ways import WAYS, OwnWay
from tests.forecasts import HOUR_NS, JANUARY, OWN_WAYS, demand, even, serving, year
from tests.month_inputs import GPT_4O_MINI, NANO, usd


@pytest.mark.parametrize(
    ("daily", "tokens", "month", "whole"),
    [(500, (1200, 300), "5.58", "65.70"), (5_000, (400, 0), "9.30", "109.50")],
)
def test_the_worked_examples_come_out_to_the_cent(
    daily: int, tokens: tuple[int, int], month: str, whole: str
) -> None:
    """$0.18 a day is $65.70 in 365 days, $0.30 is $109.50; January has 31 of them; in batches half."""
    found = year(demand(daily, tokens))
    assert found.months[0].api_sync_nano == usd(month)
    assert found.totals["api_sync"] == usd(whole)
    assert found.totals["api_batch"] == usd(whole) // 2


def test_the_break_even_of_the_worked_example() -> None:
    """$250 for the machine and 2 h x $100 are $450 a month: so much the API must cost."""
    found = find_break_evens(year(demand()))
    first = found["reserved", "api_sync"][0]
    assert (first.found.fixed_nano, first.found.spend_nano) == (usd(450), usd(450))
    assert first.found.factor == first.fast == first.slow == Fraction(45000, 558)
    assert first.found.records == -(-15_500 * 45000 // 558)
    assert first.daily(first.found.factor) == -(-first.found.records // 31)
    assert found["reserved", "api_batch"][0].found.factor == 2 * Fraction(45000, 558)


def test_a_machine_of_ones_own() -> None:
    """Reserved costs the same each month; on demand costs the time of the tokens, and people's time."""
    found = year(demand(1_000, (1_000, 100)))
    assert {month.nano("reserved") for month in found.months} == {usd(450)}
    # 31,000 records x (1,000 x 1 us + 100 x 100 us) = 341 s
    assert found.months[0].nano("on_demand") == usd(200) + round(341 / 3600 * NANO)
    assert found.months[0].load == Fraction(341, 31 * 24 * 3600)


def test_the_model_is_loaded_once_a_day() -> None:
    """28 loads in February and 31 in January, whatever the workloads are; it does not grow with volume."""
    one = year(demand(), at=serving(load_ns=HOUR_NS))
    two = year(demand(250, name="a"), demand(250, name="b"), at=serving(load_ns=HOUR_NS))
    without = year(demand())
    for place, days in ((0, 31), (1, 28)):
        expected = (without.months[place].nano("on_demand") or 0) + usd(days)
        assert one.months[place].nano("on_demand") == two.months[place].nano("on_demand") == expected
    assert even(one, "on_demand").fixed_nano == usd(231)


def test_a_day_is_one_session_that_is_billed_by_its_increment() -> None:
    """Two workloads of minutes, in hours: one hour a day."""
    found = year(demand(name="a"), demand(name="b"), at=serving(increment=3600))
    assert found.months[0].nano("on_demand") == usd(200 + 31)


def test_more_than_one_machine_can_do() -> None:
    """60 h of work a day need three machines: three reserved bills, 60 h and three loads on demand."""
    slow = Throughput(0, 1e9, 0, 0, 0)
    found = year(demand(60, (1, 3600), speed=slow), at=serving(load_ns=HOUR_NS))
    assert (found.months[0].gpus, found.months[0].load) == (3, Fraction(5, 2))
    assert found.months[0].nano("reserved") == usd(200 + 3 * 250)
    assert found.months[0].nano("on_demand") == usd(200 + 31 * 63)


def test_growth_is_compound() -> None:
    """10 % a month: 1,000 a day are 1,100 in the second month and 1.1^11 as many in the last."""
    months = year(demand(1_000, growth="1/10")).months
    assert [month.records for month in months[:2]] == [31_000, 28 * 1_100]
    assert months[-1].records == round(31_000 * Fraction(11, 10) ** 11)


def test_a_price_that_changes_in_mid_month() -> None:
    """Each day has its price: 10 days at one, 21 at double, and the rest of the year at double."""
    old = replace(GPT_4O_MINI, effective_to=date(2027, 1, 11))
    new = Price("openai", "m", date(2027, 1, 11), None, NANO * 3 // 10, None, NANO * 12 // 10, "test")
    changing = replace(demand(), prices=(old, new))
    found = year(changing)
    assert found.months[0].api_sync_nano == usd("0.18") * (10 + 2 * 21)
    assert found.months[0].tokens == year(demand()).months[0].tokens


def test_when_it_pays_and_pays_back() -> None:
    """$5,580 a month on the API against $450: from the first month; $1,200 are saved at its end. In batches as well."""
    found = year(demand(500_000), at=serving(hour=None))
    assert found.first_month("reserved", "api_sync") == found.paid_back("reserved", "api_sync") == JANUARY
    assert found.paid_back("reserved", "api_batch") == JANUARY
    assert found.cheapest.name == "reserved"
    little = year(demand())
    assert little.first_month("reserved", "api_sync") is little.paid_back("reserved", "api_sync") is None
    assert little.cheapest.name == "api_batch"


def test_paid_back_late() -> None:
    """A workload that grows costs more at first: payback counts these losses."""
    found = year(demand(20_000, growth="1/4"))
    first, back = found.first_month("reserved", "api_sync"), found.paid_back("reserved", "api_sync")
    assert (first, back) == (date(2027, 5, 1), date(2027, 9, 1))
    saved = [month.api_sync_nano - (month.nano("reserved") or 0) for month in found.months]
    assert sum(saved[:9]) >= found.setup_nano > sum(saved[:8])


def test_the_set_up_decides_what_is_cheapest() -> None:
    """A machine that saves $750 a year does not pay for a set-up of $1,200; one that saves $1,650 does."""
    assert year(demand(500_000), at=serving(month="2475", hour=None)).cheapest.name == "api_batch"
    assert year(demand(500_000), at=serving(month="2400", hour=None)).cheapest.name == "reserved"


@pytest.mark.parametrize("way", OWN_WAYS)
def test_a_way_without_a_rate_is_not_known(way: OwnWay) -> None:
    """Not 0: it is in no total, has no break-even, and is never the cheapest."""
    at = serving(month=None) if way == "reserved" else serving(hour=None)
    found = year(demand(500_000), at=at)
    assert {month.nano(way) for month in found.months} == {None}
    assert found.totals[way] is None
    assert even(found, way).spend_nano is None
    assert found.cheapest.own != way
    assert all(one.way.own != way for one in find_answer(found).ways)


def test_spot_machines_are_forecast_like_those_on_demand_and_their_interruptions_beside() -> None:
    """At the same rate they cost the same in every way where none is taken away; one an hour that loses six minutes, a tenth more."""
    rates = (*serving().references, ReferenceRate("spot", Rate(nano_per_hour=usd(1)), "test"))
    never, hourly = (SpotBasis(Decimal(often), 360 * NANO, load_ns=0) for often in (0, 1))
    same, taken = (
        year(demand(50_000), at=replace(serving(), references=rates, spot=one)) for one in (never, hourly)
    )
    for way in WAYS:
        if way.own == "spot":
            assert same.totals[way.name] == same.totals[replace(way, own="on_demand").name]
    assert even(same, "spot") == replace(even(same, "on_demand"), name="spot")
    month = taken.months[0]
    on_demand, spot = ((month.nano(way) or 0) - month.labour_nano for way in ("on_demand", "spot"))
    assert on_demand > 0
    assert spot == pytest.approx(on_demand * 11 / 10)
    assert year(demand(50_000)).totals["spot"] is None
    assert ("spot", "api_sync") not in find_break_evens(year(demand(50_000)))


def test_nothing_asked_and_impossible_volumes() -> None:
    """No workload, no record a day and a growth that leaves nothing are refused."""
    with pytest.raises(ValueError, match="nothing"):
        year()
    for daily, growth in ((0, "0"), (-5, "0"), (5, "-1")):
        with pytest.raises(ValueError, match="cannot be"):
            demand(daily, growth=growth)


def test_the_interval_is_that_of_the_mean() -> None:
    """Prompts of 100 and 300 tokens: s²/n = 10,000, so the mean is 200 ± 196, and the cost likewise."""
    lengths = Lengths.of([100, 300], OutputLength(0, 1, "given"))
    found = year(replace(demand(), lengths=lengths))
    mtok_in = GPT_4O_MINI.input_nano_per_mtok
    assert found.months[0].margin_nano == round(196 * 15_500 * mtok_in / 1e6)
    assert found.margin_nano == round(196 * 182_500 * mtok_in / 1e6)
    assert year(demand()).margin_nano == 0


def test_long_prompts_with_long_answers_are_less_certain() -> None:
    """Where both grow together their errors add up, where one makes up for the other they do not."""
    together = year(replace(demand(), lengths=Lengths.of([100, 300], [10, 30]))).margin_nano
    apart = year(replace(demand(), lengths=Lengths.of([100, 300], [30, 10]))).margin_nano
    alone = year(replace(demand(), lengths=Lengths.of([100, 300], [20, 20]))).margin_nano
    assert together is not None
    assert apart is not None
    assert alone is not None
    assert apart < alone < together


def test_independent_workloads_are_surer_together() -> None:
    """Variances of two workloads add up, not their errors; one prompt alone shows no spread."""
    one = replace(demand(), lengths=Lengths.of([100, 300], [0, 0]))
    single, both = year(one).margin_nano, year(one, replace(one, name="x")).margin_nano
    assert single is not None
    assert both is not None
    assert abs(both - single * 2**0.5) < 2
    assert year(replace(one, lengths=Lengths.of([100], [0])), one).margin_nano is None


def test_lengths_need_prompts() -> None:
    """No prompts have no mean, and answers belong to prompts."""
    for inputs, outputs in (([], []), ([1, 2], [1])):
        with pytest.raises(ValueError, match="no mean"):
            Lengths.of(inputs, outputs)


demands = st.builds(
    demand,
    daily=st.integers(1, 100_000),
    tokens=st.tuples(st.integers(1, 5_000), st.integers(0, 2_000)),
    growth=st.sampled_from(["-1/5", "0", "1/50", "1/4"]),
)


@given(demands, demands)
def test_costs_of_workloads_add_up(one: Demand, other: Demand) -> None:
    """Two workloads cost on the API what each does alone, and the machine is as busy."""
    both, alone = year(one, replace(other, name="x"), months=3), (year(one, months=3), year(other, months=3))
    for place, month in enumerate(both.months):
        parts = [single.months[place] for single in alone]
        assert month.api_sync_nano == sum(part.api_sync_nano for part in parts)
        assert month.records == sum(part.records for part in parts)
        assert month.load == sum(part.load for part in parts)
        assert month.api_sync_nano == sum(part.api_sync_nano for part in month.workloads)


@given(demands, st.integers(2, 5))
def test_more_records_never_cost_less(one: Demand, times: int) -> None:
    """Every way costs as much or more with more records, in every month."""
    more = year(replace(one, daily=times * one.daily), months=3)
    for little, much in zip(year(one, months=3).months, more.months, strict=True):
        for way in ("api_sync", "api_batch", "reserved", "on_demand"):
            assert (little.nano(way) or 0) <= (much.nano(way) or 0)


@given(demands, st.integers(0, HOUR_NS))
def test_gpu_time_of_the_days_is_that_of_the_month(one: Demand, load_ns: int) -> None:
    """Busy and idle time over the days sum to the month's, to the nanosecond, and each day loads at least once."""
    inputs = project_inputs(JANUARY, 0, [one], serving(load_ns=load_ns))
    times = [run.time for run in inputs.gpu_runs]
    whole = one.time(JANUARY, 0)
    assert sum(time.busy_ns for time in times) == whole.busy_ns
    assert sum(time.idle_ns for time in times) == whole.idle_ns
    assert all(time.load_ns >= load_ns for time in times)


@given(demands)
def test_at_the_break_even_both_cost_the_same(one: Demand) -> None:
    """With so many times the records, a reserved machine costs what the API does, within a record's rounding."""
    found = year(one, months=1)
    meets = even(found)
    if meets.factor is None or meets.records is None:
        return
    spend, first = meets.spend_nano or 0, found.months[0]
    assert abs(spend - meets.factor * first.api_sync_nano) <= 1
    assert spend == usd(200 + 250 * (meets.gpus or 0))
