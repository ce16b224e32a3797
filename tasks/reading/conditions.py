"""SQL conditions on the input's columns, as the settings give them, worked out by polars."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import StringIO
from typing import Self

import polars as pl

from models.errors import InputError
from tasks.reading.cells import is_text
from tasks.reading.failures import input_errors

_HOLDS = "breakeven.holds"
_ROW = "breakeven.row"


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A condition on the values of one row; `text` is how the user wrote it."""

    text: str
    expr: pl.Expr

    @classmethod
    def parse(cls, text: str) -> Self:
        """Understand a condition. Raises `InputError`."""
        try:
            return cls(text, pl.sql_expr(text))
        except pl.exceptions.PolarsError as error:
            msg = f"cannot understand the condition {text!r}: {str(error).splitlines()[0]}"
            raise InputError(msg) from error

    def names(self) -> list[str]:
        """Names of the columns that it looks at."""
        return list(dict.fromkeys(self.expr.meta.root_names()))

    def rename(self, found: Mapping[str, str]) -> Self:
        """Return it with the columns' names as the input has them; `found` has them by the condition's own."""
        if all(found.get(name, name) == name for name in self.names()):
            return self
        tree = _rename(json.loads(self.expr.meta.serialize(format="json")), found)
        return replace(self, expr=pl.Expr.deserialize(StringIO(json.dumps(tree)), format="json"))

    def check(self, kinds: Mapping[str, pl.DataType]) -> None:
        """See that it can be worked out for columns of these types. Raises `InputError`."""
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
    """A condition over raw values. Their columns' types are those of a sample, the input's first rows.

    Raises `InputError` for a condition that cannot work with these types.
    """

    def __init__(self, condition: Condition, sample: pl.DataFrame) -> None:
        self.text = condition.text
        self.names = condition.names()
        self._condition = condition
        self._kinds = {name: sample.schema.get(name, pl.String()) for name in self.names}
        condition.check(self._kinds)

    def judge(self, values: Mapping[str, Sequence[object]], rows: int) -> list[bool | None]:
        """Whether it holds for each of `rows` rows, given by column; None where that cannot be told.

        A value that does not have its column's type cannot be judged; a missing or empty one is NULL.
        """
        columns = [_typed(name, values[name], kind) for name, kind in self._kinds.items()]
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


def _rename(tree: object, found: Mapping[str, str]) -> object:
    """Return a serialized expression with its columns renamed."""
    if isinstance(tree, list):
        return [_rename(part, found) for part in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        key: found.get(part, part) if key == "Column" and isinstance(part, str) else _rename(part, found)
        for key, part in tree.items()
    }


def _true(holds: Sequence[bool | None]) -> frozenset[int]:
    return frozenset(place for place, one in enumerate(holds) if one)


def _typed(name: str, values: Sequence[object], kind: pl.DataType) -> pl.Series:
    """Return values as a column of this type, null where a value has another."""
    plain = [scalar(value) or None if isinstance(value, str) else scalar(value) for value in values]
    if kind == pl.Null:  # the sample held no value
        return pl.Series(name, plain, strict=False)
    if all(value is None or isinstance(value, str) for value in plain):
        return pl.Series(name, plain, pl.String).cast(kind, strict=False)
    return pl.Series(name, plain, kind, strict=False)
