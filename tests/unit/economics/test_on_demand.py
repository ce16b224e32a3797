"""Sessions on demand as volume grows: busy time stretches inside them, each is rounded up, the model is loaded once."""

from fractions import Fraction
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from models.economics.break_even import month_figures
from models.economics.cost_over_volume import CostOverVolume, find_break_even
from models.economics.on_demand import OnDemandCost, SessionShape
from models.gpu_time import NS_PER_HOUR
from tests.month_inputs import HOUR, SECOND, inputs, on_demand, run, usage, usd

TINY = Fraction(1, 10**30)


@st.composite
def costs(draw: st.DrawFn) -> CostOverVolume:
    """Return small whole amounts with sessions by the hour, so that there are steps, and machines that fill."""
    shapes = draw(
        st.lists(
            st.builds(
                SessionShape,
                st.integers(1, 3),
                st.integers(1, 9),
                st.just(HOUR),
                st.integers(0, 2).map(lambda halves: halves * HOUR // 2),
                st.integers(0, 4).map(lambda quarters: quarters * HOUR // 4),
            ),
            max_size=3,
        )
    )
    load = draw(st.fractions(0, 1, max_denominator=6))
    api, slope, bill, fixed = draw(st.tuples(*[st.integers(0, 60)] * 4))
    return CostOverVolume(api, slope, bill, fixed, 1, load, OnDemandCost(tuple(shapes)))


def pays(cost: CostOverVolume, factor: Fraction) -> bool:
    """Work out from the words alone whether self-hosting is cheaper at a volume."""
    own = Fraction(cost.fixed_nano) + cost.slope_nano * factor
    own += cost.bill_nano * max(1, -int(-cost.load * factor // 1))
    for one in cost.on_demand.shapes:
        hours = -((-(one.fixed_ns + factor * one.varying_ns)) // HOUR)
        own += one.count * one.nano_per_hour * hours
    return own < cost.api_nano * factor


@given(costs(), st.fractions(0, 40, max_denominator=40))
def test_it_pays_exactly_between_its_crossings(cost: CostOverVolume, factor: Fraction) -> None:
    """With steps of sessions and of machines together: above a start, up to the stop that follows, and nowhere else."""
    found = list(islice(cost.crossings(), 300))
    if len(found) < 300 or factor <= found[-1].factor:
        passed = [one for one in found if one.factor < factor]
        assert pays(cost, factor) is (bool(passed) and passed[-1].pays_above)
    assert (cost.never is not None) is (not found)
    assert cost.pays_at(factor) is pays(cost, factor)


@given(costs())
def test_first_for_good_and_the_nearest_flip(cost: CostOverVolume) -> None:
    """Below the first start it never pays, from `for_good` on it always does; the flip turns today's answer."""
    first, good, flip = cost.first, cost.for_good, cost.nearest_flip()
    if first is None or good is None:
        assert flip is None
        assert not any(pays(cost, Fraction(place, 3)) for place in range(1, 60))
        return
    assert pays(cost, first + TINY)
    assert not any(pays(cost, first * part / 7) for part in range(1, 7))
    assert all(pays(cost, good + Fraction(ahead * ahead, 5) + TINY) for ahead in range(12))
    assert flip is not None
    factor, at_once = flip
    beyond = factor if at_once else factor + (TINY if factor >= 1 else -TINY)
    assert pays(cost, beyond) is not pays(cost, Fraction(1))


def test_sessions_by_the_hour_that_have_room_cross_where_they_do() -> None:
    """57 sessions of an hour that are hardly used, and people: 9.2 times the volume, $278 of the API; not `never`."""
    shape = SessionShape(57, usd("1.006"), HOUR, 50 * SECOND, 40 * SECOND)
    cost = CostOverVolume(usd("30.20"), usd("2.23"), 0, usd(200), on_demand=OnDemandCost((shape,)))
    found = find_break_even("hybrid", cost, 1000)
    assert found.factor == Fraction(57 * usd("1.006") + usd(200), usd("27.97"))
    assert round(float(found.factor), 1) == 9.2
    assert found.spend_nano == round(found.factor * usd("30.20"))
    assert usd(277) < (found.spend_nano or 0) < usd(278)
    assert found.never is None
    scaled = CostOverVolume(usd("30.20"), usd("2.23") + 57 * usd("1.006"), 0, usd(200))
    assert scaled.never == "each_record"  # what was said when sessions grew with volume


def test_a_month_uses_its_sessions() -> None:
    """Two sessions of half an hour by the hour: twice the work costs the same, a little more another hour each."""
    runs = (run(1, hours=0.4, load=0.1), run(2, hours=0.4, load=0.1))
    figures = month_figures(
        inputs(usage(sync=300), gpu_runs=runs, terms=(on_demand("4.00", increment=3600),))
    )
    shapes = OnDemandCost((SessionShape(2, usd("4.00"), HOUR, HOUR // 10, 4 * HOUR // 10),))
    assert figures.scenario("on_demand").gpu_nano == shapes.nano_at() == usd(8)
    assert shapes.nano_at(Fraction(2)) == usd(8)
    assert shapes.nano_at(Fraction(9, 4)) == usd(8)
    assert shapes.nano_above(Fraction(9, 4)) == usd(16)
    assert shapes.next_step(Fraction(1)) == Fraction(9, 4)
    assert shapes.slope == Fraction(2 * usd("4.00") * 4 * HOUR // 10, NS_PER_HOUR)
    assert figures.at_once.break_even("on_demand").factor == Fraction(208, 300)
    more = month_figures(
        inputs(usage(sync="94.54"), gpu_runs=runs, terms=(on_demand("4.00", increment=3600),))
    )
    assert more.at_once.break_even("on_demand").factor == Fraction(
        usd(208), usd("94.54")
    )  # 0.1 h + 2.2 x 0.4 h
