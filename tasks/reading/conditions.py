"""SQL conditions on the input's columns, as the settings give them, worked out by polars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Self

import polars as pl

from models.errors import InputError
from tasks.reading.cells import is_text
from tasks.reading.condition_limits import check_size, shown, take_apart, too_deep
from tasks.reading.failures import input_errors
from tasks.reading.literals import (
    Sort,
    beside_numbers,
    fit_moments,
    from_tree,
    rename_columns,
    sorts_of,
    to_tree,
)
from tasks.reading.timestamps import seconds_of

_HOLDS = "breakeven.holds"
_ROW = "breakeven.row"
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$"
"""A number with a comma before its fraction, perhaps with a point after each three digits: 1.234,50."""
_TRUTH = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}
"""How truth values are written in text."""


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A condition on the values of one row; `text` is how the user wrote it."""

    text: str
    expr: pl.Expr

    @classmethod
    def parse(cls, text: str) -> Self:
        """Understand a condition. Raises `InputError`."""
        check_size(text)
        try:
            expr = pl.sql_expr(text)
            tree = to_tree(expr)
            made = take_apart(text, tree)
            return cls(text, expr if made is tree else from_tree(made))
        except pl.exceptions.PolarsError as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            msg = f"cannot understand the condition {shown(text)!r}: {shown(reason)}"
            raise InputError(msg) from error
        except (TypeError, ValueError, RecursionError) as error:  # orjson writes no deeper
            raise too_deep(text) from error

    def names(self) -> list[str]:
        """Names of the columns that it looks at."""
        return list(dict.fromkeys(self.expr.meta.root_names()))

    def rename(self, found: Mapping[str, str]) -> Self:
        """Return it with the columns' names as the input has them; `found` has them by the condition's own."""
        if all(found.get(name, name) == name for name in self.names()):
            return self
        return self._changed(lambda tree: rename_columns(tree, found))

    def fit(self, kinds: Mapping[str, pl.DataType]) -> Self:
        """Return it with literals that compare with columns of these types: `day >= '2024-01-02'` over dates."""
        if not any(kinds[name].is_temporal() for name in self.names()):
            return self
        return self._changed(lambda tree: fit_moments(tree, kinds))

    def _changed(self, change: Callable[[object], object]) -> Self:
        """Return it with another tree. Raises `InputError` where it is nested deeper than polars reads."""
        try:
            return replace(self, expr=from_tree(change(to_tree(self.expr))))
        except (pl.exceptions.PolarsError, TypeError, ValueError, RecursionError) as error:
            raise too_deep(self.text) from error

    def check(self, kinds: Mapping[str, pl.DataType]) -> None:
        """See that it can be worked out for columns of these types. Raises `InputError`."""
        texts = sorted(name for name in beside_numbers(self.expr) if kinds[name] in _TEXTS)
        if texts:  # polars compares text with whole numbers never, with fractions letter by letter
            msg = f"cannot read the input with this condition ({self.text}): cannot compare string with numeric; {', '.join(texts)} holds text"
            raise InputError(msg)
        with input_errors(f"the input with this condition ({self.text})"):
            found = pl.DataFrame(schema=kinds).select(self.expr.alias(_HOLDS)).schema[_HOLDS]
        if found not in (pl.Boolean, pl.Null):
            msg = f"{self.text!r} is no condition: it gives a value ({found}); compare it with something"
            raise InputError(msg)

    def judge(self, rows: pl.DataFrame) -> list[bool | None]:
        """Whether it holds for each row: not where it is NULL, and None where its values make it fail."""
        try:
            found = rows.with_columns(self.expr.fill_null(value=False).alias(_HOLDS))
        except pl.exceptions.PolarsError:
            if rows.height <= 1:
                return [None] * rows.height
            half = rows.height // 2  # one value that cannot be cast takes no other row with it
            return self.judge(rows[:half]) + self.judge(rows[half:])
        holds: list[bool | None] = found.get_column(_HOLDS).to_list()
        return holds

    def places(self, rows: pl.DataFrame) -> frozenset[int]:
        """Return the rows for which it holds; those that cannot be judged are not among them."""
        return _true(self.judge(rows))


class RawCondition:
    """A condition over raw values. A column's type is the one that the literals beside it have, else that of a sample.

    The sample is the input's first rows; `comma`: fractions may stand after a comma. A literal's type must fit to one of its values at least. Raises `InputError` for a condition that
    cannot work with these types.
    """

    def __init__(self, condition: Condition, sample: pl.DataFrame, *, comma: bool = False) -> None:
        self.text = condition.text
        self.names = condition.names()
        self._condition = condition
        self._comma = comma
        sorts = sorts_of(condition.expr)
        self._kinds = {
            name: _kind(sample.get_column(name, default=None), sorts.get(name), comma=comma)
            for name in self.names
        }
        condition.check(self._kinds)

    def judge(self, values: Mapping[str, Sequence[object]], rows: int) -> list[bool | None]:
        """Whether it holds for each of `rows` rows, given by column; None where that cannot be told.

        A value that does not have its column's type cannot be judged; a missing or empty one is NULL.
        """
        columns = [_typed(name, values[name], kind, comma=self._comma) for name, kind in self._kinds.items()]
        numbers = pl.Series(_ROW, range(rows), pl.Int64)  # so that a condition on no column has rows too
        holds = self._condition.judge(pl.DataFrame([numbers, *columns]))
        for column in columns:
            for place in column.is_null().arg_true():
                if values[column.name][place] not in (None, ""):
                    holds[place] = None
        return holds

    def places(self, values: Mapping[str, Sequence[object]], rows: int) -> frozenset[int]:
        """Return the rows for which it holds; those that cannot be judged are not among them."""
        return _true(self.judge(values, rows))


def infer_types(values: Mapping[str, Sequence[object]]) -> pl.DataFrame:
    """Return raw values as columns of inferred types."""
    return pl.DataFrame(
        [pl.Series(name, [scalar(value) for value in some], strict=False) for name, some in values.items()]
    )


def scalar(value: object) -> object:
    """Return a value that a column can hold, or None. A moment with an offset becomes one in UTC without."""
    if isinstance(value, str):
        return value if is_text(value) else None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value if isinstance(value, (int, float, date, time)) else None


def _true(holds: Sequence[bool | None]) -> frozenset[int]:
    return frozenset(place for place, one in enumerate(holds) if one)


def narrow_type(column: pl.Series, *, comma: bool = False) -> pl.Series:
    """Return a column of text as numbers or truth values where all of it are such; with leading zeros it stays text."""
    if column.null_count() == len(column):  # nothing tells what it holds
        return column.cast(pl.Null)
    if column.str.contains(r"^\s*[+-]?0\d").any():
        return column
    for kind in (pl.Int64(), pl.Float64(), pl.Boolean()):
        cast = _read_text(column, kind, comma=comma)
        if cast.null_count() == column.null_count():
            return cast
    return column


def _kind(sample: pl.Series | None, sort: Sort | None, *, comma: bool) -> pl.DataType:
    """Return the type that a column's values are read as."""
    found = pl.String() if sample is None else sample.dtype
    if sort is None or sample is None or _is_of(found, sort):
        return found
    if sort == "text":
        return pl.String()
    kinds: Mapping[Sort, Sequence[pl.DataType]] = {
        "number": (pl.Int64(), pl.Float64()),
        "truth": (pl.Boolean(),),
        "moment": (pl.Datetime("us"),),
    }
    if found not in (pl.String, pl.Null, pl.Int64) or (found == pl.Int64 and sort != "truth"):
        return found
    casts = [_read_text(sample.cast(pl.String), kind, comma=comma) for kind in kinds[sort]]
    best = min(casts, key=lambda cast: cast.null_count())
    return best.dtype if best.null_count() < len(best) or found == pl.Null else found


def _is_of(kind: pl.DataType, sort: Sort) -> bool:
    return {
        "text": kind == pl.String,
        "number": kind.is_numeric(),
        "truth": kind == pl.Boolean,
        "moment": kind.is_temporal(),
    }[sort]


def _typed(name: str, values: Sequence[object], kind: pl.DataType, *, comma: bool) -> pl.Series:
    """Return values as a column of this type, null where a value has another."""
    plain = [scalar(value) or None if isinstance(value, str) else scalar(value) for value in values]
    if kind == pl.Null:  # the sample held no value
        return pl.Series(name, plain, strict=False)
    if any(value is not None and not isinstance(value, str) for value in plain):
        typed = pl.Series(name, plain, kind, strict=False)
        if not any(isinstance(value, str) for value in plain):
            return typed
        texts = [value if isinstance(value, str) else None for value in plain]
        read = _read_text(pl.Series(name, texts, pl.String), kind, comma=comma)
        return pl.select(pl.coalesce(read.cast(kind), typed).alias(name)).to_series()
    text = pl.Series(name, plain, pl.String)
    found = _read_text(text, kind, comma=comma)
    if kind == pl.Int64 and found.null_count() > text.null_count():  # a fraction after whole numbers
        other = _read_text(text, pl.Float64(), comma=comma)
        return other if other.null_count() < found.null_count() else found
    return found


def _read_text(text: pl.Series, kind: pl.DataType, *, comma: bool) -> pl.Series:
    """Return text as values of a type, null where it is none; `comma`: fractions may stand after a comma."""
    if kind == pl.Boolean:
        return (
            text.str.strip_chars().str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=kind)
        )
    if kind in (pl.Datetime, pl.Date):
        moments = pl.select(pl.from_epoch(seconds_of(text.to_list()), "s").cast(pl.Datetime("us")))
        return moments.to_series().cast(kind).alias(text.name)
    if kind == pl.String:
        return text
    text = text.str.strip_chars()
    if comma and kind == pl.Float64:
        plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        text = plain.zip_with(text.str.contains(_COMMA).fill_null(value=False), text)
    return text.cast(kind, strict=False)
