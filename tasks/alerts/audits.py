"""Audits whose agreement with the API, or with people, has dropped: what is served without the API is not what it was."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby

from sqlalchemy.orm import Session

from db import audits
from models.evaluation.audit_counts import AuditCount
from models.evaluation.audited import AuditDrop, find_drops, last_look
from models.months import month_of, months_later
from tasks.alerts.alert import Alert
from tasks.documents.amounts import percent

EXAMPLES = 5
"""Records that are named as examples."""
_LONGEST_KEY = 60
_SERVED_BY = {"classifier": "its classifier", "vllm": "the local model"}


def find_audit_alerts(session: Session, today: date) -> Iterator[Alert]:
    """Yield an alert for each workload, engine and judge of which this month's or the last month's audits agree less than those before, by more than chance.

    Of the running month the partitions up to the last look count (`models.evaluation.audited.LOOK_DAYS`), so that looking daily finds no more by
    chance. A month after a drop is compared with the months from the drop on: each drop is told once.
    """
    this = month_of(today)
    until = last_look(today) or this - timedelta(days=1)
    counts = audits.count_months(session, until=until)
    for _, months in groupby(counts, key=lambda one: (one.workload, one.engine, one.judge)):
        drops = find_drops(list(months))
        yield from (_alert(session, drop) for drop in drops if drop.now.month >= months_later(this, -1))


def _alert(session: Session, drop: AuditDrop) -> Alert:
    now, name = drop.now, drop.now.workload
    found = audits.list_disagreeing(session, now, EXAMPLES)
    examples = ", ".join(f"{key[:_LONGEST_KEY]} ({day})" for day, key in found)
    people = now.judge == "people"
    who = "People agree" if people else "The API agrees"
    served = f"{name} by {now.engine}" + (", judged by people" if people else "")
    meanwhile = "" if people else f", raise min_confidence, or let the API serve {name} meanwhile"
    return Alert(
        kind="audit",
        crossing=f"{served}, {now.month:%Y-%m}",
        what=(
            f"{who} less with what {_SERVED_BY.get(now.engine, now.engine)} answers for {name}: in {now.month:%Y-%m} on "
            f"{_counted(now)}, before on {_counted(drop.before)}. By chance so few, or fewer, agree in {_odds(drop.chance)} cases."
        ),
        advice=(
            f"Look at records of which both differ, such as {examples}; `breakeven evaluate {name}` with labels of these days says who is right. "
            f"Then train again{meanwhile}."
        ),
        group=f"{served} {now.month:%Y-%m}",
    )


def _counted(one: AuditCount) -> str:
    share = Fraction(one.agreeing, one.audited) if one.audited else None
    return f"{one.agreeing:,} of {one.audited:,} ({percent(share)})"


def _odds(chance: float) -> str:
    odds = round(1 / chance) if chance > 1e-9 else 10**9  # noqa: PLR2004  beyond that nobody reads on
    return f"one of {odds:,}"
