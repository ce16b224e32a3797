"""Timestamps of many kinds as UTC seconds, and the rows of one UTC date."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from models.records import Fault
from tasks.reading.cells import is_text

_DAY = 86_400
_LONGEST = 200
"""Bytes of a moment that is written as text."""
_ISO = (
    r"^\s*(?P<day>\d{4}-\d{1,2}-\d{1,2})"
    r"(?:(?:T|,?\s)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?\s*(?:Z|z|UTC|GMT|(?P<sign>[+-])(?P<off_hour>\d{2}):?(?P<off_minute>\d{2})?)?)?\s*$"
)
_NUMBER = r"^\s*(-?\d{8,20})(?:\.\d*)?\s*$"
_MONTHS = {
    f"-{name}-": f"-{number}-"
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_DAY_NAME = r"(?i)^\s*(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_MONTH_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_REWRITTEN = (
    (r"^\s*(\d{4})\s*[/.年]\s*(\d{1,2})\s*[/.月]\s*(\d{1,2})[.日]?", "${1}-${2}-${3}"),
    (r"^\s*(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", "${3}-${2}-${1}"),  # with dots, the day comes first
    (_DAY_NAME + r"(\d{1,2})(?:st|nd|rd|th)?[\s.-]+" + _MONTH_NAME + r"[\s,-]+(\d{4})", "${3}-${2}-${1}"),
    (_DAY_NAME + _MONTH_NAME + r"\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", "${3}-${1}-${2}"),
    (
        _DAY_NAME
        + _MONTH_NAME
        + r"\s+(\d{1,2})\s+(\d{2}:\d{2}:\d{2}(?:\s(?:[+-]\d{4}|UTC|GMT))?)\s(\d{4})\s*$",
        "${4}-${1}-${2} ${3}",
    ),  # as C, Git and Java write
    (r"^\s*(\d{4})(\d{2})(\d{2})[T _-](\d{2})(\d{2})(\d{2})", "${1}-${2}-${3}T${4}:${5}:${6}"),
    (r"^\s*(\d{4})(\d{2})(\d{2})[T _-](\d{2}):?(\d{2})", "${1}-${2}-${3}T${4}:${5}"),
    (
        r"(?:\[[\w/+-]+\]|([+-]\d{4}) \(?[A-Z]{3,4}\)?)\s*$",
        "${1}",
    ),  # a zone's name after its offset, as Java and Go write
)
"""Other ways to write a moment, and what makes an ISO 8601 time of them, months by name.

Not with slashes and the year at the end: 05/11/2026 is two dates.
"""
_MILLI, _MICRO, _NANO = 10**11, 10**14, 10**17  # from these magnitudes on an epoch number is in ms, us, ns
_LEAST = 10**8
"""A smaller number is a count, a year or a serial number, and no time that was measured since 1970."""
_PLAUSIBLE = (date(1900, 1, 1), date(2200, 1, 1))
"""What numbers are read as lies between these; anything else is a guess."""
_CALENDAR = (  # least and greatest, and what makes YYYYMMDDhhmmss of it
    (15000101, 21991231, 10**6, 1),
    (2000010100, 2099123123, 10**4, 1),
    (200001010000, 209912312359, 100, 1),
    (15000101000000, 21991231235960, 1, 1),
    (15000101000000000, 21991231235960999, 1, 1000),
)
"""Numbers that show a calendar: the day, with hour, minute, second, millisecond.

Of hours and minutes in 2000 to 2099 alone: as epoch numbers these are seconds after May 2033 and milliseconds in 1976.
"""


def is_readable(kind: pl.DataType) -> bool:
    """Whether a column of this type can hold timestamps."""
    return kind in (pl.Date, pl.Datetime, pl.String, pl.Null, pl.Categorical, pl.Enum) or kind.is_numeric()


def unreadable(column: str) -> Fault:
    """Return the fault of a row whose timestamp cannot be read."""
    rule = "must be a date, an ISO 8601 time or an epoch number"
    return Fault("bad_timestamp", f"{column} cannot be read as a timestamp", column, rule)


def utc_seconds(column: str, kind: pl.DataType) -> pl.Expr:
    """Return seconds since 1970 in UTC, null where the value cannot be read.

    Date and Datetime (naive = UTC), ISO 8601 text with or without an offset, numbers that show a calendar
    (20261123, 20261123100000), and epoch numbers in seconds, milliseconds, microseconds or nanoseconds, told
    apart by their size. Years that have no four digits, and numbers that come to no year from 1900 to 2199, cannot be read.
    """
    value = pl.col(column)
    if kind == pl.Date:
        return _within(value.cast(pl.Int64) * _DAY, date.min, date.max)
    if kind == pl.Datetime:
        return _within(value.dt.epoch("s"), date.min, date.max)
    if kind.is_numeric():
        return value.cast(pl.Int64, strict=False).map_batches(_numbers, pl.Int64(), is_elementwise=True)
    return value.cast(pl.String).map_batches(_text, pl.Int64(), is_elementwise=True)


def on_date(column: str, kind: pl.DataType, day: date) -> pl.Expr:
    """Whether a Date, Datetime or UTC seconds column lies on this UTC date; null where it is null."""
    return lies_between(column, kind, day, day)


def lies_between(column: str, kind: pl.DataType, first: date, last: date) -> pl.Expr:
    """Whether a Date, Datetime or UTC seconds column lies on these UTC dates; null where it is null."""
    value = pl.col(column)
    start, end = bounds(first)[0], bounds(last)[1]
    if kind == pl.Date:
        return value.is_between(first, last)
    if isinstance(kind, pl.Datetime):
        return (value >= _literal(start, kind)) & (value < _literal(end, kind))
    return value.is_between(int(start.timestamp()), int(end.timestamp()), closed="left")


def is_unreadable(column: str, kind: pl.DataType) -> pl.Expr:
    """Whether a Date, Datetime or UTC seconds column holds no date: null, or a year that has no four digits."""
    value = pl.col(column)
    if kind == pl.Date:
        return value.is_null() | ~value.is_between(date.min, date.max)
    if isinstance(kind, pl.Datetime) and kind.time_unit != "ns":  # ns reach from 1677 to 2262
        first, last = bounds(date.min)[0], datetime.max.replace(tzinfo=UTC)
        return value.is_null() | ~value.is_between(_literal(first, kind), _literal(last, kind))
    return value.is_null()


def utc_date(column: str, kind: pl.DataType) -> pl.Expr:
    """Return the UTC date of a Date, Datetime or UTC seconds column, null where it is null."""
    value = pl.col(column)
    if kind == pl.Date:
        return value
    if isinstance(kind, pl.Datetime):
        return (value if kind.time_zone is None else value.dt.convert_time_zone("UTC")).dt.date()
    return (value // _DAY).cast(pl.Int32).cast(pl.Date)


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a UTC date and of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def seconds_of(values: Sequence[object]) -> pl.Series:
    """Return UTC seconds of raw values (text or numbers), null where a value cannot be read."""
    try:
        return _text(pl.Series("value", values, pl.String))
    except (TypeError, UnicodeEncodeError):  # not all of it is text
        plain = (None if value is None else _written(value) for value in values)
        some = [value if value is None or is_text(value) else None for value in plain]
        return _text(pl.Series("value", some, pl.String))


def date_of(seconds: int) -> date:
    """Return the UTC date of a moment."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date()


def dates_of(seconds: pl.Series) -> list[date]:
    """Return the distinct UTC dates of moments in UTC seconds, in no order."""
    return [date_of(day * _DAY) for day in (seconds.drop_nulls() // _DAY).unique()]


def _written(value: object) -> str:
    """Return a value as text, a whole number without an exponent."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _literal(moment: datetime, kind: pl.Datetime) -> pl.Expr:
    if kind.time_zone is None:
        return pl.lit(moment.replace(tzinfo=None))
    return pl.lit(moment).dt.convert_time_zone(kind.time_zone)


def _within(seconds: pl.Expr, first: date, last: date) -> pl.Expr:
    """Return UTC seconds on these dates, null for others."""
    start, end = (
        int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in (first, last)
    )
    return pl.when(seconds.is_between(start, end + _DAY, closed="left")).then(seconds)


def _numbers(values: pl.Series) -> pl.Series:
    """Return the UTC seconds that whole numbers mean, null where none is plausible."""
    frame, number = values.to_frame("number"), pl.col("number")
    frame = frame.with_columns(
        found=pl.when(number.abs() >= _LEAST).then(_epoch(number)), shown=_shown(number)
    )
    if frame["shown"].null_count() == len(frame):
        return frame["found"]
    parts = (
        ("year", 10**10),
        ("month", 10**8),
        ("day", 10**6),
        ("hour", 10**4),
        ("minute", 100),
        ("second", 1),
    )
    parted = [
        (pl.col("shown") // size % (10_000 if name == "year" else 100)).alias(name) for name, size in parts
    ]
    frame = frame.with_columns(parted).with_columns(days=_days_since_1970())
    hour, minute, second = pl.col("hour"), pl.col("minute"), pl.col("second")
    found = pl.col("days").cast(pl.Int32).cast(pl.Date)
    exists = (found.dt.month() == pl.col("month")) & (found.dt.day() == pl.col("day"))
    moment = pl.col("days") * _DAY + hour * 3600 + minute * 60 + second
    calendar = pl.when(exists & _is_clock(hour, minute, second)).then(moment)
    return frame.select(pl.coalesce(calendar, "found")).to_series()


def _shown(number: pl.Expr) -> pl.Expr:
    """Return YYYYMMDDhhmmss of a number that may show a calendar, null for any other."""
    return pl.coalesce(
        pl.when(number.is_between(least, greatest)).then(number * factor // divisor)
        for least, greatest, factor, divisor in _CALENDAR
    )


def _days_since_1970() -> pl.Expr:
    """Return the days from 1970 to year, month and day: years are counted from March on, so that a leap day is the last."""
    month = pl.col("month")
    year = pl.when(month > 2).then("year").otherwise(pl.col("year") - 1)  # noqa: PLR2004 - January and February
    since_march = (153 * ((month + 9) % 12) + 2) // 5 + pl.col("day") - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + since_march - 719_468


def _is_clock(hour: pl.Expr, minute: pl.Expr, second: pl.Expr) -> pl.Expr:
    return (hour <= 23) & (minute <= 59) & (second <= 60)  # noqa: PLR2004 - parts of a clock


def _epoch(number: pl.Expr) -> pl.Expr:
    size = number.abs()
    seconds = (
        pl.when(size < _MILLI)
        .then(number)
        .when(size < _MICRO)
        .then(number // 1_000)
        .when(size < _NANO)
        .then(number // 1_000_000)
        .otherwise(number // 1_000_000_000)
    )
    return _within(seconds, *_PLAUSIBLE)


def _text(values: pl.Series) -> pl.Series:
    """Return UTC seconds of text; what is not written as ISO 8601 is looked at once more. A long text is none."""
    if (values.str.len_bytes() > _LONGEST).any():
        values = values.set(values.str.len_bytes() > _LONGEST, None)
    seconds = _iso(values)
    if not seconds.null_count():
        return seconds
    digits = values.str.extract(_NUMBER).str.replace(r"^(\d{17})\d{3}$", "${1}")  # microseconds: none needed
    seconds = pl.select(pl.coalesce(seconds, _numbers(digits.cast(pl.Int64, strict=False)))).to_series()
    if seconds.null_count() == values.null_count():
        return seconds
    for pattern, iso in _REWRITTEN:
        values = values.str.replace(pattern, iso)
    values = values.str.replace_many(_MONTHS, ascii_case_insensitive=True)
    return pl.select(pl.coalesce(seconds, _iso(values))).to_series()


def _iso(values: pl.Series) -> pl.Series:
    """Return UTC seconds of ISO 8601 text; the pattern is matched once, also where an expression is used twice."""
    found = values.str.extract_groups(_ISO).struct.unnest()
    parts = ("hour", "minute", "second", "off_hour", "off_minute")
    found = found.with_columns(pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in parts)
    found = found.with_columns(_of_halves(pl.col("hour"), pl.col("half")))
    hour, minute, second, off_hour, off_minute = (pl.col(name) for name in parts)
    offset = off_hour * 3600 + off_minute * 60
    offset = pl.when(pl.col("sign") == "-").then(-offset).otherwise(offset)
    moment = _day(pl.col("day"), "%Y-%m-%d") + hour * 3600 + minute * 60 + second - offset
    possible = _is_clock(hour, minute, second) & (off_hour <= 23)  # noqa: PLR2004 - no zone is a day away
    return found.select(pl.when(possible).then(moment)).to_series()


def _of_halves(hour: pl.Expr, half: pl.Expr) -> pl.Expr:
    """Return hours of the whole day, from those of a half where AM or PM says so; null where there is no such hour."""
    after_noon = half.str.to_lowercase() == "p"
    counted = pl.when(hour.is_between(1, 12)).then(hour % 12 + after_noon.cast(pl.Int64) * 12)
    return pl.when(half.is_null()).then(hour).otherwise(counted)


def _day(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_date(form, strict=False).cast(pl.Int64) * _DAY
