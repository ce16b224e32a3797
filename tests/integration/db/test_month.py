"""A month's usage is what its lines and runs come to, on both databases, at the edges of months too."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, ledger, month, reference, runs
from db.tables import RunRow
from models.economics.gpu_run import GpuRun
from models.economics.month import PendingBound, Tokens, WorkloadUsage
from models.economics.pricing import ALWAYS, Price
from models.economics.sessions import group_sessions
from models.economics.terms_in_force import Tariff
from models.gpu_time import GpuTime
from tests.integration.db.ledger_lines import MACHINE, Keys, closing, line, pending, seed

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
LAST = datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC)
JANUARY = date(2027, 1, 1)


def _started(session: Session, run_id: UUID, at: datetime, **changes: object) -> None:
    session.execute(update(RunRow).where(RunRow.id == run_id).values(started_at=at, **changes))


def _start_part(session: Session, keys: Keys, flow_run: str | None = "flow-1") -> UUID:
    """Start the run of a shard of the whole run."""
    new = runs.NewRun(
        keys.version, "sentiment", NOVEMBER, "vllm", keys.local, keys.prompt, keys.machine, flow_run
    )
    return runs.start(session, replace(new, shard=1, shards=2, part_of=keys.run))


def _november(session: Session) -> dict[str, WorkloadUsage]:
    found = month.read_usage(session, NOVEMBER, DECEMBER).get(NOVEMBER, month.MonthUsage())
    return {usage.workload: usage for usage in found.workloads}


@pytest.fixture
def session(make_session: sessionmaker[Session], keys: Keys) -> Iterator[Session]:
    """Session of a ledger whose only run started in the middle of November."""
    with make_session() as opened:
        _started(opened, keys.run, datetime(2026, 11, 15, tzinfo=UTC))
        yield opened


def test_every_kind_of_attempt_is_counted_once(session: Session, keys: Keys) -> None:
    """Answered here, reused, escalated, closed, in doubt: each record and nano-dollar has its place."""
    here = line(keys, "r1")
    reused = line(
        keys,
        "r2",
        engine="reuse",
        reason="identical",
        reuses=here.id,
        **dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens", "cost_nano"), 0),
        **dict.fromkeys(
            ("counterfactual_nano", "counterfactual_input_tokens", "counterfactual_output_tokens"), 0
        ),
    )
    passed_on = [
        line(keys, name, outcome="escalated", reason="low_confidence", counterfactual_nano=0)
        for name in ("r3", "r4", "r5")
    ]
    invalid = line(keys, "r6", outcome="invalid_output", counterfactual_nano=None)
    ledger.insert_lines(session, [here, reused, *passed_on, invalid])
    unsure = {"counterfactual_nano": 0, "estimated": True}
    sent = [pending(keys, name, attempt=2, **unsure) for name in ("r3", "r4", "r5")]
    direct = pending(keys, "r7", reason="chosen", **unsure)
    attempts.open_attempts(session, "sentiment", [*sent, direct])
    unreported = {"input_tokens": None, "cached_tokens": None, "output_tokens": None, "cost_nano": 1000}
    attempts.close_attempts(
        session,
        [
            closing(sent[0].id),
            closing(
                sent[1].id, outcome="invalid_output", estimated=True, counterfactual_nano=0, **unreported
            ),
            closing(direct.id, estimated=True),
        ],
    )
    runs.add(session, keys.run, GpuTime(), runs.Increments(quarantined=3))
    (usage,) = _november(session).values()
    price = usage.counterfactual[0]
    assert usage == WorkloadUsage(
        workload="sentiment",
        runs=1,
        records=7,
        local=1,
        api=2,
        reused=1,
        escalated=3,
        quarantined=3,
        local_tokens=Tokens(500, 320, 25),
        api_tokens=Tokens(200, 80, 14),
        counterfactual=(price,),
        api_nano=300 + 1000 + 1000 + 300,
        api_upper_bound_nano=2000,
        api_upper_bound=2,
        estimated=2,
        pending=(PendingBound(1000, 1000),),
        chosen_nano=300,
        routed=4,
    )
    assert price.nano == 15_900 + 250 + 250
    assert (price.provider, price.model, price.input_nano_per_mtok) == ("openai", "gpt-4o-mini", 150_000_000)
    assert price.first_day == price.last_day == date(2026, 11, 23)


def test_a_day_belongs_to_its_utc_month(session: Session, keys: Keys) -> None:
    """The last microsecond of November is November's, the next one December's, whatever the line's own zone."""
    zone = timezone(timedelta(hours=9))
    times = [LAST, LAST + timedelta(microseconds=1), LAST.astimezone(zone)]
    ledger.insert_lines(session, [line(keys, f"r{place}", at=at) for place, at in enumerate(times)])
    used = month.read_usage(session, date(2026, 1, 1), JANUARY)
    assert {of: usage.workloads[0].records for of, usage in used.items()} == {NOVEMBER: 2, DECEMBER: 1}
    assert used[DECEMBER].workloads[0].runs == 0
    assert list(month.read_usage(session, NOVEMBER, DECEMBER)) == [NOVEMBER]
    assert list(month.read_usage(session, DECEMBER, JANUARY)) == [DECEMBER]
    assert _november(session)["sentiment"].counterfactual[0].last_day == date(2026, 11, 30)


def test_a_run_is_of_the_month_in_which_it_started(session: Session, keys: Keys) -> None:
    """Its GPU time stays there, also where its lines go on into the next month."""
    runs.add(session, keys.run, GpuTime(1, 2, 3), runs.Increments(gpu_cost_nano=1000, unallocated_nano=1000))
    _started(session, keys.run, LAST)
    ledger.insert_lines(session, [line(keys, at=LAST + timedelta(minutes=1))])
    used = month.read_usage(session, NOVEMBER, JANUARY)
    (gpu_run,) = used[NOVEMBER].gpu_runs
    assert gpu_run == GpuRun(
        "sentiment", "A10G", LAST, GpuTime(1, 2, 3), MACHINE.nano_usd_per_hour, "on_demand", 1
    )
    assert (used[NOVEMBER].workloads[0].runs, used[NOVEMBER].workloads[0].records) == (1, 0)
    assert (used[DECEMBER].gpu_runs, used[DECEMBER].workloads[0].records) == ((), 1)
    _started(session, keys.run, LAST + timedelta(microseconds=1))
    assert month.read_usage(session, NOVEMBER, DECEMBER) == {}
    assert month.read_usage(session, DECEMBER, JANUARY)[DECEMBER].workloads[0].runs == 1


@pytest.mark.parametrize("ended", [60, 24 * 60], ids=["at once", "after the batches"])
def test_a_run_in_shards_waits_on_the_machine_of_its_own_last_shard(
    session: Session, keys: Keys, ended: int
) -> None:
    """Its waiting follows what it answered itself: one machine; the one that it waited for is another."""
    half = 1_800_000_000_000
    at = datetime(2026, 11, 15, 12, tzinfo=UTC)
    end = at + timedelta(minutes=ended)
    _started(session, keys.run, at, ended_at=end, idle_ns=half, shards=2)
    for flow_run, times in (("flow-1", 1), ("flow-2", 2)):
        part_ended = at + times * timedelta(minutes=30)
        part = _start_part(session, keys, flow_run)
        _started(session, part, at, ended_at=part_ended, state="completed", busy_ns=times * half)
    gpu_runs = month.read_usage(session, NOVEMBER, DECEMBER)[NOVEMBER].gpu_runs
    hourly = Tariff("A10G", MACHINE.nano_usd_per_hour, 3600)
    machines = group_sessions((one, hourly) for one in gpu_runs)
    assert [one.billed_ns for one in machines] == [2 * half, 2 * half]


def test_two_prices_of_one_month_stay_apart(session: Session, keys: Keys) -> None:
    """A change of price in mid-month shows, with the days on which each was used."""
    cheaper = Price("openai", "gpt-4o-mini", date(2026, 11, 24), None, 1, None, 1, "test")
    reference.sync_prices(session, [cheaper])
    price_id, _ = reference.find_price(session, "openai", "gpt-4o-mini", date(2026, 11, 24))
    later = datetime(2026, 11, 24, tzinfo=UTC)
    more = line(keys, "r2", at=later, counterfactual_price_id=price_id, counterfactual_nano=7)
    ledger.insert_lines(session, [line(keys), more])
    uses = _november(session)["sentiment"].counterfactual
    assert [(use.effective_from, use.nano, use.first_day.day) for use in uses] == [
        (ALWAYS, 15_900, 23),
        (date(2026, 11, 24), 7, 24),
    ]


def test_an_unnamed_machine_costs_what_its_run_cost(session: Session, keys: Keys) -> None:
    """A run without a machine keeps its GPU time, at the rate that its cost comes to: never for nothing."""
    _started(session, keys.run, LAST, infrastructure_id=None, busy_ns=1_800_000_000_000, gpu_cost_nano=500)
    (gpu_run,) = month.read_usage(session, NOVEMBER, DECEMBER)[NOVEMBER].gpu_runs
    assert (gpu_run.kind, gpu_run.nano_usd_per_hour) == (month.UNKNOWN_MACHINE, 1000)


@pytest.mark.parametrize(
    ("state", "error", "waits", "carried", "lost"),
    [
        ("interrupted", None, False, 160, 60 + 10),  # killed: its load, and what no record carries
        ("interrupted", "stopped by signal 15; 2 left", False, 170, 60),
        (
            "interrupted",
            "stopped by signal 15; 2 left",
            True,
            0,
            170,
        ),  # before the first commit: all of it, once
        ("interrupted", "stopped by signal 2; 2 left", False, 160, None),  # Ctrl-C
        ("interrupted", None, True, 160, None),  # waited for a version that was given up
        ("failed", "EngineError", False, 160, None),
        ("completed", None, False, 160, None),
    ],
)
def test_what_was_lost_with_a_machine_is_load_and_what_no_record_carries(
    session: Session, keys: Keys, state: str, error: str | None, waits: bool, carried: int, lost: int | None
) -> None:
    """Of runs that were ended from outside; lines that lie in an archive by now carry their part all the same."""
    if waits:
        runs.wait(session, keys.run, {"batch": 2})
    times = {"load_ns": 60, "busy_ns": 100, "idle_ns": 10}
    _started(session, keys.run, LAST, state=state, error=error, **times)
    ledger.insert_lines(session, [line(keys, at=LAST, gpu_ns=carried)])
    (gpu_run,) = month.read_usage(session, NOVEMBER, DECEMBER)[NOVEMBER].gpu_runs
    assert gpu_run.lost_ns == lost


@pytest.mark.parametrize(("flow_run", "taken"), [("flow-1", 1), (None, 2)])
def test_a_machine_that_answered_a_shard_of_its_own_run_was_taken_once(
    session: Session, keys: Keys, flow_run: str | None, taken: int
) -> None:
    """Whole run and shard of one process are one interruption; the shard of another process is another one."""
    part = _start_part(session, keys, flow_run)
    _started(session, keys.run, LAST, state="interrupted", shards=2)
    _started(session, part, LAST, state="interrupted", busy_ns=10)
    runs_of_month = month.read_usage(session, NOVEMBER, DECEMBER)[NOVEMBER].gpu_runs
    assert len([one for one in runs_of_month if one.lost_ns is not None]) == taken


def test_a_machine_that_was_taken_before_its_run_told_of_it_counts(session: Session, keys: Keys) -> None:
    """Its time is not known, but that it went is."""
    _started(session, keys.run, LAST, state="interrupted")
    (gpu_run,) = month.read_usage(session, NOVEMBER, DECEMBER)[NOVEMBER].gpu_runs
    assert (gpu_run.time, gpu_run.lost_ns) == (GpuTime(), 0)


def test_workloads_stay_apart_and_months_without_usage_are_missing(session: Session, keys: Keys) -> None:
    """Each workload has its own sums; nothing is made up for months without lines."""
    other = seed(session, "enrichment")
    _started(session, other.run, datetime(2026, 9, 30, tzinfo=UTC))
    september = datetime(2026, 9, 30, 12, tzinfo=UTC)
    ledger.insert_lines(session, [line(keys), line(other), line(other, "r2", at=september)])
    used = month.read_usage(session, date(2026, 1, 1), JANUARY)
    assert sorted(used) == [date(2026, 9, 1), NOVEMBER]
    assert {name: usage.records for name, usage in _november(session).items()} == {
        "enrichment": 1,
        "sentiment": 1,
    }
    assert month.find_first_month(session) == date(2026, 9, 1)


def test_an_empty_ledger_has_no_month(make_session: sessionmaker[Session]) -> None:
    """Nothing is known of any month, and nothing is invented."""
    with make_session() as session:
        assert month.find_first_month(session) is None
        assert month.read_usage(session, date(2000, 1, 1), JANUARY) == {}
