"""A month's report: its inputs read, its figures computed, both kept in the ledger as a version that never changes."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import version as version_of
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session, sessionmaker

from db import reports
from db.reports import Report
from db.run_queries import list_runs
from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.month import MonthInputs
from models.errors import UsageError
from models.ids import new_id
from models.months import month_of, months_later
from models.settings import Settings
from tasks.report.advice import explain, headline, verdict
from tasks.report.changes import ANOTHER_PROGRAM, list_changes
from tasks.report.inputs import read_month_inputs
from tasks.report.month_report import MonthReport
from tasks.runtime.ledger_access import reading_ledger, with_patience, writing_ledger

CALCULATION = 2
"""Raise it when the same inputs give other figures: reports made from then on are new versions, and say so."""

_INPUTS = TypeAdapter(MonthInputs)
_FIGURES = TypeAdapter(MonthFigures)
_CHANGES = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Monthly:
    """A report that is in the ledger. `complete`: its month was over. `new`: this call stored it."""

    id: UUID
    month: date
    complete: bool
    new: bool
    report: MonthReport


def is_over(month: date, now: datetime) -> bool:
    """Whether a month, in UTC, is over. Raises `UsageError` for one that has not begun."""
    today = now.astimezone(UTC).date()
    if month > today:
        msg = f"{month:%Y-%m} has not begun in UTC; a report is made of a month that is over, or of the running one"
        raise UsageError(msg)
    return months_later(month, 1) <= today


def make_report(month: date, settings: Settings) -> Monthly:
    """Make the report of a month from what the ledger knows now, or return the one that stands on the very same.

    Raises `UsageError` for a month that has not begun and where there is no ledger, `DatabaseUnavailable`.
    """
    now = datetime.now(UTC)
    complete = is_over(month, now)
    with writing_ledger(settings, create=False) as make_session:
        inputs = read_inputs(settings, month, now.astimezone(UTC).date())
        patience = settings.database_patience_seconds
        return keep_report(make_session, inputs, month_figures, complete=complete, patience=patience)


def read_inputs(settings: Settings, month: date, today: date) -> MonthInputs:
    """Read what the month's figures stand on, all of it as it is at one moment, without holding up a writer."""
    with reading_ledger(settings) as session:
        return read_month_inputs(session, settings, month, today=today)


def find_newest_month(settings: Settings) -> date:
    """Return the UTC month in which the newest run began; this month where there is none. Raises `UsageError`."""
    with writing_ledger(settings, create=False) as make_session, make_session() as session:
        began = [run["started_at"] for run in list_runs(session, limit=1)]
    times = [at for at in began if isinstance(at, datetime)] or [datetime.now(UTC)]
    return month_of(times[0])


def keep_report(
    make_session: sessionmaker[Session],
    inputs: MonthInputs,
    compute: Callable[[MonthInputs], MonthFigures],
    *,
    complete: bool,
    patience: float = 0.0,
) -> Monthly:
    """Return the month's report for these inputs: the one that is stored, or a new version that says what changed.

    Only inputs other than those of the newest version make a new one; its figures are computed then, and never
    again. Two processes at once make one version. Raises `DatabaseUnavailable` after `patience` seconds.
    """
    text = write_inputs(inputs)
    figures: MonthFigures | None = None

    def latest() -> Report | None:
        with make_session() as session:
            return reports.latest(session, inputs.month)

    def add(row: Report) -> bool:
        with make_session.begin() as session:
            return reports.add(session, row)

    while True:
        last = with_patience(patience, latest)
        if last is not None and (same := _read_if_same(last, text, complete=complete)) is not None:
            return same
        figures = figures or compute(inputs)
        row = _next_version(last, inputs.month, text, figures, complete=complete)
        if with_patience(patience, lambda: add(row)):  # noqa: B023  called at once
            return replace(_monthly(row, inputs, figures), new=True)


def _read_if_same(row: Report, text: str, *, complete: bool) -> Monthly | None:
    """Read a stored version if it was computed as today and from these inputs, else return None.

    Its inputs are compared as they are written today: a member that came since, and is at its default, or that went
    makes no new version.
    """
    if row.fingerprint != fingerprint_of(row.inputs, complete=complete):
        return None
    stored = read_version(row)
    return stored if stored is not None and write_inputs(stored.report.inputs) == text else None


def _next_version(
    last: Report | None, month: date, text: str, figures: MonthFigures, *, complete: bool
) -> Report:
    return Report(
        id=new_id(),
        month=month,
        version=1 if last is None else last.version + 1,
        created_at=datetime.now(UTC),
        fingerprint=fingerprint_of(text, complete=complete),
        complete=complete,
        software=version_of("breakeven"),
        inputs=text,
        figures=write_figures(figures),
        changes=_json(_changes(last, figures, complete=complete)),
        advice="\n".join((headline(figures), verdict(figures), *explain(figures))),
    )


def fingerprint_of(text: str, *, complete: bool) -> str:
    """Return the hash over a report's inputs, and over what else decides its figures."""
    return hashlib.sha256(f"{CALCULATION} {complete}\n{text}".encode()).hexdigest()


def read_version(row: Report) -> Monthly | None:
    """Read a stored version. None if an older program stored what this one cannot read."""
    try:
        return _monthly(row, parse_inputs(row.inputs), parse_figures(row.figures))
    except (ValidationError, TypeError):
        return None


def write_inputs(inputs: MonthInputs) -> str:
    """Write inputs as JSON, the same text for the same inputs."""
    return _json(_INPUTS.dump_python(inputs, mode="json"))


def parse_inputs(text: str) -> MonthInputs:
    """Read what `write_inputs` wrote. Raises `ValidationError`."""
    return _INPUTS.validate_json(text)


def write_figures(figures: MonthFigures) -> str:
    """Write figures as JSON that keeps every digit."""
    return _json(_FIGURES.dump_python(figures, mode="json"))


def parse_figures(text: str) -> MonthFigures:
    """Read what `write_figures` wrote. Raises `ValidationError`."""
    return _FIGURES.validate_json(text)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _changes(last: Report | None, figures: MonthFigures, *, complete: bool) -> tuple[str, ...]:
    """Say what differs from the version before; nothing where there is none."""
    if last is None:
        return ()
    before = read_version(last)
    over = ("The month is over now.",) if complete and not last.complete else ()
    return (*over, *((ANOTHER_PROGRAM,) if before is None else list_changes(before.report.figures, figures)))


def _monthly(row: Report, inputs: MonthInputs, figures: MonthFigures) -> Monthly:
    report = MonthReport(
        figures=figures,
        inputs=inputs,
        version=row.version,
        created_at=row.created_at,
        fingerprint=row.fingerprint,
        software=row.software,
        changes=_CHANGES.validate_json(row.changes or "[]"),
    )
    return Monthly(row.id, row.month, row.complete, new=False, report=report)
