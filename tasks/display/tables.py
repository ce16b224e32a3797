"""Rows on standard output: a table for people, CSV, JSON or Parquet for programs."""

import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import polars as pl

from models.errors import UsageError, visible
from models.formulas import escape_formula
from tasks.display.formats import TableFormat
from tasks.display.table_layout import Column, print_table, write_data

TableRow = Mapping[str, object]
NUMBERS = (int, float, Decimal)
UNKNOWN = "unknown"
MONEY_COLUMNS = ("_usd",)
_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?%?")
_OTHER = re.compile(r"[^\n -~]")


def write_rows(
    rows: Sequence[TableRow],
    columns: Sequence[str],
    output_format: TableFormat,
    *,
    spare: Sequence[str] = (),
    more: str = " or --format csv",
) -> None:
    """Write rows to standard output. Data go there and nowhere else; messages go to standard error.

    `spare`: columns that a table can miss where it would be too wide, the first to go first; `more` says what else
    shows them.
    """
    match output_format:
        case "table":
            _table(rows, columns, spare, more)
        case "csv" | "raw-csv":
            write_data(as_csv(rows, columns, raw=output_format == "raw-csv"))
        case "json":
            write_data(as_json(rows, columns) + "\n")
        case "parquet":
            if sys.stdout.isatty():
                msg = "Parquet is binary; redirect it to a file: … --format parquet > rows.parquet"
                raise UsageError(msg)
            sys.stdout.buffer.write(as_parquet(rows, columns))


def plain(value: object) -> str | int | float | bool | None:
    """Turn a value into what JSON and CSV can hold: money as a decimal string, dates as ISO 8601."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def as_json(rows: Sequence[TableRow], columns: Sequence[str]) -> str:
    """Render rows as a JSON list of objects."""
    return write_json([{c: plain(row[c]) for c in columns} for row in rows])


def write_json(value: object) -> str:
    """Render a value as JSON; characters that no terminal shows are escaped, which changes nothing for who reads it."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    return _OTHER.sub(
        lambda found: found[0] if visible(found[0]) == found[0] else json.dumps(found[0])[1:-1], text
    )


def as_csv(rows: Sequence[TableRow], columns: Sequence[str], *, raw: bool = False) -> str:
    """Render rows as CSV with a header; unknown values are empty fields.

    A text that a spreadsheet would compute has an apostrophe before it, unless it is to be `raw`; numbers stay.
    """
    cells: list[Sequence[object]] = [list(columns), *([row[c] for c in columns] for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_csv_cell(one, raw=raw) for one in row] for row in cells)
    return text.getvalue()


def _csv_cell(value: object, *, raw: bool) -> object:
    shown = plain(value)
    if raw or isinstance(value, NUMBERS) or (isinstance(shown, str) and _NUMBER.fullmatch(shown)):
        return shown
    return escape_formula(shown)


def as_parquet(rows: Sequence[TableRow], columns: Sequence[str]) -> bytes:
    """Render rows as a Parquet file; money as decimal strings, as in JSON."""
    data = {c: [plain(row[c]) for row in rows] for c in columns}
    buffer = io.BytesIO()
    pl.DataFrame(data, strict=False).write_parquet(buffer)
    return buffer.getvalue()


def _table(rows: Sequence[TableRow], columns: Sequence[str], spare: Sequence[str], more: str) -> None:
    if not rows:
        sys.stdout.write("no rows\n")
        return
    print_table(
        [
            Column(
                column,
                tuple(cell(column, row[column]) for row in rows),
                right=any(isinstance(row[column], NUMBERS) for row in rows) or None,
                spare=spare.index(column) if column in spare else None,
            )
            for column in columns
        ],
        more=more,
    )


def cell(column: str, value: object) -> str:
    """Render one value for people. Unknown money and unknown counts are named so, never shown as 0."""
    if value is None:
        return UNKNOWN if column.endswith(MONEY_COLUMNS) or column.endswith("tokens") else "-"
    if isinstance(value, Decimal):
        return f"{value:.6f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(str(plain(value)))
