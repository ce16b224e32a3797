"""What a run came to that was cut into shards: the sum of the whole run's own row and of those of its parts."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from db.tables import RunRow as Row

SUMMED = (
    *("records", "published", "quarantined", "reused", "escalated", "carried"),
    *("input_tokens", "cached_tokens", "output_tokens", "counterfactual_nano"),
    *("load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "unallocated_nano", "api_cost_nano"),
)
"""Columns of a run that are sums over its records. `counterfactual_nano` is unknown where that of one part is."""
_RUNS = 500  # 999 bound values are what any SQLite takes


def is_whole() -> ColumnElement[bool]:
    """Condition: a run is no shard's."""
    return Row.shard.is_(None)


def ids_with_parts(run_id: UUID) -> ColumnElement[bool]:
    """Condition: a run is this one, or a part of it."""
    return or_(Row.id == run_id, Row.part_of == run_id)


def read_sums(session: Session, run_id: UUID) -> dict[str, Any]:
    """Return the sums of a run with its parts, by column, and `gpu_ns`."""
    row = session.execute(select(*_sums()).where(ids_with_parts(run_id))).mappings().one()
    found = _known(row)
    return {**found, "gpu_ns": found["load_ns"] + found["busy_ns"] + found["idle_ns"]}


def add_parts(session: Session, rows: Sequence[MutableMapping[str, Any]]) -> None:
    """Add to each run among `rows` what its parts came to; a run that was not cut stays as it is."""
    cut = {row["id"]: row for row in rows if row["shards"] is not None and row["shard"] is None}
    ids = list(cut)
    for first in range(0, len(ids), _RUNS):
        some = Row.part_of.in_(ids[first : first + _RUNS])
        for found in session.execute(
            select(Row.part_of, *_sums()).where(some).group_by(Row.part_of)
        ).mappings():
            _add(cut[found["part_of"]], _known(found))


def find_parts(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the runs that are parts of these, each with the one that it is a part of."""
    found: dict[UUID, UUID] = {}
    for first in range(0, len(run_ids), _RUNS):
        rows = session.execute(
            select(Row.id, Row.part_of).where(Row.part_of.in_(run_ids[first : first + _RUNS]))
        )
        found |= {row.id: row.part_of for row in rows}
    return found


def _sums() -> list[ColumnElement[Any]]:
    unknown = func.count().label("runs"), func.count(Row.counterfactual_nano).label("known")
    return [*(func.sum(getattr(Row, name)).label(name) for name in SUMMED), *unknown]


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the sums as whole numbers: PostgreSQL sums BIGINT to NUMERIC."""
    found: dict[str, Any] = {name: int(row[name] or 0) for name in SUMMED}
    if row["known"] < row["runs"]:
        found["counterfactual_nano"] = None
    return found


def _add(row: MutableMapping[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        own = row.get(name)
        row[name] = None if own is None or value is None else own + value
    row["cost_nano"] = row["gpu_cost_nano"] + row["api_cost_nano"]
