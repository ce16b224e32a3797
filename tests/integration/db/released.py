"""The ledger of release 0.1.0 with rows in every table, as plain SQL: nothing of today's program makes it."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, inspect, make_url

FOLDER = Path(__file__).parent / "release_0_1_0"
VIEWS = ("usage_daily", "usage_monthly", "run_costs", "line_details", "price_versions")
Rows = dict[str, list[dict[str, Any]]]

CORRECTED = {"run_costs": {"engine", "model"}}
"""Columns of views that later releases work out anew: 0.2.0 names what answered a run, not what it was started with."""


def make(url: str, *, content: bool = True) -> None:
    """Make the ledger at this place without tables."""
    parsed = make_url(url)
    name = parsed.get_backend_name()
    script = (FOLDER / f"schema_{name}.sql").read_text(encoding="utf-8")
    rows = (FOLDER / "content.sql").read_text(encoding="utf-8") if content else ""
    if name == "sqlite":
        with sqlite3.connect(str(parsed.database)) as file:
            file.executescript(script + re.sub(r"\b(?:uuid|bytea) '(?:\\x)?([0-9a-f-]*)'", _blob, rows))
        file.close()
        return
    where = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(where) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute((script + rows).encode())
        numbered = (
            "SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema()"
            " AND column_name = 'id' AND column_default LIKE 'nextval%'"
        )
        for (table,) in connection.execute(numbered).fetchall():
            last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM {table}"  # noqa: S608
            connection.execute(last.encode())


def contents(engine: Engine) -> Rows:
    """Read every table and view as the database has it."""
    with engine.connect() as connection:
        tables = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        return {name: _rows(connection, name) for name in (*tables, *VIEWS)}


def lost(before: Rows, after: Rows) -> list[str]:
    """Name the tables and views whose rows are not all there, each with all that it held, or are more than before.

    What a later release adds (tables, columns) is not looked at, nor what it shows otherwise on purpose (`CORRECTED`).
    """
    found = []
    for name, rows in before.items():
        columns = [column for column in rows[0] if column not in CORRECTED.get(name, set())]
        had = [{column: row[column] for column in columns} for row in rows]
        kept = [{column: row.get(column, "lost") for column in columns} for row in after.get(name, [])]
        if sorted(map(repr, kept)) != sorted(map(repr, had)):
            found.append(name)
    return found


def _rows(connection: Connection, name: str) -> list[dict[str, Any]]:
    found = connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()  # noqa: S608 - a table's own name
    return [dict(row) for row in found]


def _blob(match: re.Match[str]) -> str:
    return f"X'{match[1].replace('-', '')}'"
