"""What stands now: every kind looked at, each by itself, so that one that cannot be looked at hides no other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from models.errors import BreakevenError, DatabaseUnavailable
from models.settings import Settings
from models.settings.alerts import AlertKind
from tasks.alerts.advice_flip import find_recommendation_alerts
from tasks.alerts.alert import Alert
from tasks.alerts.audits import find_audit_alerts
from tasks.alerts.budgets import find_budget_alerts
from tasks.alerts.market import find_model_end_alerts, find_price_alerts
from tasks.alerts.runs import find_failure_alerts, find_waiting_alerts

Find = Callable[[Session, Settings, datetime], Iterator[Alert]]
FINDERS: Mapping[AlertKind, Find] = {
    "budget": lambda session, settings, now: find_budget_alerts(session, settings, now.date()),
    "waiting": find_waiting_alerts,
    "run_failed": find_failure_alerts,
    "recommendation": lambda session, settings, now: find_recommendation_alerts(
        session, settings, now.date()
    ),
    "price": lambda session, settings, now: find_price_alerts(session, settings, now.date()),
    "model_end": lambda _session, settings, now: find_model_end_alerts(settings, now.date()),
    "audit": lambda session, _settings, now: find_audit_alerts(session, now.date()),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands, the kinds that were looked at, and why others could not be."""

    alerts: tuple[Alert, ...]
    looked: frozenset[AlertKind]
    problems: tuple[str, ...]


def find_standing(session: Session, settings: Settings, now: datetime | None = None) -> Standing:
    """Look at every kind that is not switched off, as of `now` (UTC). Raises `DatabaseUnavailable`."""
    at = (now or datetime.now(UTC)).astimezone(UTC)
    found: dict[tuple[str, str], Alert] = {}
    looked: set[AlertKind] = set(settings.alerts.off)  # what is switched off is over
    problems = []
    for kind, find in FINDERS.items():
        if kind in settings.alerts.off:
            continue
        try:
            found |= {one.key: one for one in find(session, settings, at)}
            looked.add(kind)
        except DatabaseUnavailable:
            raise
        except BreakevenError as error:
            problems.append(f"alerts of the kind {kind} could not be looked at: {error}")
    return Standing(tuple(found.values()), frozenset(looked), tuple(problems))


def highest(alerts: Iterable[Alert]) -> list[Alert]:
    """Return of each group the alert of the highest level, in the order in which they come."""
    best: dict[tuple[str, str], Alert] = {}
    for one in alerts:
        group = (one.kind, one.group)
        if group not in best or best[group].level < one.level:
            best[group] = one
    return list(best.values())
