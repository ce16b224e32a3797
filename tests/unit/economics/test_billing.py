"""What machines and people are billed: sessions by increment, reserved days, terms that change, months of any length."""

from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.billing import MonthBill, bill_month
from models.economics.gpu_run import GpuRun
from models.economics.month import InfrastructureTerms, MonthInputs, Rate
from models.economics.pricing import half_up
from models.economics.sessions import group_sessions
from models.economics.terms_in_force import Tariff, day_of, is_same_kind
from models.gpu_time import NS_PER_DAY
from models.months import days_in, months_later
from tests.month_inputs import (
    HOUR,
    NANO,
    OCTOBER,
    RUNS,
    SECOND,
    inputs,
    labour,
    on_demand,
    reference,
    reserved,
    run,
    usd,
)

HOURLY = Tariff("A10G", usd(1), 3600)
BY_SECOND = Tariff("A10G", usd(1), 1)


def bill(month: MonthInputs) -> MonthBill:
    """Return what a month is billed."""
    return bill_month(month, month.list_usage())


def billed(*runs: GpuRun, tariff: Tariff = HOURLY) -> list[int]:
    """Return the billed hours of the sessions of runs at one tariff."""
    found = group_sessions((one, tariff) for one in runs)
    return sorted(session.billed_ns // HOUR for session in found)


@pytest.mark.parametrize(
    ("second_starts", "expected"),
    [
        ("03:00:00", [2]),  # at once
        ("03:01:00", [3]),  # 60 s later: the machine was kept, and the pause is paid
        ("03:01:01", [1, 1]),  # a second more: two machines' first hours
        ("02:59:30", [2]),  # half a minute too early by its row: the clock's, not another machine
        ("02:30:00", [1, 1]),  # half an hour earlier: on another machine
    ],
)
def test_runs_that_follow_each_other_are_one_session(second_starts: str, expected: list[int]) -> None:
    """Within 60 s of the end of the one before; only whole increments are billed."""
    assert billed(run(at="02:00:00"), run(at=second_starts)) == expected


def test_three_machines_at_once_are_three_sessions() -> None:
    """Each goes on with the run that follows on its machine."""
    at_once = [run(hours=0.9, at=f"0{hour}:00:0{machine}") for hour in (2, 3) for machine in (0, 1, 2)]
    assert billed(*at_once) == [1] * 6  # six minutes between them: each stopped
    joined = [run(hours=1, at=f"0{hour}:00:0{machine}") for hour in (2, 3) for machine in (0, 1, 2)]
    assert billed(*joined) == [2] * 3


def test_an_increment_is_never_shortened() -> None:
    """A minute of an hourly machine costs an hour; of one that is billed by the second, a minute."""
    minute = run(hours=1 / 60)
    hourly, by_second = (group_sessions([(minute, tariff)])[0] for tariff in (HOURLY, BY_SECOND))
    assert hourly.nano == usd(1)
    assert by_second.nano == Fraction(usd(1), 60)


def test_what_clocks_make_overlap_is_paid_in_full() -> None:
    """Two hours of GPU time are two billed hours, though the rows say that they took half a minute less."""
    runs = [run(at="02:00:00"), run(at="02:59:30")]
    session = group_sessions((one, BY_SECOND) for one in runs)[0]
    assert session.used_ns == session.billed_ns == 2 * HOUR
    short = run(
        at="02:59:10", hours=10 / 3600
    )  # within what is paid for already, but not served at the same time
    longer = group_sessions((one, BY_SECOND) for one in (run(at="02:00:00"), short))[0]
    assert longer.billed_ns == HOUR + 10 * SECOND


def test_a_run_without_gpu_time_is_in_no_session() -> None:
    """A run that sent everything to the API held no machine."""
    assert group_sessions([(run(hours=0), HOURLY)]) == []


@given(st.lists(RUNS, max_size=12), st.sampled_from([1, 60, 3600]))
def test_no_session_bills_less_than_its_runs_used(runs: list[GpuRun], increment: int) -> None:
    """Used <= length <= billed < length + increment, and every nanosecond of the runs is in some session."""
    held = group_sessions((one, Tariff("A10G", NANO, increment)) for one in runs)
    assert sum(session.used_ns for session in held) == sum(one.time.total_ns for one in runs)
    for session in held:
        assert session.used_ns <= session.length_ns <= session.billed_ns
        assert session.billed_ns < session.length_ns + increment * SECOND


@given(st.lists(RUNS, max_size=8), st.randoms())
def test_sessions_do_not_depend_on_the_order_of_runs(runs: list[GpuRun], random: object) -> None:
    """They are put in order of time first."""
    shuffled = list(runs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _summed(runs) == _summed(shuffled)


def _summed(runs: list[GpuRun]) -> list[tuple[int, int, int]]:
    held = group_sessions((one, HOURLY) for one in runs)
    return sorted((session.started_ns, session.used_ns, session.billed_ns) for session in held)


def test_times_are_utc_whatever_zone_they_are_written_in() -> None:
    """A run at half past eleven at night in New York belongs to the next UTC day."""
    late = datetime(2026, 10, 31, 23, 30, tzinfo=timezone(timedelta(hours=-4)))
    one = GpuRun("sentiment", "A10G", late, run().time, NANO)
    assert day_of(one) == date(2026, 11, 1)
    assert day_of(run(day=31, at="23:59:59")) == date(2026, 10, 31)


@pytest.mark.parametrize("month", [months_later(OCTOBER, count) for count in range(-8, 16)])
def test_a_reserved_month_costs_what_was_agreed(month: date) -> None:
    """$250 a month are $250 in February and in October; by the hour every day has 24, also where clocks change."""
    by_month = inputs(month=month, terms=(reserved("250"),))
    assert bill(by_month).whole.reserved == usd(250)
    assert bill(by_month).gpu.billed_ns == days_in(month) * NS_PER_DAY
    by_hour = inputs(month=month, terms=(reserved(per_hour="0.35", gpus=2),))
    assert bill(by_hour).whole.reserved == 2 * 24 * days_in(month) * usd("0.35")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((reserved("310"),), 310),
        ((reserved("310", since=date(2026, 10, 22)),), 100),  # the last ten days
        ((reserved("310", until=date(2026, 10, 11)),), 100),  # the first ten
        ((reserved("310"), reserved("620")), 620),  # the one that was entered last
        ((reserved("310"), reserved("620", since=date(2026, 10, 2), until=date(2026, 10, 3))), 320),
        ((reserved("310"), reserved("620", kind="H100")), 930),  # two kinds side by side
        ((reserved("310"), reserved("0.00", gpus=0, since=date(2026, 10, 11))), 100),  # given up
        ((reserved("310", gpus=3),), 930),
        ((on_demand("1.00"),), 0),  # not used
        ((), 0),
    ],
)
def test_reserved_days_follow_the_terms_of_each_day(
    terms: tuple[InfrastructureTerms, ...], expected: int
) -> None:
    """On each day, of the terms of one kind those count that were entered last."""
    found = bill(inputs(terms=terms)).whole
    assert (found.reserved, found.on_demand.nano_at()) == (Fraction(usd(expected)), Fraction(0))


def test_a_run_on_demand_is_billed_by_the_terms_of_its_day() -> None:
    """$1 until the tenth, $2 by the hour from the eleventh on; reserved in the end; another machine at its own rate."""
    terms = (
        on_demand("1.00"),
        on_demand("2.00", increment=3600, since=date(2026, 10, 11)),
        reserved("310", since=date(2026, 10, 22)),
    )
    runs = (run(10, hours=0.5), run(11, hours=0.5), run(25, hours=0.5), run(25, kind="cpu x8", rate="0.34"))
    found = bill(inputs(terms=terms, gpu_runs=runs))
    assert found.whole.on_demand.nano_at() == usd("0.50") + usd("2.00") + usd("0.34")
    assert found.whole.reserved == usd(100)
    assert found.gpu.sessions == 3
    assert found.gpu.billed_ns == HOUR // 2 + HOUR + HOUR + 10 * NS_PER_DAY


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A10G", "NVIDIA A10G", True),
        ("A100", "NVIDIA A100-SXM4-80GB", True),
        ("a10g", "A10G", True),
        ("A10", "A100", False),
        ("A10G", "cpu x8", False),
        ("cpu x8", "cpu x16", False),
    ],
)
def test_names_of_one_kind_of_machine(one: str, other: str, same: bool) -> None:
    """The driver's name and the catalogue's are one kind, a name that begins alike is not."""
    assert is_same_kind(one, other) is same
    assert is_same_kind(other, one) is same


def test_what_reserved_machines_would_have_cost() -> None:
    """At the terms where they are reserved, else at the reference; on days with terms only; unknown without a rate."""
    at = (reference("reserved", "0.40"),)
    day = 24 * usd("0.40")
    assert bill(inputs(terms=(reserved("250"),))).whole.as_reserved == usd(250)
    assert bill(inputs(terms=(on_demand("1.00", gpus=2),), references=at)).whole.as_reserved == 62 * day
    half = (on_demand("1.00", since=date(2026, 10, 17)),)
    assert bill(inputs(terms=half, references=at)).whole.as_reserved == 15 * day
    assert bill(inputs(gpu_runs=(run(),), references=at)).whole.as_reserved == 31 * day
    other = (reference("reserved", "0.40", kind="H100"),)
    assert bill(inputs(gpu_runs=(run(),), references=other)).whole.as_reserved is None
    assert bill(inputs(terms=(on_demand("1.00"),))).whole.as_reserved is None
    assert bill(inputs()).whole.as_reserved is None


def as_on_demand(month: MonthInputs) -> Fraction | None:
    """Return what the sessions of a month would have cost on demand."""
    found = bill(month).as_on_demand
    return None if found is None else found.nano_at()


def test_what_sessions_would_have_cost_on_demand() -> None:
    """At the terms, else the reference, else the run's own rate if that is one on demand; unknown without."""
    one = run(hours=2)
    own_reserved = GpuRun("sentiment", "A10G", one.started_at, one.time, usd(1), billing_mode="reserved")
    there = (reserved("250"),)
    at = (reference("on_demand", "3.00"),)
    assert as_on_demand(inputs(terms=(on_demand("5.00"),), gpu_runs=(one,))) == usd(10)
    assert as_on_demand(inputs(terms=there, references=at, gpu_runs=(one,))) == usd(6)
    assert as_on_demand(inputs(terms=there, gpu_runs=(one,))) == usd(2)
    assert as_on_demand(inputs(terms=there, gpu_runs=(own_reserved,))) is None
    assert as_on_demand(inputs(gpu_runs=(own_reserved,))) == usd(2)  # no terms: billed as its row says
    assert as_on_demand(inputs()) == 0


def test_labour_that_changes_counts_by_the_day() -> None:
    """Ten days of 2 h at $100 and 21 of 4 h at $50 a month; of two for one day, the one entered last."""
    terms = (
        labour(2, 100),
        labour(9, 99, since=date(2026, 10, 11)),
        labour(4, 50, setup=6, since=date(2026, 10, 11)),
        labour(7, 77, since=date(2026, 11, 1)),
    )
    month = inputs(labour=terms)
    assert bill(month).whole.labour_hours == Fraction(10 * 2 + 21 * 4, 31)
    assert bill(month).whole.labour == Fraction(10 * usd(200) + 21 * usd(200), 31)
    assert bill(month).setup_nano == usd(300)


def test_labour_has_to_hold_on_every_day() -> None:
    """Who fills in the inputs puts the defaults first; without any there is no guess."""
    with pytest.raises(ValueError, match="no labour terms hold on 2026-10-01"):
        bill(inputs(labour=(labour(since=date(2026, 10, 2)),)))


@pytest.mark.parametrize(
    ("value", "rounded"), [("0.5", 1), ("1.5", 2), ("2.4999", 2), ("-0.5", 0), ("-0.51", -1), ("7", 7)]
)
def test_money_is_rounded_half_up(value: str, rounded: int) -> None:
    """Also below zero, where up is towards it."""
    assert half_up(Fraction(value)) == rounded


@pytest.mark.parametrize(
    "impossible",
    [
        Rate,
        lambda: Rate(1, 1),
        lambda: Rate(nano_per_hour=-1),
        lambda: InfrastructureTerms("A10G", "on_demand", Rate(nano_per_month=1), OCTOBER),
        lambda: reserved("1", since=OCTOBER, until=OCTOBER),
        lambda: reserved("1", gpus=-1),
        lambda: on_demand("1", increment=0),
        lambda: inputs(month=date(2026, 10, 2)),
        lambda: inputs(days=0),
        lambda: inputs(days=32),
    ],
)
def test_impossible_terms_are_refused(impossible: object) -> None:
    """A rate twice or never, a span that ends before it begins, a day that the month does not have."""
    with pytest.raises(ValueError, match=r"rate|terms|cannot be"):
        impossible()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, date(2026, 10, 1)), (3, date(2027, 1, 1)), (-10, date(2025, 12, 1))]
)
def test_months_are_counted_over_the_year(count: int, expected: date) -> None:
    """Forwards and back."""
    assert months_later(date(2026, 10, 31), count) == expected


def test_a_session_goes_over_midnight() -> None:
    """Days end at midnight, sessions do not."""
    late, early = run(1, at="23:30:00", hours=0.5), run(2, at="00:00:30", hours=0.5)
    assert late.started_at.tzinfo is UTC
    assert billed(late, early) == [2]
