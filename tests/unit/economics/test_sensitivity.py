"""Each lever, applied, flips the verdict, and a little less of it does not."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.cost_over_volume import project_costs
from models.economics.figures_outlook import Lever, LeverName
from models.economics.on_demand import NO_SESSIONS, OnDemandCost, SessionShape
from models.economics.scenarios import Outside, Period
from models.economics.sensitivity import find_levers, no_levers
from models.gpu_time import NS_PER_HOUR
from tests.month_inputs import usd

ONE, TINY = Fraction(1), Fraction(1, 10**30)
AMOUNTS = st.integers(0, 300)


def sessions(nano: int) -> OnDemandCost:
    """Return sessions without loads that cost so much, billed by the nanosecond."""
    return OnDemandCost((SessionShape(1, nano, 1, 0, NS_PER_HOUR),)) if nano else NO_SESSIONS


BASE = Period(
    pace=ONE,
    batch_discount=Fraction(1, 2),
    mode="mixed",
    records=1000,
    local=1000,
    answered=1000,
    api_sync_nano=usd(300),
    api_batch_nano=usd(150),
    api_nano=usd(30),
    chosen_nano=0,
    upper_bound_nano=0,
    gain_sync_nano=0,
    gain_batch_nano=0,
    unknown_counterfactual=0,
    unknown_api_cost=0,
    reserved_nano=usd(250),
    on_demand=NO_SESSIONS,
    as_reserved_nano=None,
    as_on_demand=None,
    labour_nano=usd(200),
    labour_hours=Fraction(2),
    engineer_nano_per_hour=usd(100),
    gpus=1,
    load=Fraction(1, 3),
    utilization=Fraction(3, 10),
    outside=Outside(0, 0, 0, 0, 0, 0, 0, ()),
    bound=(),
)


def levers(period: Period) -> tuple[Lever, ...]:
    """Return the levers of a period, with the volume that flips its verdict."""
    cost = project_costs(period, period.api_sync_nano)["hybrid"]
    assert cost is not None
    return find_levers(period, "api_sync", cost.nearest_flip())


def pays_now(period: Period) -> bool:
    """Whether it pays at today's values."""
    return period.api_sync_nano > period.api_nano + period.gpu_nano + period.labour_nano


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Return periods with verdicts of all kinds: reserved, on demand and both, with and without measured load."""
    load = draw(st.fractions(0, 2, max_denominator=9))
    gpus = max(draw(st.integers(1, 3)), -(-load.numerator // load.denominator))
    hours = draw(st.fractions(0, 10, max_denominator=4))
    rate = 12 * draw(st.integers(0, 10))  # a whole amount for every quarter and third of an hour
    return replace(
        BASE,
        api_sync_nano=draw(AMOUNTS),
        api_nano=draw(AMOUNTS),
        reserved_nano=draw(AMOUNTS),
        on_demand=sessions(draw(st.just(0) | AMOUNTS)),
        labour_nano=int(hours * rate),
        labour_hours=hours,
        engineer_nano_per_hour=rate,
        utilization=draw(st.none() | st.fractions(0, 1, max_denominator=20)),
        gpus=gpus,
        load=load,
    )


def pays(period: Period, name: LeverName, value: Fraction) -> bool:
    """Work out from the words alone whether self-hosting pays when one thing has another value."""
    sync, api, reserved = map(Fraction, (period.api_sync_nano, period.api_nano, period.reserved_nano))
    on_demand, labour = Fraction(period.on_demand_nano), Fraction(period.labour_nano)
    if name == "price":
        sync, api = sync * value, api * value
    elif name == "gpu_rate":
        reserved, on_demand = reserved * value, on_demand * value
    elif name == "hours":
        labour = period.engineer_nano_per_hour * value
    elif name == "volume":
        sync, api, on_demand = sync * value, api * value, period.on_demand.nano_at(value)
        machines = period.gpus
        while period.load * value > machines:
            machines += 1
        reserved *= Fraction(machines, period.gpus)
    elif period.on_demand_nano:
        on_demand *= (period.utilization or ONE) / value
    else:
        sync, api = (amount * value / (period.utilization or ONE) for amount in (sync, api))
    return sync > api + reserved + on_demand + labour


def possible(period: Period, lever: Lever, value: Fraction) -> bool:
    """Whether a lever can have a value at all: no negative price, no machine that is more than full."""
    if value < 0 or (lever.name in {"utilization", "gpu_rate"} and value == 0):
        return False
    if lever.name == "volume":
        return True
    if lever.name == "utilization" and not period.on_demand_nano and period.utilization:
        room = period.gpus / period.load if period.load else value
        return value / period.utilization <= room or period.load == 0
    return lever.name != "utilization" or value <= 1


@given(periods())
def test_each_lever_flips_the_verdict_and_a_little_less_does_not(period: Period) -> None:
    """At or just beyond the threshold the answer is another; up to it, from today's value, it is the same."""
    for lever in levers(period):
        if lever.threshold is None or lever.current is None:
            continue
        upwards = lever.threshold > lever.current
        if lever.threshold == lever.current:  # even today: the way that helps
            upwards = lever.name in {"price", "volume", "utilization"}
        beyond = lever.threshold + (TINY if upwards else -TINY)
        flipped = lever.threshold if lever.at_threshold else beyond
        assert (pays(period, lever.name, lever.threshold) is not pays_now(period)) is lever.at_threshold, (
            lever
        )
        if flipped or lever.name not in {"gpu_rate", "utilization"}:
            assert possible(period, lever, flipped), lever
            assert pays(period, lever.name, flipped) is not pays_now(period), lever
        for part in range(20):
            less = lever.current + (lever.threshold - lever.current) * part / 20
            if less not in {0, lever.threshold}:
                assert pays(period, lever.name, less) is pays_now(period), lever


@given(periods(), st.fractions(0, 20, max_denominator=30))
def test_where_no_change_flips_it_none_does(period: Period, value: Fraction) -> None:
    """A lever without a threshold gives the same answer at any value that is possible."""
    for lever in levers(period):
        measured = lever.name != "utilization" or period.utilization
        if lever.threshold is None and measured and possible(period, lever, value):
            assert pays(period, lever.name, value) is pays_now(period), lever


@pytest.mark.parametrize(
    ("name", "threshold"),
    [
        ("price", Fraction(450, 270)),
        ("volume", Fraction(450, 270)),
        ("utilization", Fraction(3, 10) * Fraction(450, 270)),
        ("gpu_rate", Fraction(70, 250)),
        ("hours", Fraction(20, 100)),
    ],
)
def test_levers_worked_by_hand(name: str, threshold: Fraction) -> None:
    """$300 of API work for $30 + $250 + $200: what each lever would have to be."""
    lever = next(one for one in levers(BASE) if one.name == name)
    assert lever.threshold == threshold
    assert not lever.at_threshold
    assert lever.change == threshold / (lever.current or 1) - 1


@pytest.mark.parametrize(
    ("changes", "hopeless"),
    [
        ({"api_nano": usd(300)}, {"price", "volume", "utilization", "gpu_rate", "hours"}),
        ({"reserved_nano": usd(280)}, {"hours"}),
        ({"labour_nano": usd(270)}, {"gpu_rate"}),
        ({"load": Fraction(2, 3)}, {"utilization"}),  # full at 1.5: it takes a second machine
        ({"utilization": None}, {"utilization"}),
        ({"utilization": Fraction(0)}, {"utilization"}),
    ],
)
def test_what_cannot_flip_it_alone(changes: dict[str, object], hopeless: set[str]) -> None:
    """Each case names the levers that lead nowhere, and all others lead somewhere."""
    found = levers(replace(BASE, **changes))  # type: ignore[arg-type]
    assert {one.name for one in found if one.threshold is None} == hopeless
    assert all(one.change is None for one in found if one.threshold is None)


def test_on_demand_the_same_work_in_fewer_hours() -> None:
    """$100 of sessions that are busy for a quarter; $40 would do it: busy for five eighths."""
    period = replace(
        BASE,
        api_sync_nano=usd(270),
        reserved_nano=0,
        on_demand=sessions(usd(100)),
        utilization=Fraction(1, 4),
    )
    lever = next(one for one in levers(period) if one.name == "utilization")
    assert lever.threshold == Fraction(5, 8)
    dearer = replace(period, on_demand=sessions(usd(160)))
    assert (
        next(one for one in levers(dearer) if one.name == "utilization").threshold is None
    )  # exactly full is even


def test_hours_that_nobody_works_yet() -> None:
    """It pays without maintenance, and with up to 0.2 hours of it."""
    period = replace(BASE, labour_nano=0, labour_hours=Fraction(0))
    lever = next(one for one in levers(period) if one.name == "hours")
    assert lever.current == 0
    assert (lever.threshold, lever.at_threshold) == (Fraction(1, 5), True)
    assert lever.change is None


def test_a_month_without_machines_has_no_levers() -> None:
    """They are named all the same, so that a page has its rows."""
    assert [one.name for one in no_levers()] == [one.name for one in levers(BASE)]
    assert all(one.threshold is None and one.current is None for one in no_levers())
