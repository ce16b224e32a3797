"""Caps on what goes to the API that are nearly used up."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy.orm import Session

from db import spend
from models.economics.budget import Budget, Cap
from models.settings import Settings
from models.workloads import registry
from tasks.alerts.alert import Alert
from tasks.documents.amounts import percent, usd


def find_budget_alerts(session: Session, settings: Settings, today: date) -> Iterator[Alert]:
    """Yield an alert for each cap of a day or month, and each part of it that is used.

    Of today and of yesterday, whose last hours nobody may have looked at since. A cap of 0 is no cap that fills.
    """
    for day in (today - timedelta(days=1), today):
        caps = {(cap.scope, cap.workload): cap for cap in _caps(session, settings, day)}
        for cap in caps.values():
            for part in sorted(set(settings.alerts.budget_percent)):
                if cap.spent_nano * 100 >= part * cap.limit_nano:
                    yield _alert(cap, day, part, is_over=day < today and _is_over(cap, day, today))


def _caps(session: Session, settings: Settings, day: date) -> Iterator[Cap]:
    for name in sorted({*registry.names(settings), *settings.workloads}):
        budget = Budget(name, settings.workload(name).budget, settings.budget)
        spent = spend.read_spend(session, name, day)
        yield from (cap for cap in budget.caps(spent, 0) if cap.scope != "run" and cap.limit_nano > 0)


def _is_over(cap: Cap, day: date, today: date) -> bool:
    return cap.scope == "day" or day.month != today.month


def _alert(cap: Cap, day: date, part: int, *, is_over: bool) -> Alert:
    period = f"{day}" if cap.scope == "day" else f"{day:%Y-%m}"
    used = percent(Fraction(cap.spent_nano, cap.limit_nano))
    setting = f"{cap.scope}_usd"
    where = f"[workloads.{cap.workload}.budget]" if cap.workload else "[budget]"
    after = (
        "What did not fit waits, and `breakeven collect` takes it up now that the period is over"
        if is_over
        else "What does not fit will wait: let it, until the period is over"
    )
    return Alert(
        kind="budget",
        crossing=f"{cap.scope} cap of {cap.workload or 'all workloads'}, {period}, {part}%",
        what=f"The {cap.name} is used to {used} in {period}: {usd(cap.spent_nano)}, attempts in flight at the most that they can cost.",
        advice=f"{after}, or raise {setting} in {where}; `breakeven ledger summary --by workload,day` shows what spent it.",
        group=f"{cap.scope} {cap.workload} {period}",
        level=part,
    )
