"""Twelve months to come: worked cases to the cent, break-even, payback, and properties over drawn demands."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.break_even import month_figures
from models.economics.demand import Demand, Lengths
from models.economics.figures_outlook import ApiWay, BreakEven
from models.economics.forecast import Forecast, forecast
from models.economics.forecast_answer import find_answer
from models.economics.forecast_break_even import find_break_evens, list_changes
from models.economics.month import LabourTerms, Rate, ReferenceRate
from models.economics.pricing import Price
from models.economics.projection import Serving, project_inputs
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


@pytest.mark.parametrize(
    ("cents", "batch", "records"),
    [
        ((15, 60), False, 1_250_000),  # gpt-4o-mini
        ((10, 50), False, 1_666_667),  # gpt-6-luna
        ((10, 50), True, 3_333_334),  # in batches
        ((2, 4), False, 12_500_000),  # Llama 3.1 8B, hosted
    ],
)
def test_the_break_even_of_known_rivals(cents: tuple[int, int], batch: bool, records: int) -> None:
    """At 1,200 + 300 tokens and $450 a month a machine that is fast enough pays from so many records a month on."""
    asked, given = (cent * NANO // 100 for cent in cents)
    price = replace(GPT_4O_MINI, input_nano_per_mtok=asked, output_nano_per_mtok=given)
    found = year(demand(price=price, speed=Throughput(0, 1.0, 0, 0, 0)))
    assert even(found, "reserved", "api_batch" if batch else "api_sync").records == records


def test_the_report_meets_the_api_where_the_forecast_does() -> None:
    """The months put through the report's own figures: the same costs, and the same break-even, against both ways."""
    for increment, load_ns in ((1, 0), (3600, HOUR_NS)):
        at = serving(load_ns=load_ns, increment=increment)
        some = [demand(20_000, growth="1/20", name="a"), demand(name="b")]
        found = year(*some, at=at)
        evens = find_break_evens(found)
        for place, month in enumerate(found.months):
            reported = month_figures(project_inputs(month.month, place, some, at))
            costs = {one.name: one.total_nano for one in reported.scenarios}
            for way in ("api_sync", "api_batch", "reserved", "on_demand"):
                assert month.nano(way) == costs[way]
            assert (reported.at_once.against, reported.alternative.against) == ("api_sync", "api_batch")
            for outlook in (reported.at_once, reported.alternative):
                for own in OWN_WAYS:
                    assert evens[own, outlook.against][place].found == outlook.break_even(own)


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


def test_a_hybrid_keeps_a_share_and_sends_the_rest() -> None:
    """80 % kept: the machine, and a fifth of what the API costs, in each month."""
    found = year(demand(1_000))
    for month in found.months:
        assert month.costs["reserved_80_api_sync"].nano == usd(450) + round(month.api_sync_nano / 5)
        assert month.costs["reserved_60_api_batch"].nano == usd(450) + round(month.api_sync_nano / 5)
        busy = (month.nano("on_demand") or 0) - usd(200)
        kept = (month.costs["on_demand_95_api_sync"].nano or 0) - usd(200) - round(month.api_sync_nano / 20)
        assert abs(kept - busy * Fraction(95, 100)) < usd("0.01")  # a second a day


def test_what_a_second_machine_would_do_goes_to_the_api() -> None:
    """The records fill 1.04 machines: 95 % on one, the rest on the API, is cheaper than two machines or the API alone."""
    slow = Throughput(0, 1e9, 0, 0, 0)
    found = year(demand(25, (10_000_000, 3600), speed=slow), at=serving(month="100", hour=None))
    assert found.months[0].gpus == 2
    best = find_answer(found)
    assert best.way.name == "reserved_95_api_batch"
    assert {one.way.name: one.gpus for one in best.ways}["reserved_95_api_batch"] == 1
    assert best.against is not None
    assert best.against.name == "api_batch"


def test_hybrids_lie_between_the_pure_ways() -> None:
    """With machines enough a hybrid costs no less than the cheaper of what it is made of, people's time aside."""
    found = year(demand(5_000), at=serving(load_ns=HOUR_NS))
    for month in found.months:
        own, api = month.nano("on_demand") or 0, month.api_sync_nano
        for kept in (60, 80, 95):
            hybrid = month.costs[f"on_demand_{kept}_api_sync"].nano or 0
            assert min(own, api + usd(200)) <= hybrid <= max(own, api + usd(231))


def test_the_answer_is_the_cheapest_of_all() -> None:
    """No way that is possible costs less, and its rival is the cheapest of the other kind."""
    for daily in (500, 50_000, 500_000):
        found = year(demand(daily))
        best = find_answer(found)
        totals = found.possible
        assert best.total_nano == min(totals.values()) == best.ways[0].nano
        assert best.against is not None
        assert (best.against.own is None) != (best.way.own is None)
        assert best.saving_nano == totals[best.against] - best.total_nano
        assert (best.low_nano, best.high_nano, best.close) == (best.saving_nano, best.saving_nano, False)


def test_an_error_that_decides_is_too_close_to_call() -> None:
    """On demand costs $365 of GPU time a year at the estimate, as much as the API leaves; half and double decide otherwise.

    With a machine of half the time the own model is cheaper, with double the API is: the range says by how much.
    """
    hours = Throughput(0, 3600e9 / 300, 0, 0, 0)  # 300 tokens of output an hour
    one = demand(1, (1, 300), speed=hours)
    free = replace(serving(month=None), labour=(LabourTerms(LONG_AGO, 0, 0, 0),))
    dear = replace(GPT_4O_MINI, input_nano_per_mtok=0, output_nano_per_mtok=8_000 * NANO)
    asked = replace(one, prices=(dear,), batches=False)
    sure = find_answer(year(asked, at=free))
    assert (sure.way.name, sure.saving_nano, sure.close) == ("on_demand", usd(365) * 14 // 10, False)
    unsure = find_answer(year(replace(asked, times=(Fraction(1, 2), Fraction(3))), at=free))
    assert unsure.close
    assert (unsure.way.name, unsure.saving_nano) == ("on_demand", usd(511))
    # slow: $3 a day, so that 60 % kept cost 0.6 x 3 + 0.4 x 2.4 = 2.76, and the API 2.4
    assert unsure.low_nano == usd(365) * (240 - 276) // 100
    assert unsure.high_nano == usd(365) * (240 - 50) // 100
    own = next(way for way in unsure.ways if way.way.name == "on_demand")
    assert (own.low_nano, own.nano, own.high_nano) == (usd("182.5"), usd(365), usd(1095))


def test_the_error_of_the_lengths_is_in_the_range() -> None:
    """Prompts of 100 and 300 tokens: the API and the GPU time cost up to 98 % more or less."""
    lengths = Lengths.of([100, 300], OutputLength(0, 1, "given"))
    found = find_answer(year(replace(demand(), lengths=lengths)))
    api = next(way for way in found.ways if way.way.name == "api_batch")
    assert api.low_nano == pytest.approx(api.nano * 0.02, rel=1e-3)
    assert api.high_nano == pytest.approx(api.nano * 1.98, rel=1e-3)


def test_the_error_of_the_speed_is_in_the_break_even() -> None:
    """A thousand records cost $30 of GPU time, and $50 on the API: fast they cost 15, slow 60, and then no volume pays."""
    second = Throughput(0, 1e9, 0, 0, 0)
    dear = replace(GPT_4O_MINI, input_nano_per_mtok=0, output_nano_per_mtok=50 * NANO * 1000 // 108)
    one = demand(100, (1, 108), speed=second, price=dear)
    surely = find_break_evens(year(one))["on_demand", "api_sync"][0]
    assert surely.own_nano == usd(30)
    assert surely.asked_nano == pytest.approx(usd(50), rel=1e-6)
    assert surely.found.factor == surely.fast == surely.slow is not None
    found = find_break_evens(year(replace(one, times=(Fraction(1, 2), Fraction(2)))))[
        "on_demand", "api_sync"
    ][0]
    assert found.found.factor == surely.found.factor
    assert found.fast is not None
    assert surely.found.factor is not None
    assert found.fast < surely.found.factor
    assert found.slow is None
    assert found.uncertain
    assert not surely.uncertain


def test_a_price_that_changes_moves_the_break_even() -> None:
    """At double the price from March on half the records are enough; each month has its own."""
    old = replace(GPT_4O_MINI, effective_to=date(2027, 3, 1))
    new = Price("openai", "m", date(2027, 3, 1), None, NANO * 3 // 10, None, NANO * 12 // 10, "test")
    found = year(replace(demand(), prices=(old, new)))
    assert list(list_changes(found.months)) == [0, 2]
    months = find_break_evens(found)["reserved", "api_sync"]
    january, march = (months[place].daily(months[place].found.factor) for place in (0, 2))
    assert january == -(-500 * 45000 // 558)
    assert march == -(-500 * 45000 // 1116)
    assert all(one.found.spend_nano == usd(450) for one in months)


def test_answers_that_cannot_wait() -> None:
    """Without batches nothing is compared with them; a workload that can wait still goes in batches beside one that cannot."""
    found = year(replace(demand(), batches=False))
    assert found.totals["api_batch"] is None
    assert find_answer(found).way.name == "api_sync"
    assert set(find_break_evens(found)) == {("reserved", "api_sync"), ("on_demand", "api_sync")}
    mixed = year(replace(demand(name="a"), batches=False), demand(name="b"))
    assert mixed.totals["api_batch"] == usd("65.70") * 3 // 2


def test_records_that_may_not_leave() -> None:
    """No way with the API is possible, however cheap it is."""
    best = find_answer(year(replace(demand(), may_leave=False)))
    assert {one.way.api for one in best.ways} == {None}
    assert best.against is None
    assert best.way.name == "on_demand"


def test_a_shared_prefix_is_cached_from_1024_tokens_on() -> None:
    """1,100 of 1,200 tokens at half the price, but in the first request of a day; with 1,023 the API caches nothing."""
    cached = replace(GPT_4O_MINI, cached_input_nano_per_mtok=NANO * 75 // 1000)
    long, short = (
        replace(demand(price=cached), lengths=Lengths.given(1200, 300, prefix)) for prefix in (1100, 1023)
    )
    assert year(short).totals["api_sync"] == usd("65.70")
    saved = (500 - 1) * 365 * 1100 * NANO * 75 // 1000 // 1_000_000
    assert year(long).totals["api_sync"] == usd("65.70") - saved
    written = replace(cached, cache_write_nano_per_mtok=NANO)
    wrote = replace(demand(price=written), lengths=Lengths.given(1200, 300, 1100))
    assert year(wrote).totals["api_sync"] == usd("65.70") - saved + 365 * 1100 * NANO * 85 // 100 // 1_000_000


def test_given_lengths_are_exact() -> None:
    """Nothing was counted, so nothing is uncertain; a prefix is no longer than the request."""
    found = year(replace(demand(), lengths=Lengths.given(1200, 300)))
    assert found.totals["api_sync"] == usd("65.70")
    assert found.margin_nano == 0
    with pytest.raises(ValueError, match="no prefix"):
        Lengths.given(1200, 300, 1201)
