"""What an address of the page asks for, and the address that asks for something: the page keeps no other state."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from db.browse import Choices
from db.browse_filters import Filters
from db.line_places import Position
from models.errors import UsageError
from models.run import PRODUCTION, PURPOSES

NAMES = ("workload", "engine", "model", "route", "outcome")
ALL = "all"
"""Stands in an address for every purpose."""
DEFAULT_DAYS = 30
MOST_ATTEMPTS = 32767
"""The highest number of an attempt that a line can have."""
LONGEST_SHOWN = 60
"""Characters of a mistaken parameter that are repeated."""
_ATTEMPT = re.compile(r"[0-9]{1,5}")
LONG_DAYS = 100
"""Longer periods are drawn by month."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which lines, after which place (None: from the newest on), and which state of runs (None: any)."""

    filters: Filters
    after: Position | None = None
    state: str | None = None


def read_parameters(pairs: Iterable[tuple[str, str]]) -> PageQuery:
    """Read the parameters of an address as they stand there. Raises `UsageError` for one that stands there twice, and as `read`."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            msg = f"{_cut(name)} stands twice in the address; name it once"
            raise UsageError(msg)
        given[name] = value
    return read(given)


def read(given: Mapping[str, str]) -> PageQuery:
    """Read the parameters of an address; empty ones do not restrict. Raises `UsageError` for what is no value.

    Without a purpose an address asks for production, or for one run, whatever it was for.
    """
    given = {name: value for name, value in given.items() if value}
    filters = Filters(
        **{name: given.get(name) for name in NAMES},
        run_id=_read(given, "run", UUID, "a run's id"),
        since=_read(given, "since", date.fromisoformat, "a day; write it as 2026-11-24"),
        until=_read(given, "until", date.fromisoformat, "a day; write it as 2026-11-24"),
        purpose=_read(given, "purpose", _purpose, f"a purpose; choose from {ALL}, {', '.join(PURPOSES)}")
        if "purpose" in given
        else _usual_purpose(given.get("run")),
    )
    if filters.since and filters.until and filters.until < filters.since:
        msg = f"until {filters.until} is before since {filters.since}; exchange them"
        raise UsageError(msg)
    after = _read(given, "after", _position, "a place among the lines; go back to the first page")
    return PageQuery(filters, after, given.get("state"))


def address(path: str, filters: Filters, *, after: Position | None = None, state: str | None = None) -> str:
    """Return the address that asks for this; `read` reads it back."""
    return encode_address(path, parameters(filters, after=after, state=state))


def parameters(
    filters: Filters, *, after: Position | None = None, state: str | None = None
) -> dict[str, str]:
    """Return the parameters of the address that asks for this; empty ones restrict nothing."""
    asked: dict[str, object] = {name: getattr(filters, name) for name in NAMES}
    asked |= {"run": filters.run_id, "since": filters.since, "until": filters.until, "state": state}
    if filters.purpose != _usual_purpose(filters.run_id):
        asked["purpose"] = filters.purpose or ALL
    if after is not None:
        place = "" if after.record_key is None else f".{after.attempt}.{after.record_key}"
        asked["after"] = f"{after.run_id.hex}{place}"
    return {name: "" if value is None else str(value) for name, value in asked.items()}


def encode_address(path: str, asked: Mapping[str, str]) -> str:
    """Return the address of a page with parameters; empty ones are left out."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path


def with_period(filters: Filters, choices: Choices) -> Filters:
    """Return the filters with a period: where none was asked for, the last days that have lines."""
    if filters.since is not None or filters.until is not None or choices.last_day is None:
        return filters
    return last_days(filters, choices, DEFAULT_DAYS)


def last_days(filters: Filters, choices: Choices, days: int) -> Filters:
    """Return the filters for `days` days up to the last one that has lines."""
    last = choices.last_day
    return filters if last is None else replace(filters, since=last - timedelta(days=days - 1), until=last)


def narrow_filters(filters: Filters, row: Mapping[str, str]) -> Filters:
    """Return the filters for what one row of sums stands for, by its names, and its day or month."""
    first = last = None
    if "day" in row:
        first = last = date.fromisoformat(row["day"])
    elif "month" in row:
        first = date.fromisoformat(f"{row['month']}-01")
        last = first.replace(day=monthrange(first.year, first.month)[1])
    since = max((day for day in (filters.since, first) if day is not None), default=None)
    until = min((day for day in (filters.until, last) if day is not None), default=None)
    return replace(
        filters,
        workload=row.get("workload", filters.workload),
        model=row.get("model", filters.model),
        route=row.get("route", filters.route),
        purpose=row.get("purpose", filters.purpose),
        since=since,
        until=until,
    )


def by_month(filters: Filters, choices: Choices) -> bool:
    """Whether the period is too long to be drawn day by day."""
    since = filters.since or choices.first_day
    until = filters.until or choices.last_day
    return since is not None and until is not None and (until - since).days >= LONG_DAYS


def _read(given: Mapping[str, str], name: str, convert: Callable[[str], Value], what: str) -> Value | None:
    if name not in given:
        return None
    try:
        return convert(given[name])
    except ValueError:
        msg = f"{name}={_cut(given[name])!r} is not {what}"
        raise UsageError(msg) from None


def _usual_purpose(run_id: object) -> str | None:
    return None if run_id else PRODUCTION


def _purpose(text: str) -> str | None:
    if text != ALL and text not in PURPOSES:
        raise ValueError(text)
    return None if text == ALL else text


def _position(text: str) -> Position:
    run_id, within, place = text.partition(".")
    if not within:
        return Position(UUID(run_id))
    attempt, _, record_key = place.partition(".")
    if not _ATTEMPT.fullmatch(attempt) or int(attempt) > MOST_ATTEMPTS:
        raise ValueError(text)
    return Position(UUID(run_id), record_key, int(attempt))


def _cut(text: str) -> str:
    """Return what of a text fits a line beside other words."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
