"""Calendar months as people write them. Inside, a month is its first day."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime

from models.errors import UsageError

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def parse_month(text: str) -> date:
    """Return the first day of a month written as YYYY-MM. Raises `UsageError` for what is no month."""
    found = _MONTH.fullmatch(text.strip())
    if found is None or found[1] == "0000":
        msg = f"{text!r} is no month; write it as YYYY-MM, such as 2026-10"
        raise UsageError(msg)
    return date(int(found[1]), int(found[2]), 1)


def month_of(at: date) -> date:
    """Return the first day of a day's month; of a moment, that of its UTC day."""
    day = at.astimezone(UTC).date() if isinstance(at, datetime) else at
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Return the first day of the month after a day's month."""
    return months_later(month, 1)


def days_in(month: date) -> int:
    """Days of the month that `month` lies in. A UTC day has 24 hours, whatever local clocks do."""
    return monthrange(month.year, month.month)[1]


def months_later(month: date, count: int) -> date:
    """First day of the month that is `count` months after that of `month` (before it, where negative)."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)
