"""Timestamps of many kinds as UTC seconds, and the rows of one UTC date."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from models.records import Fault
from tasks.reading.cells import is_text

_DAY = 86_400
_ISO = (
    r"^\s*(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ]\s*(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?:Z|z|UTC|GMT|(?P<sign>[+-])(?P<off_hour>\d{2}):?(?P<off_minute>\d{2})?)?)?\s*$"
)
_COMPACT_DAY = r"^\s*(\d{8})\s*$"
_EPOCH = r"^\s*(-?\d{9,19})(?:\.\d*)?\s*$"
_MILLI, _MICRO, _NANO = 10**11, 10**14, 10**17  # from these magnitudes on an epoch number is in ms, us, ns


def is_readable(kind: pl.DataType) -> bool:
    """Whether a column of this type can hold timestamps."""
    return kind in (pl.Date, pl.Datetime, pl.String, pl.Null, pl.Categorical, pl.Enum) or kind.is_numeric()


def unreadable(column: str) -> Fault:
    """Return the fault of a row whose timestamp cannot be read."""
    rule = "must be a date, an ISO 8601 time or an epoch number"
    return Fault("bad_timestamp", f"{column} cannot be read as a timestamp", column, rule)


def utc_seconds(column: str, kind: pl.DataType) -> pl.Expr:
    """Return seconds since 1970 in UTC, null where the value cannot be read.

    Date and Datetime (naive = UTC), ISO 8601 text with or without an offset, and epoch numbers in
    seconds, milliseconds, microseconds or nanoseconds, told apart by their size.
    """
    value = pl.col(column)
    if kind == pl.Date:
        return value.cast(pl.Int64) * _DAY
    if kind == pl.Datetime:
        return value.dt.epoch("s")
    if kind.is_numeric():
        return _epoch(value.cast(pl.Int64, strict=False))
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
        plain = (None if value is None else str(value) for value in values)
        some = [value if value is None or is_text(value) else None for value in plain]
        return _text(pl.Series("value", some, pl.String))


def date_of(seconds: int) -> date:
    """Return the UTC date of a moment."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date()


def dates_of(seconds: pl.Series) -> list[date]:
    """Return the distinct UTC dates of moments in UTC seconds, in no order."""
    return [date_of(day * _DAY) for day in (seconds.drop_nulls() // _DAY).unique()]


def _literal(moment: datetime, kind: pl.Datetime) -> pl.Expr:
    if kind.time_zone is None:
        return pl.lit(moment.replace(tzinfo=None))
    return pl.lit(moment).dt.convert_time_zone(kind.time_zone)


def _epoch(number: pl.Expr) -> pl.Expr:
    size = number.abs()
    return (
        pl.when(size < _MILLI)
        .then(number)
        .when(size < _MICRO)
        .then(number // 1_000)
        .when(size < _NANO)
        .then(number // 1_000_000)
        .otherwise(number // 1_000_000_000)
    )


def _text(values: pl.Series) -> pl.Series:
    """Return UTC seconds of text; the pattern is matched once, also where an expression is used twice."""
    found = values.str.extract_groups(_ISO).struct.unnest()
    parts = ("hour", "minute", "second", "off_hour", "off_minute")
    found = found.with_columns(pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in parts)
    hour, minute, second, off_hour, off_minute = (pl.col(name) for name in parts)
    offset = off_hour * 3600 + off_minute * 60
    offset = pl.when(pl.col("sign") == "-").then(-offset).otherwise(offset)
    moment = _day(pl.col("day"), "%Y-%m-%d") + hour * 3600 + minute * 60 + second - offset
    possible = (hour <= 23) & (minute <= 59) & (second <= 60)  # noqa: PLR2004 - parts of a clock
    seconds = found.select(pl.when(possible).then(moment)).to_series()
    if not seconds.null_count():
        return seconds
    other = values.to_frame("value").select(
        pl.coalesce(
            _day(pl.col("value").str.extract(_COMPACT_DAY), "%Y%m%d"),
            _epoch(pl.col("value").str.extract(_EPOCH).cast(pl.Int64, strict=False)),
        )
    )
    return pl.select(pl.coalesce(seconds, other.to_series())).to_series()


def _day(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_date(form, strict=False).cast(pl.Int64) * _DAY
