"""Calendar months as people write them. Inside, a month is its first day."""

import re
from datetime import date

from models.economics.month import months_later
from models.errors import UsageError

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def parse_month(text: str) -> date:
    """Return the first day of a month written as YYYY-MM. Raises `UsageError` for what is no month."""
    found = _MONTH.fullmatch(text.strip())
    if found is None or found[1] == "0000":
        msg = f"{text!r} is no month; write it as YYYY-MM, such as 2026-10"
        raise UsageError(msg)
    return date(int(found[1]), int(found[2]), 1)


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Return the first day of the month after a day's month."""
    return months_later(month, 1)
