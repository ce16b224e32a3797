"""Who is to be sent a month's report now, and who is not, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.deliveries import Told
from models.settings.delivery import Recipient
from tasks.report.versions import Monthly

LONGEST_SENDING = timedelta(hours=1)
"""No process is at one message for longer, so that one on another machine counts as gone after this."""
RESEND = "--resend (the flow's parameter resend) sends it again"


@dataclass(frozen=True, slots=True)
class Left:
    """A recipient to whom nothing is sent, and why. `wrong`: somebody must look into it."""

    recipient: Recipient
    why: str
    wrong: bool


def decide(
    recipient: Recipient,
    told: Told | None,
    monthly: Monthly,
    *,
    resend: bool,
    now: datetime,
    is_dead: Callable[[str], bool],
) -> int | Left:
    """Return the number under which the report is to be sent to a recipient, or why it is not.

    `told` is the newest message about the month to this recipient. Each gets one about a month, whatever its
    version; a second one if the first was about a month that was not over, or if it was asked for. One that
    failed is tried again under its number, or under the next if it is about another version.
    """
    if told is None:
        return 1
    last = told.delivery
    if last.state == "failed" and last.report_id == monthly.id:
        return last.number
    why_not = None if last.state == "failed" else _why_not(recipient, told, monthly, resend, now, is_dead)
    return why_not or last.number + 1


def _why_not(
    recipient: Recipient,
    told: Told,
    monthly: Monthly,
    resend: bool,
    now: datetime,
    is_dead: Callable[[str], bool],
) -> Left | None:
    """Say why another message after one that was sent, or is being sent, is not to be sent; None if it is."""
    last = told.delivery
    if last.state == "sending" and not _given_up(told, now, is_dead):
        why = f"another process has been sending it since {last.last_at:%Y-%m-%d %H:%M:%S} UTC"
        return Left(recipient, why, wrong=True)
    if resend:
        return None
    if last.state == "sending":
        return Left(recipient, _nobody_knows(told), wrong=True)
    if monthly.complete and not told.complete:
        return None
    what = f"version {told.version} was sent to it on {last.last_at:%Y-%m-%d %H:%M} UTC"
    return Left(recipient, f"{what}; {RESEND}", wrong=False)


def _given_up(told: Told, now: datetime, is_dead: Callable[[str], bool]) -> bool:
    """Whether nobody is at it any more: the attempt has ended in doubt, or its process is gone."""
    last = told.delivery
    return last.error is not None or now - last.last_at > LONGEST_SENDING or is_dead(process_of(last.owner))


def owner_of(process: str, attempt: str) -> str:
    """Name one attempt of a process as the owner of a message."""
    return f"{attempt}/{process}"


def process_of(owner: str) -> str:
    """Return the process that an owner's name names."""
    return owner.partition("/")[2]


def _nobody_knows(told: Told) -> str:
    last = told.delivery
    why = last.error or "the process that was sending it is gone"
    return (
        f"nobody knows whether version {told.version} of {last.last_at:%Y-%m-%d %H:%M} UTC arrived ({why}): "
        f"ask, and if it did not, {RESEND}"
    )
