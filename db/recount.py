"""The rollup worked out anew from the lines themselves: to check it, and to put it right."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from db.dialects import is_postgresql
from db.tables import DailyUsageRow as Row
from db.tables import LedgerLineRow as Line
from db.tables import RunRow
from models.ledger.rollup import FIRST, SUMS, CountedLine, UsageKey

_ROWS: Table = Row.metadata.tables[Row.__tablename__]
ASKED_BESIDE = ("served_model", "provider_nano")
"""Columns of lines that only the check looks at."""
_LINES: Table = Line.metadata.tables[Line.__tablename__]
_RUN_IDS = RunRow.__table__.c.id
_LOCK = (
    select(_RUN_IDS)
    .where(_RUN_IDS.in_(bindparam("runs", expanding=True)))
    .order_by(_RUN_IDS)
    .with_for_update(key_share=True)
)
"""Made once: a commit of a few hundred lines would take as long to build it as to ask it."""


def select_recount(
    session: Session,
    run_ids: Sequence[UUID],
    more: Callable[[FromClause], Sequence[ColumnElement[Any]]] = lambda _: (),
) -> Select[Any]:
    """Ask for what the rollup of some runs has to hold: the columns of `UsageKey`, then those of `SUMS`.

    It reads every line of these runs. `more` names sums over the same lines that follow them.
    """
    lines = _numbered(session, run_ids)
    way = [lines.c[name] for name in UsageKey._fields]
    sums = _sums(lines)
    return select(*way, *(sums[name].label(name) for name in SUMS), *more(lines)).group_by(*way)


def rebuild(session: Session, run_ids: Sequence[UUID]) -> None:
    """Put the rollup of some runs right. Runs whose lines were archived are left alone: it is all that is left of them."""
    here = select(RunRow.id).where(RunRow.id.in_(run_ids), RunRow.archive_id.is_(None))
    lock_runs(session, run_ids)
    run_ids = session.execute(here).scalars().all()
    session.execute(delete(_ROWS).where(_ROWS.c.run_id.in_(run_ids)))
    session.execute(insert(_ROWS).from_select([*UsageKey._fields, *SUMS], select_recount(session, run_ids)))


def lock_runs(session: Session, run_ids: Sequence[UUID]) -> None:
    """Let no other session change the rollup of these runs before this transaction ends.

    On SQLite a writer is alone anyway.
    """
    if is_postgresql(session):
        session.connection().execute(_LOCK, {"runs": run_ids})


def _numbered(session: Session, run_ids: Sequence[UUID]) -> FromClause:
    """Ask for lines with their way, and whether they are the first of their record, and the first on their engine."""
    c, other = _LINES.c, _LINES.alias().c
    earlier = exists().where(
        other.run_id == c.run_id, other.record_key == c.record_key, other.attempt < c.attempt
    )
    worked_out: dict[str, ColumnElement[Any]] = {
        "day": cast(func.timezone("UTC", c.at), Date)
        if is_postgresql(session)
        else func.date(c.at, type_=Date),
        "reason": func.coalesce(c.reason, ""),
        "batched": c.batch_id.is_not(None),
        # most lines are attempt 1: only the others need a look at what came before them
        "first": or_(c.attempt == FIRST, ~earlier),
        "first_on_engine": or_(c.attempt == FIRST, ~earlier.where(other.engine == c.engine)),
    }
    names = {*CountedLine.__slots__, *ASKED_BESIDE, *worked_out}
    return (
        select(*((worked_out[name] if name in worked_out else c[name]).label(name) for name in sorted(names)))
        .where(c.run_id.in_(run_ids))
        .subquery()
    )


def _sums(lines: FromClause) -> dict[str, ColumnElement[int]]:
    c = lines.c
    by_price = and_(c.price_id.is_not(None), c.input_tokens.is_(None))
    counted: dict[str, ColumnElement[int]] = {
        "attempts": func.count(),
        "records": _count(c.first),
        "late_records": _count(and_(c.first, c.attempt != FIRST)),
        "engine_records": _count(c.first_on_engine),
        "known_tokens": func.count(c.input_tokens),
        "estimated": _count(c.estimated),
        "upper_bound_nano": _total(case((by_price, c.cost_nano))),
        "unknown_cost": func.count() - func.count(c.cost_nano),
        "counterfactual_cached_tokens": _total(_instead(c, "cached_tokens")),
        "counterfactual_cache_write_tokens": _total(_instead(c, "cache_write_tokens")),
        "unknown_counterfactual": func.count() - func.count(c.counterfactual_nano),
    }
    return {name: counted[name] if name in counted else _total(c[name]) for name in SUMS}


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _total(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def _instead(c: ReadOnlyColumnCollection[str, ColumnElement[Any]], name: str) -> ColumnElement[Any]:
    """Count a part of a line's counterfactual input: an API's attempt has its own."""
    own = case((c.engine == "openai", c[name]))
    return case((c.counterfactual_input_tokens > 0, func.coalesce(c[f"counterfactual_{name}"], own)))
