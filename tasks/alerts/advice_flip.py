"""Whether the month so far recommends something else than the last whole month did."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy.orm import Session

from db import reports
from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.months import days_in, month_of, months_later
from models.settings import Settings
from tasks.alerts.alert import Alert
from tasks.report import advice
from tasks.report.inputs import read_month_inputs
from tasks.report.sentences import is_idle, month_name
from tasks.report.versions import read_version


def find_recommendation_alerts(session: Session, settings: Settings, today: date) -> Iterator[Alert]:
    """Yield an alert if the running month, at its pace, recommends another action or way than the last one.

    The last month speaks by its newest report, else by its figures as they are now. Nothing is said before the month is some days old, of
    months without work, and where what the month says is too close to call.
    """
    month = month_of(today)
    if today.day < min(settings.alerts.recommendation_after_days, days_in(month)):
        return
    before = _find_last(session, settings, months_later(month, -1), today)
    if before is None or is_idle(before):
        return
    now = month_figures(read_month_inputs(session, settings, month, today=today))
    if is_idle(now) or not now.recommendation.certain or _way(now) == _way(before):
        return
    yield Alert(
        kind="recommendation",
        crossing=f"{month:%Y-%m}: {' '.join(_way(before))} -> {' '.join(_way(now))}",
        what=(
            f"The recommendation has changed: for {month_name(before.month)} it was “{advice.answer(before)}”, at the pace of"
            f" {month_name(month)} it is “{advice.answer(now)}”. {advice.verdict(now)}"
        ),
        advice=f"`breakeven report --month {month:%Y-%m}` shows why and what would flip it back; decide before the month is over.",
        group=f"{month:%Y-%m}",
    )


def _way(figures: MonthFigures) -> tuple[str, ...]:
    found = figures.recommendation
    return (found.action, found.way, *found.workloads)


def _find_last(session: Session, settings: Settings, month: date, today: date) -> MonthFigures | None:
    """Return the last month's figures: those of its newest report, if it was over then and can be read, else as they are now."""
    row = reports.latest(session, month)
    stored = read_version(row) if row is not None and row.complete else None
    if stored is not None:
        return stored.report.figures
    return month_figures(read_month_inputs(session, settings, month, today=today))
