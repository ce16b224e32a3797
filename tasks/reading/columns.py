"""Which of an input's columns are read, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from models.errors import InputError
from tasks.reading.source import TIMESTAMP_NAMES, Source


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one input. `timestamp` None: the input is one partition."""

    id: str
    texts: tuple[str, ...]
    timestamp: str | None
    where: pl.Expr | None = None
    where_text: str | None = None

    def wanted(self) -> list[str]:
        """Names of all columns that are read."""
        names = [self.id, *self.texts]
        if self.timestamp is not None:
            names.append(self.timestamp)
        if self.where is not None:
            names += self.where.meta.root_names()
        return names


def choose_columns(source: Source, existing: Sequence[str], *, dated: bool) -> Columns:
    """Map a source onto the columns that exist; `dated` inputs need no timestamp.

    Raises `InputError` that names the columns that exist.
    """
    where = None if source.where is None else _parse(source.where)
    timestamp = None
    if not dated and source.timestamp_column is None:
        timestamp = next((name for name in TIMESTAMP_NAMES if name in existing), None)
    elif not dated and source.timestamp_column:
        timestamp = source.timestamp_column
    columns = Columns(source.id_column, source.text_columns, timestamp, where, source.where)
    missing = [name for name in dict.fromkeys(columns.wanted()) if name not in existing]
    if missing:
        msg = f"{source.name} has no column {', '.join(missing)}; it has: {', '.join(existing)}"
        raise InputError(msg)
    return columns


def _parse(where: str) -> pl.Expr:
    try:
        return pl.sql_expr(where)
    except pl.exceptions.PolarsError as error:
        msg = f"cannot understand the condition {where!r}: {str(error).splitlines()[0]}"
        raise InputError(msg) from error
