"""What a database's schema is, as the database itself tells it: equal for two that can do and refuse the same."""

import re
from typing import Any

from sqlalchemy import Connection, inspect

Schema = dict[str, Any]

POSTGRESQL = {
    "columns": (
        "SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),"
        " attidentity::text, attgenerated::text, relkind::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        " AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum"
    ),
    "constraints": (
        "SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid), condeferrable, convalidated"
        " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    ),
    "indexes": (
        "SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes"
        " WHERE schemaname = current_schema() ORDER BY 1, 2"
    ),
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema() ORDER BY 1",
    "sequences": (
        "SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle"
        " FROM pg_sequences WHERE schemaname = current_schema() ORDER BY 1"
    ),
    "triggers": (
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
        " AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
    ),
    "routines": "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
}


def snapshot(connection: Connection) -> Schema:
    """Return tables, columns in their order, defaults, keys, checks, indexes, views and triggers."""
    if connection.dialect.name == "sqlite":
        return _sqlite(connection)
    return {what: _rows(connection, statement) for what, statement in POSTGRESQL.items()}


def _sqlite(connection: Connection) -> Schema:
    listed = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY name"
    tables = inspect(connection).get_table_names()
    indexes = (
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    )
    return {
        "tables": {name: _table(connection, name) for name in tables},
        "indexes": [(name, table, _spaced(sql)) for name, table, sql in _rows(connection, indexes)],
        "views and triggers": [(*row[:2], _spaced(row[2])) for row in _rows(connection, listed)],
    }


def _table(connection: Connection, name: str) -> Schema:
    found = inspect(connection)
    indexes = _rows(connection, f"PRAGMA index_list({name})")
    return {
        "columns": _rows(connection, f"PRAGMA table_xinfo({name})"),
        "primary key": found.get_pk_constraint(name),
        "foreign keys": sorted(map(repr, found.get_foreign_keys(name))),
        "unique": sorted(map(repr, found.get_unique_constraints(name))),
        "checks": sorted(map(repr, found.get_check_constraints(name))),
        "indexes": sorted(
            (*index[2:], tuple(_rows(connection, f"PRAGMA index_xinfo({index[1]})"))) for index in indexes
        ),
    }


def _rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(statement)]


def _spaced(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)
