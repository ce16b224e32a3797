"""The delays that a reply's headers name: Retry-After, and what is left of a limit until when.

Read 2026-11-30: OpenAI, Groq and Azure send `x-ratelimit-remaining-requests` and `x-ratelimit-reset-requests` (`6m0s`),
Anthropic `anthropic-ratelimit-requests-reset` as a date, OpenRouter `x-ratelimit-reset` in milliseconds since 1970,
Cerebras `x-ratelimit-reset-tokens-minute` in seconds, others the IETF draft's `ratelimit: "default";r=0;t=5`.
"""

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HINT_SECONDS = 60.0
"""`x-ratelimit-reset` says when a limit is whole again, which can be hours away; some is free much sooner."""

_RESET = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:[a-z-]+-)?reset(?:-[a-z-]+)?")
_IETF_USED_UP = re.compile(r"\b(?:r|remaining)\s*=\s*0\b.*?\b(?:t|reset)\s*=\s*(\d+)")
_RESET_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
LONGEST = 200
"""Characters of a header that are read: of more, nobody says when to ask again."""
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_A_DATE, _A_DATE_IN_MS = 1e9, 1e12
"""Numbers from here on are seconds, or milliseconds, since 1970."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read Retry-After (seconds or an HTTP date) or retry-after-ms; None where it says nothing usable.

    `now` is our clock, seconds since 1970. A date counts from the reply's own Date, where it has one: the clocks
    may differ. A date in the past means 0.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if (number := _number(text)) is not None and number < _A_DATE:
            return number * unit
        if text and unit == 1.0 and (seconds := _until(text, _said_now(headers, now))) is not None:
            return seconds  # against the standard, a duration such as `2s`, or a moment as gateways write it
        if text and unit == 1.0 and (date := _date(text)) is not None:
            return max(0.0, date.timestamp() - _said_now(headers, now))
    return None


def used_up(headers: Mapping[str, str], *, refused: bool) -> float:
    """Return the seconds until something of a limit that is used up is there again, at most `HINT_SECONDS`; 0 for none.

    `refused`: the reply is a 429, so that a limit counts as used up of which nothing says what is left.
    """
    now = _said_now(headers, time.time())
    hints = list(_resets(headers, now, refused=refused))
    hints += [
        float(found[1]) for found in (_IETF_USED_UP.search(headers.get("ratelimit", "")[:LONGEST]),) if found
    ]
    return min(HINT_SECONDS, max(hints, default=0.0))


def _resets(headers: Mapping[str, str], now: float, *, refused: bool) -> Iterator[float]:
    for name, text in headers.items():
        if not _RESET.fullmatch(name):
            continue
        left = _number(headers.get(name.replace("reset", "remaining"), "").strip())
        wait = _until(text.strip(), now)
        if wait is not None and (left == 0 or (refused and left is None)):
            yield wait


def _until(text: str, now: float) -> float | None:
    """Read a duration, a number of seconds, or a moment in time."""
    number = _number(text)
    if number is not None and number >= _A_DATE:
        return max(0.0, number / (1000 if number >= _A_DATE_IN_MS else 1) - now)
    if (seconds := reset_seconds(text)) is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)


def reset_seconds(text: str) -> float | None:
    """Read a duration such as `1s`, `6m0s`, `120ms` or a bare number of seconds; None for anything else."""
    if (number := _number(text.strip())) is not None:
        return number
    parts = _RESET_PART.findall(text[:LONGEST])
    if not parts or "".join(map("".join, parts)) != text.strip():
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def _said_now(headers: Mapping[str, str], now: float) -> float:
    """Return the time that the reply itself says it is, seconds since 1970; ours where it says none."""
    date = _date(headers.get("date", ""))
    return now if date is None else date.timestamp()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
