"""What stands, as rows and as Markdown: since when, what to do, and to whom it was told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db import alerts as rows
from db.alerts import AlertDelivery, AlertKey
from models.settings import Settings
from models.settings.delivery import Recipient
from tasks.alerts.alert import Alert
from tasks.alerts.standing import Standing, find_standing, highest
from tasks.documents.amounts import plural
from tasks.documents.markdown import escape
from tasks.runtime.ledger_access import ledger_if_any

COLUMNS = ("kind", "since", "what", "what_to_do", "told")
SPARE = ("told", "since")
_STATES: Mapping[str, str] = {"sent": "", "failed": " (not yet: it failed)", "sending": " (nobody knows)"}


def list_standing(
    settings: Settings, now: datetime | None = None
) -> tuple[list[dict[str, object]], Sequence[str]]:
    """Return what stands now as rows, and what could not be looked at. Nothing is written, nothing is sent.

    Without a ledger there is nothing. Raises `DatabaseUnavailable`.
    """
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return [], ("there is no ledger yet, so there is nothing to look at: run a workload first",)
        standing = find_standing(session, settings, now)
        return standing_rows(session, standing), standing.problems


def standing_rows(session: Session, standing: Standing) -> list[dict[str, object]]:
    """Return the alerts that stand, of each group the highest, with since when they are written down and who was told."""
    open_ = {one.key: one for one in rows.list_open(session)}
    told: dict[AlertKey, list[AlertDelivery]] = {key: [] for key in open_}
    by_id = {one.id: key for key, one in open_.items()}
    for one in rows.list_deliveries(session, list(by_id)):
        told[by_id[one.alert_id]].append(one)
    return [
        _row(alert, open_[alert.key].began_at if alert.key in open_ else None, told.get(alert.key, []))
        for alert in highest(standing.alerts)
    ]


def _row(alert: Alert, since: datetime | None, told: Sequence[AlertDelivery]) -> dict[str, object]:
    return {
        "kind": alert.kind,
        "since": since,
        "what": alert.what,
        "what_to_do": alert.advice,
        "told": ", ".join(f"{one.recipient.target}{_STATES[one.state]}" for one in told) or "nobody",
    }


def sent_rows(outcome: Mapping[Recipient, str | None]) -> list[dict[str, object]]:
    """Return what became of a message to each recipient."""
    return [
        {
            "to": one.target,
            "by": one.channel,
            "state": "taken" if why is None else "not taken",
            "why": why or "",
        }
        for one, why in outcome.items()
    ]


def as_markdown(standing: Standing) -> str:
    """Write what stands as Markdown, for a Prefect artifact."""
    shown = highest(standing.alerts)
    lines = [f"- **{escape(one.what)}** {escape(one.advice)}" for one in shown]
    head = plural(len(shown), "alert stands", "alerts stand") if shown else "Nothing stands."
    return "\n".join([f"# {head}", "", *lines, *(f"- {escape(one)}" for one in standing.problems)]) + "\n"
