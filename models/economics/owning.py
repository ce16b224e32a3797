"""What it costs to own the machines, as people enter it: checked, and which entry holds on which day.

An entry is never changed: a correction is another entry, and both stay to be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import zip_longest

from models.economics.gpu_run import BillingMode
from models.economics.pricing import usd_to_nano
from models.errors import UsageError
from models.months import month_of

MOST_USD = 1_000_000_000
"""No amount is larger; what is, was mistyped, and BIGINT holds nine times that."""
MOST_HOURS = 100_000
MOST_SECONDS = 31 * 24 * 3600
MOST_GPUS = 10_000
LONGEST_NAME = 100
MINUTES = 60


@dataclass(frozen=True, slots=True)
class EnteredTerms:
    """What one machine of a kind costs in the days `effective_from <= day < effective_to`, and how many there are.

    Exactly one rate is set, in nano-dollars: an hour's, or a whole month's, which only a reserved machine
    has and which every whole month costs, however long it is. `gpus` of 0: from then on there is none.
    `effective_to` is None while the terms hold. `note` is free text of one line.
    """

    kind: str
    billing_mode: BillingMode
    nano_usd_per_hour: int | None
    nano_usd_per_month: int | None
    billing_increment_seconds: int
    gpus: int
    effective_from: date
    effective_to: date | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What the infrastructure of one month really cost, nano-dollars; `month` is its first day."""

    month: date
    nano_usd: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Labour:
    """What people's time costs from a day on: `setup_minutes` once, `maintenance_minutes` each month."""

    effective_from: date
    maintenance_minutes: int
    setup_minutes: int
    engineer_nano_per_hour: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """The days `first <= day < end`; `end` is None where no day is the last."""

    first: date
    end: date | None

    @property
    def last(self) -> date | None:
        """The last day, None where there is none."""
        return None if self.end is None else self.end - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.first}..{self.last or ''}"


def check_terms(  # noqa: PLR0913  one parameter for each that the command has
    kind: str,
    billing_mode: BillingMode,
    *,
    since: date,
    until: date | None = None,
    usd_per_hour: Decimal | None = None,
    usd_per_month: Decimal | None = None,
    increment_seconds: int = 1,
    gpus: int = 1,
    note: str | None = None,
) -> EnteredTerms:
    """Check what was entered of a machine; `until` is its last day, inclusive. Raises `UsageError`."""
    if (usd_per_hour is None) == (usd_per_month is None):
        msg = "a rate is an hour's or a month's: give one of --usd-per-hour and --usd-per-month"
        raise UsageError(msg)
    if usd_per_month is not None and billing_mode != "reserved":
        msg = "only a reserved machine has a monthly rate; one that is paid by use needs --usd-per-hour"
        raise UsageError(msg)
    if until is not None and until < since:
        msg = f"--to {until} lies before --from {since}"
        raise UsageError(msg)
    return EnteredTerms(
        check_kind(kind),
        billing_mode,
        None if usd_per_hour is None else check_amount(usd_per_hour, "--usd-per-hour"),
        None if usd_per_month is None else check_amount(usd_per_month, "--usd-per-month"),
        check_whole(increment_seconds, "--increment", 1, MOST_SECONDS),
        check_whole(gpus, "--gpus", 1, MOST_GPUS),
        since,
        None if until is None else until + timedelta(days=1),
        join_note(note),
    )


def no_machine(kind: str, since: date, note: str | None = None) -> EnteredTerms:
    """Say that from a day on there is no machine of a kind. Raises `UsageError` for a name that is none."""
    return EnteredTerms(check_kind(kind), "reserved", 0, None, 1, 0, since, None, join_note(note))


def check_bill(month: date, usd: Decimal, today: date, note: str | None = None) -> Bill:
    """Check what was entered of a month's bill. Raises `UsageError`, also for a month that has not begun."""
    if month_of(month) > today:
        msg = f"{month:%Y-%m} has not begun; enter a bill when it was made out"
        raise UsageError(msg)
    return Bill(month_of(month), check_amount(usd, "--usd"), join_note(note))


def check_labour(
    since: date,
    maintenance_hours: Decimal,
    setup_hours: Decimal,
    engineer_usd_per_hour: Decimal,
    note: str | None = None,
) -> Labour:
    """Check what was entered of people's time. Raises `UsageError`."""
    return Labour(
        since,
        check_minutes(maintenance_hours, "--maintenance-hours"),
        check_minutes(setup_hours, "--setup-hours"),
        check_amount(engineer_usd_per_hour, "--engineer-usd-per-hour"),
        join_note(note),
    )


def check_amount(usd: Decimal, what: str) -> int:
    """Return dollars as nano-dollars. Raises `UsageError` for what is no amount, negative, huge or too fine."""
    if not (usd.is_finite() and 0 <= usd <= MOST_USD):
        msg = f"{what} {usd}: give dollars from 0 to {MOST_USD:,}"
        raise UsageError(msg)
    return usd_to_nano(usd)


def check_minutes(hours: Decimal, what: str) -> int:
    """Return hours as whole minutes. Raises `UsageError` for what is no duration, or finer than a minute."""
    if not (hours.is_finite() and 0 <= hours <= MOST_HOURS):
        msg = f"{what} {hours}: give hours from 0 to {MOST_HOURS:,}"
        raise UsageError(msg)
    numerator, denominator = hours.as_integer_ratio()
    whole_minutes, rest = divmod(numerator * MINUTES, denominator)
    if rest:
        msg = f"{what} {hours} is no whole number of minutes; quarters and tenths of hours are, such as 2.25 or 0.1"
        raise UsageError(msg)
    return whole_minutes


def check_whole(number: int, what: str, least: int, most: int) -> int:
    """Return a number that lies within bounds. Raises `UsageError` for any other."""
    if not least <= number <= most:
        msg = f"{what} {number}: give a whole number from {least:,} to {most:,}"
        raise UsageError(msg)
    return number


def check_kind(kind: str) -> str:
    """Return a machine's name without blanks around it. Raises `UsageError` for one that is none."""
    kind = kind.strip()
    if not (kind and kind.isprintable() and len(kind) <= LONGEST_NAME):
        msg = f"--kind needs a name of 1 to {LONGEST_NAME} printable characters, such as A10G"
        raise UsageError(msg)
    return kind


def join_note(note: str | None) -> str | None:
    """Return a note as one line, None for an empty one."""
    return " ".join((note or "").split()) or None


def find_days_held(entries: Sequence[EnteredTerms]) -> list[list[Days]]:
    """Say for each entry on which days it holds, in the order of the entries, which is that of their entering.

    Of several entries of one kind that a day lies in, the last one holds. An entry without days was overtaken.
    """
    held: list[list[Days]] = [[] for _ in entries]
    for kind in {entry.kind for entry in entries}:
        own = [index for index, entry in enumerate(entries) if entry.kind == kind]
        for first, end in _between(entries, own):
            holders = [index for index in own if _covers(entries[index], first)]
            if holders:
                _extend(held[holders[-1]], Days(first, end))
    return held


def find_bills_held(entries: Sequence[Bill]) -> list[bool]:
    """Say for each bill, in the order of their entering, whether it is its month's last."""
    last = {entry.month: index for index, entry in enumerate(entries)}
    return [last[entry.month] == index for index, entry in enumerate(entries)]


def find_labour_held(entries: Sequence[Labour]) -> list[Days | None]:
    """Say for each entry, in the order of their entering, on which days it holds, None if it was overtaken.

    Of several, the one that began last holds, and of its versions the last.
    """
    last = {entry.effective_from: index for index, entry in enumerate(entries)}
    starts = sorted(last)
    ends = dict(zip_longest(starts, starts[1:]))
    return [
        Days(entry.effective_from, ends[entry.effective_from])
        if last[entry.effective_from] == index
        else None
        for index, entry in enumerate(entries)
    ]


def _between(entries: Sequence[EnteredTerms], own: Sequence[int]) -> list[tuple[date, date | None]]:
    """Return the stretches of days between which nothing begins or ends."""
    starts = {entries[index].effective_from for index in own}
    ends = {end for index in own if (end := entries[index].effective_to) is not None}
    marks = sorted(starts | ends)
    return list(zip_longest(marks, marks[1:]))


def _covers(entry: EnteredTerms, day: date) -> bool:
    return entry.effective_from <= day and (entry.effective_to is None or day < entry.effective_to)


def _extend(days: list[Days], more: Days) -> None:
    if days and days[-1].end == more.first:
        more = Days(days.pop().first, more.end)
    days.append(more)
