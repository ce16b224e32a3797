"""What stands, kind by kind: from where on, until when, and what is to be done about it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from db import ledger, reference, runs
from db.leases import acquire
from db.tables import PartitionVersionRow, PriceRow, RunRow
from models.catalogue.model_ends import find_end
from models.economics.break_even import month_figures
from models.economics.pricing import prices_of
from models.gpu_time import GpuTime
from tasks.alerts.standing import highest
from tasks.report.versions import keep_report
from tests.integration.alerts.harness import NOW, TODAY, Watch
from tests.integration.db.ledger_lines import line, seed
from tests.integration.report.harness import DOLLAR, inputs

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


def test_a_budget_at_80_and_at_95_percent(watch: Watch) -> None:
    """The cap of a workload's day, by what was spent: nothing below 80 %, then one threshold after the other."""
    day = f"day cap of sentiment, {TODAY}"
    watch.spend(7)
    assert watch.kinds() == []
    watch.spend(1)
    assert watch.kinds() == [("budget", f"{day}, 80%")]
    watch.spend(2)
    assert watch.kinds() == [("budget", f"{day}, 80%"), ("budget", f"{day}, 95%")]
    (told,) = highest(watch.standing())
    assert told.what == (
        f"The day cap of $10.00 for sentiment is used to 100% in {TODAY}: $10.00, attempts in flight at the most that they can cost."
    )
    assert "raise day_usd in [workloads.sentiment.budget]" in told.advice
    assert watch.kinds(alerts={"off": ("budget", "price", "model_end")}) == []
    assert len(watch.kinds(alerts={"off": ("price", "model_end"), "budget_percent": (50, 80, 95)})) == 3


def test_caps_of_all_workloads_and_of_months(watch: Watch) -> None:
    """The total counts every workload; a month fills by its days; yesterday's cap is still looked at, the day before is not."""
    total: dict[str, Any] = {"budget": {"day_usd": "100", "month_usd": "50"}, "workloads": {}}
    watch.spend(30, TODAY - 2 * DAYS, "sentiment")
    watch.spend(11, TODAY - DAYS, "enrichment")
    assert watch.kinds(**total) == [("budget", "month cap of all workloads, 2026-11, 80%")]
    watch.spend(90, TODAY - DAYS, "enrichment")
    found = {crossing for _, crossing in watch.kinds(**total)}
    assert f"day cap of all workloads, {TODAY - DAYS}, 95%" in found
    assert watch.kinds(NOW + 2 * DAYS, **total)[-1] == ("budget", "month cap of all workloads, 2026-11, 95%")
    assert watch.kinds(NOW + 40 * DAYS, **total) == []


def test_records_that_wait_longer_than_a_day(watch: Watch) -> None:
    """Since the run began; what they wait for is said, and when they are done it is over."""
    young, old = watch.run(20 * HOURS), watch.run(30 * HOURS, partition=date(2026, 11, 18))
    watch.wait(young, batch=3)
    watch.wait(old, batch=200, budget=12)
    (alert,) = watch.standing()
    assert alert.key == ("waiting", "sentiment 2026-11-18")
    assert alert.what == (
        "212 records of sentiment, 2026-11-18, wait since 2026-11-19 06:00 UTC (200 for answers of a batch, 12 for a budget)."
    )
    assert "`breakeven collect`" in alert.advice
    assert len(watch.standing(alerts={"off": ("price", "model_end"), "waiting_hours": 10})) == 2
    watch.end(old, "completed")
    with watch.sessions.begin() as session:
        done = PartitionVersionRow.id == runs.run_keys(session, old).version_id
        session.execute(update(PartitionVersionRow).where(done).values(state="published"))
    assert watch.kinds() == []


def test_a_run_that_failed_until_it_is_done(watch: Watch) -> None:
    """The newest run of a partition counts; one that began long ago is not told of; a later success ends it."""
    failed = watch.run(5 * HOURS)
    watch.end(failed, "failed", "the engine could not be loaded: out of memory")
    watch.end(watch.run(8 * DAYS, partition=date(2026, 11, 12)), "failed", "too old")
    watch.end(watch.run(2 * HOURS, partition=date(2026, 11, 19)), "interrupted")
    (alert,) = watch.standing()
    assert alert.key == ("run_failed", f"sentiment {TODAY}")
    assert "failed: the engine could not be loaded: out of memory." in alert.what
    assert f"`breakeven run sentiment --date {TODAY}`" in alert.advice
    watch.end(watch.run(HOURS), "completed")
    assert watch.kinds() == []


def test_a_run_whose_process_is_gone(watch: Watch) -> None:
    """Running, and nobody holds its partition: it was killed. As long as somebody does, it is at work."""
    watch.run(2 * HOURS)
    (alert,) = watch.standing()
    assert "it was killed, or its machine is gone" in alert.what
    with watch.sessions.begin() as session:
        acquire(session, "sentiment", TODAY, "somebody", 10**9, lambda _: False)
    assert watch.kinds() == []


@one_database
def test_a_recommendation_that_flips(watch: Watch, make_session: sessionmaker[Session]) -> None:
    """October's report says that a machine on demand is cheapest; at November's pace a machine is paid for work that the API does for next to nothing."""
    keep_report(make_session, inputs(600), month_figures, complete=True)
    at = datetime(2026, 11, 10, tzinfo=UTC)
    with make_session.begin() as session:
        keys = seed(session, "sentiment", at.date())
        ledger.insert_lines(session, [line(keys, at=at)])
        runs.add(session, keys.run, GpuTime(busy_ns=10**13), runs.Increments(gpu_cost_nano=500 * DOLLAR))
        runs.finish(session, keys.run, "completed")
        session.execute(update(RunRow).where(RunRow.id == keys.run).values(started_at=at))
    (alert,) = watch.standing()
    assert alert.kind == "recommendation"
    assert alert.what.startswith(
        "The recommendation has changed: for October 2026 it was “Switch to a machine on demand”, at the pace of November 2026 it is “Move to"
    )
    assert "`breakeven report --month 2026-11`" in alert.advice
    late = {"off": ("price", "model_end"), "recommendation_after_days": 25}
    assert watch.kinds(alerts=late) == []
    keep_report(make_session, inputs(700), month_figures, complete=True)
    assert watch.kinds() == [alert.key]


@one_database
def test_a_recommendation_that_stays(watch: Watch, make_session: sessionmaker[Session]) -> None:
    """The same in both months, or a month without work: nothing to tell."""
    assert watch.kinds() == []
    keep_report(make_session, inputs(600), month_figures, complete=True)
    assert watch.kinds() == []


@one_database
def test_a_price_that_changed(watch: Watch) -> None:
    """What the ledger knew a month ago beside what holds today: both prices are said, and after a while it is over."""
    off = {"off": ("model_end",)}
    settings: dict[str, Any] = {
        "api_model": "gpt-4o-mini",
        "api_candidates": (),
        "api_input_usd_per_mtok": "0.25",
        "api_output_usd_per_mtok": "0.60",
    }
    assert watch.kinds(alerts=off, **settings) == []
    with watch.sessions.begin() as session:
        (own,) = prices_of(watch.settings(**settings))
        reference.sync_prices(session, [replace(own, input_nano_per_mtok=150_000_000)])
        session.execute(update(PriceRow).values(added_on=date(2026, 10, 1)))
    (alert,) = watch.standing(alerts=off, **settings)
    assert alert.kind == "price"
    assert "input $0.15 → $0.25" in alert.what
    assert "`breakeven ledger reprice`" in alert.advice
    with watch.sessions.begin() as session:
        session.execute(update(PriceRow).values(input_nano_per_mtok=250_000_000))
    assert watch.kinds(alerts=off, **settings) == []


@one_database
def test_a_model_that_leaves_its_api(watch: Watch) -> None:
    """90, 30 and 7 days before, each once; the successor is named."""
    end = find_end("gpt-4o-mini")
    assert end is not None
    off: dict[str, Any] = {"alerts": {"off": ("price",)}, "api_model": "gpt-4o-mini", "api_candidates": ()}

    def told(days: int) -> list[str]:
        at = datetime.combine(end.ends_on - days * DAYS, NOW.timetz())
        return [crossing for _, crossing in watch.kinds(at, **off)]

    name = f"gpt-4o-mini, {end.ends_on}"
    assert told(91) == []
    assert told(90) == [f"{name}, 90 days"]
    assert told(8) == [f"{name}, 90 days", f"{name}, 30 days"]
    assert told(0) == [f"{name}, {days} days" for days in (90, 30, 7, 0)]
    at = datetime.combine(end.ends_on - 5 * DAYS, NOW.timetz())
    (one,) = highest(watch.standing(at, **off))
    assert "in 5 days" in one.what
    assert end.successor is not None
    assert end.successor in one.advice


@one_database
def test_what_cannot_be_looked_at_hides_nothing_else(watch: Watch) -> None:
    """A candidate without a price is said, and the budget is told of all the same."""
    from tasks.alerts.standing import find_standing  # noqa: PLC0415

    watch.spend(9)
    settings = watch.settings(api_candidates=("no-such-model",), alerts={"off": ("model_end",)})
    with watch.sessions() as session:
        found = find_standing(session, settings, NOW)
    assert [one.kind for one in found.alerts] == ["budget"]
    assert "price" not in found.looked
    (problem,) = found.problems
    assert "no price is known for 'no-such-model'" in problem
    assert Decimal(10) == watch.settings().workload("sentiment").budget.day_usd
