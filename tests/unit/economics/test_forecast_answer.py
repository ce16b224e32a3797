"""What a forecast advises: hybrids, the range that its error leaves, and the break-even of every month."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from models.economics.break_even import month_figures
from models.economics.demand import Lengths
from models.economics.forecast_answer import find_answer
from models.economics.forecast_break_even import find_break_evens, list_changes
from models.economics.month import LabourTerms
from models.economics.pricing import Price
from models.economics.projection import project_inputs
from models.economics.throughput import OutputLength, Throughput
from tests.forecasts import HOUR_NS, OWN_WAYS, demand, even, serving, year
from tests.month_inputs import GPT_4O_MINI, LONG_AGO, NANO, usd


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
