"""A month's report is stored with the fingerprint of its inputs: the same figures, or a new version that says why."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session, sessionmaker

from db import reports
from db.tables import ReportRow
from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.month import MonthInputs
from models.errors import UsageError
from tasks.report import versions as monthly
from tasks.report.changes import ANOTHER_PROGRAM
from tasks.report.versions import (
    Monthly,
    fingerprint_of,
    is_over,
    keep_report,
    make_report,
    read_version,
    write_inputs,
)
from tests.integration.report.harness import DOLLAR, MONTH, inputs, make_settings

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what has nothing to do with databases."""


def never(_: MonthInputs) -> MonthFigures:
    """Stand for figures that must not be computed again."""
    pytest.fail("the figures are stored already")


def kept(
    make_session: sessionmaker[Session],
    of: MonthInputs,
    compute: Callable[[MonthInputs], MonthFigures] = month_figures,
    *,
    complete: bool = True,
) -> Monthly:
    """Keep the report for these inputs."""
    return keep_report(make_session, of, compute, complete=complete)


def test_the_same_inputs_give_the_stored_report(make_session: sessionmaker[Session]) -> None:
    """Nothing is computed again, and every figure comes back as it was, to the last fraction."""
    first = kept(make_session, inputs())
    again = kept(make_session, inputs(), never)
    assert (first.new, again.new) == (True, False)
    assert replace(again, new=True) == first
    assert again.report.figures == month_figures(inputs())
    assert (again.report.version, again.report.changes) == (1, ())


def test_other_inputs_give_a_version_that_says_what_changed(make_session: sessionmaker[Session]) -> None:
    """Old and new figure, in words; going back is a change again, and no version is ever touched."""
    first = kept(make_session, inputs(600))
    second = kept(make_session, inputs(700))
    assert second.report.version == 2
    assert "Cost, API, at once: $600.00 before, $700.00 now" in second.report.changes
    assert "Saving against the API at once: $150.00 before, $250.00 now" in second.report.changes
    third = kept(make_session, inputs(600))
    assert third.report.version == 3
    assert "Cost, API, at once: $700.00 before, $600.00 now" in third.report.changes
    assert third.report.figures == first.report.figures
    with make_session() as session:
        versions = session.execute(text("SELECT version, fingerprint FROM reports ORDER BY version")).all()
    assert [row.version for row in versions] == [1, 2, 3]
    assert versions[0].fingerprint == versions[2].fingerprint != versions[1].fingerprint


@one_database
def test_a_change_below_a_cent_is_told_in_all_its_digits(make_session: sessionmaker[Session]) -> None:
    """Two amounts that look the same are not said to have changed from one to the same."""
    one = inputs()
    kept(make_session, one)
    (usage,) = one.workloads
    (price,) = usage.counterfactual
    dearer = replace(usage, counterfactual=(replace(price, nano=price.nano + 1),))
    second = kept(make_session, replace(one, workloads=(dearer,)))
    assert "Cost, API, at once: $600.00 before, $600.000000001 now" in second.report.changes


@one_database
def test_workloads_that_come_and_go_are_named(make_session: sessionmaker[Session]) -> None:
    """By their names, which are only text here."""
    kept(make_session, inputs(name="sentiment"))
    second = kept(make_session, inputs(name="<b>tickets</b>"))
    assert "<b>tickets</b> is new: 100,000 records, $450.00 as it really ran" in second.report.changes
    assert "sentiment is gone" in second.report.changes


@one_database
def test_a_month_that_is_over_now_is_another_version(make_session: sessionmaker[Session]) -> None:
    """Also where its last day changed no figure."""
    assert not kept(make_session, inputs(), complete=False).complete
    second = kept(make_session, inputs())
    assert (second.report.version, second.complete) == (2, True)
    assert second.report.changes[0] == "The month is over now."


@pytest.mark.both_databases
def test_two_at_once_make_one_version(make_session: sessionmaker[Session]) -> None:
    """Eight that keep the same inputs get the same report; eight with inputs of their own get eight versions."""
    barrier = Barrier(8)

    def at_once(spent: int) -> Monthly:
        barrier.wait()
        return kept(make_session, inputs(spent))

    with ThreadPoolExecutor(8) as threads:
        same = list(threads.map(at_once, [600] * 8))
        others = list(threads.map(at_once, range(601, 609)))
    assert len({one.id for one in same}) == 1
    assert sum(one.new for one in same) == 1
    assert sorted(one.report.version for one in others) == list(range(2, 10))


def test_what_an_older_program_stored_is_another_version(
    make_session: sessionmaker[Session], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures that cannot be read any more are not compared; a formula that changed is a new version too."""
    kept(make_session, inputs())
    with engine.begin() as connection:
        connection.execute(update(ReportRow).values(figures=json.dumps({"month": "2026-10-01"})))
    second = kept(make_session, inputs())
    assert (second.report.version, second.report.changes) == (2, (ANOTHER_PROGRAM,))
    monkeypatch.setattr(monthly, "CALCULATION", monthly.CALCULATION + 1)
    assert kept(make_session, inputs()).report.version == 3


@one_database
def test_members_of_inputs_that_came_or_went_make_no_version(
    make_session: sessionmaker[Session], engine: Engine
) -> None:
    """What an older program knew of a run, or did not know of a workload, is no other input."""
    first = kept(make_session, inputs())
    older = json.loads(write_inputs(inputs()))
    for run in older["gpu_runs"]:
        run["cost_nano"] = 7
    for usage in older["workloads"]:
        del usage["quarantined_answered"]
    written = json.dumps(older)
    values = {"inputs": written, "fingerprint": fingerprint_of(written, complete=True)}
    with engine.begin() as connection:
        connection.execute(update(ReportRow).values(**values))
    again = kept(make_session, inputs(), never)
    assert (again.id, again.new) == (first.id, False)


def test_a_month_is_over_when_its_last_utc_day_is() -> None:
    """The running month is not; one to come is refused."""
    assert not is_over(MONTH, datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    assert is_over(MONTH, datetime(2026, 11, 1, tzinfo=UTC))
    with pytest.raises(UsageError, match="2026-12 has not begun"):
        is_over(date(2026, 12, 1), datetime(2026, 11, 30, 23, tzinfo=UTC))


def test_the_report_of_a_ledger(
    make_session: sessionmaker[Session], database_url: str, tmp_path: Path
) -> None:
    """Made of what the ledger holds, loaded again by its id; a bill that is entered makes the next version."""
    assert make_session is not None
    settings = make_settings(database_url, tmp_path)
    first = make_report(MONTH, settings)
    assert (first.report.version, first.complete) == (1, True)
    assert make_report(MONTH, settings).id == first.id
    with make_session() as session:
        assert replace(read_version(reports.get(session, first.id)), new=True) == first  # type: ignore[type-var]
    with make_session.begin() as session:
        bill = text("INSERT INTO bills (month, nano_usd, entered_at) VALUES (:month, :nano, :month)")
        session.execute(bill, {"month": MONTH, "nano": 312 * DOLLAR})
    second = make_report(MONTH, settings)
    assert second.report.version == 2
    assert "GPU bill: $0.00 before, $312.00 now" in second.report.changes


def test_without_a_ledger_one_line_says_what_to_do(tmp_path: Path) -> None:
    """And none is made."""
    with pytest.raises(UsageError, match="run a workload first"):
        make_report(MONTH, make_settings(f"sqlite:///{tmp_path / 'none.db'}", tmp_path))
    assert list(tmp_path.iterdir()) == []
