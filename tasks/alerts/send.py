"""Sends what is new of what stands: to each recipient of the report, each crossing once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from db import alerts as rows
from db.alerts import OpenAlert
from models.errors import BreakevenError, DeliveryError
from models.ids import new_id
from models.settings import Settings
from models.settings.delivery import Recipient
from tasks.alerts.alert import Alert
from tasks.alerts.letter import write_letter, write_test_letter
from tasks.alerts.standing import Standing, find_standing, highest
from tasks.delivery.deliver import (
    Outcome,
    list_recipients,
    prepare_letter,
    send_and_note,
    write_patiently,
)
from tasks.delivery.due import owner_of
from tasks.runtime.lease import this_process
from tasks.runtime.ledger_access import ledger_if_any, writing_ledger


@dataclass(frozen=True, slots=True)
class AlertsSent:
    """What stood, how many alerts each recipient got now, and whom none reached and why."""

    standing: Standing
    sent: Mapping[Recipient, int]
    wrong: Mapping[Recipient, str]


def send_alerts(settings: Settings, now: datetime | None = None) -> AlertsSent:
    """Look at what stands, write it down, and send each recipient what it has not got, in one message.

    What fails is tried again by the next call; nobody gets anything twice. Raises `UsageError` where nobody is named or there is no ledger,
    `DatabaseUnavailable`.
    """
    named = list_recipients(settings)
    sent: dict[Recipient, int] = {}
    wrong: dict[Recipient, str] = {}
    with writing_ledger(settings, create=False) as make_session:
        with make_session() as session:
            standing = find_standing(session, settings, now)
        by_key = {one.key: one for one in standing.alerts}
        told = {key: one.what for key, one in by_key.items()}
        write_patiently(
            make_session,
            settings.database_patience_seconds,
            lambda session: rows.note_standing(session, told, standing.looked),
        )
        with make_session() as session:
            there = [one for one in rows.list_open(session) if one.key in by_key]
        for recipient in named:
            try:
                count = _send_to(recipient, there, by_key, settings, make_session)
            except BreakevenError as error:
                wrong[recipient] = str(error)
            else:
                sent |= {recipient: count} if count else {}
    return AlertsSent(standing, sent, wrong)


def _send_to(
    recipient: Recipient,
    there: Sequence[OpenAlert],
    by_key: Mapping[rows.AlertKey, Alert],
    settings: Settings,
    make_session: sessionmaker[Session],
) -> int:
    """Send one recipient what it has not got; return how many alerts that were."""
    owner = owner_of(this_process(), new_id().hex[-12:])
    patience = settings.database_patience_seconds
    ids = [one.id for one in there]
    mine = write_patiently(make_session, patience, lambda session: rows.claim(session, ids, recipient, owner))
    if not mine:
        return 0
    alerts = highest([by_key[one.key] for one in there if one.id in mine])

    def note(state: Outcome, error: str | None) -> None:
        def change(session: Session) -> None:
            if state == "unknown":
                rows.set_error(session, mine, recipient, error or state)
            else:
                rows.close(session, mine, recipient, state, error)

        write_patiently(make_session, patience, change)

    def send() -> None:
        name = f"{min(mine).hex}.{owner.partition('/')[0]}"
        prepare_letter(recipient, write_letter(alerts), settings, name)()

    send_and_note(send, note)
    return len(alerts)


def look_only(settings: Settings, now: datetime | None = None) -> AlertsSent:
    """Look at what stands, and neither write nor send anything. Without a ledger nothing stands. Raises `DatabaseUnavailable`."""
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return AlertsSent(Standing((), frozenset(), ("there is no ledger yet",)), {}, {})
        return AlertsSent(find_standing(session, settings, now), {}, {})


def explain_failures(done: AlertsSent) -> DeliveryError | None:
    """Say in one line whom alerts did not reach, and why; None if all is well."""
    if not done.wrong:
        return None
    who = "; ".join(f"{one.target}: {why}" for one, why in done.wrong.items())
    return DeliveryError(
        f"the alerts did not reach everyone: {who} (the same command tries what failed again, and sends nothing twice)"
    )


def send_test(settings: Settings) -> Mapping[Recipient, str | None]:
    """Send one test message to every recipient; return what went wrong with each, None where nothing did.

    Nothing is written down. Raises `UsageError` where nobody is named.
    """
    letter = write_test_letter()
    outcome: dict[Recipient, str | None] = {}
    for recipient in list_recipients(settings):
        try:
            prepare_letter(recipient, letter, settings, f"{new_id().hex}.test")()
            outcome[recipient] = None
        except BreakevenError as error:
            outcome[recipient] = str(error)
    return outcome
