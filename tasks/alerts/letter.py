"""Alerts as a message: what stands, and what to do about each."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from models.errors import one_line
from tasks.alerts.alert import Alert
from tasks.documents.amounts import plural
from tasks.documents.letter import Letter

END = "Each is told once, and again if it goes away and comes back. `breakeven alerts` shows what stands now; docs/alerts.md says how to switch kinds off."
MOST_IN_CHAT = 10


def write_letter(alerts: Sequence[Alert]) -> Letter:
    """Put alerts into a message: all of them into a mail, the first ones into a chat."""
    alerts = [replace(one, what=one_line(one.what), advice=one_line(one.advice)) for one in alerts]
    first = alerts[0].what
    subject = (
        f"breakeven: {first}" if len(alerts) == 1 else f"breakeven: {plural(len(alerts), 'alert')}: {first}"
    )
    parts = [f"{one.what}\n  What to do: {one.advice}" for one in alerts]
    rest = len(parts) - MOST_IN_CHAT
    more = [f"And {rest} more: `breakeven alerts` lists them."] if rest > 0 else []
    items = "".join(
        f"<li><p><strong>{escape(one.what)}</strong></p><p>What to do: {escape(one.advice)}</p></li>"
        for one in alerts
    )
    return Letter(
        subject=_cut(subject),
        text="\n\n".join([*parts, END]) + "\n",
        html=f'<html lang="en"><body><ul>{items}</ul><p>{escape(END)}</p></body></html>',
        summary="\n\n".join([*parts[:MOST_IN_CHAT], *more]),
    )


def write_test_letter() -> Letter:
    """Return a message that only shows that it arrives."""
    text = "This is a test of breakeven's alerts: nothing is wrong, and nothing is to be done. Alerts will reach you here."
    return Letter(
        subject="breakeven: a test of the alerts",
        text=f"{text}\n",
        html=f'<html lang="en"><body><p>{escape(text)}</p></body></html>',
        summary=text,
    )


def _cut(subject: str, most: int = 150) -> str:
    return subject if len(subject) <= most else f"{subject[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
