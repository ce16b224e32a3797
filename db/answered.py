"""Which engines and models answered a run, by the rollup: what a run was started with may have answered nothing."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, RunRow
from db.throughput import SERVED

REUSE = "reuse"
_RUNS = 500  # 999 bound values are what any SQLite takes


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Names of engines and of models, the one with the most attempts first, as `A, B`."""

    engine: str
    model: str


def find_answered_by(
    session: Session, run_ids: Sequence[UUID], parts: Mapping[UUID, UUID] | None = None
) -> dict[UUID, AnsweredBy]:
    """Return what answered each of these runs; where no answer was taken yet, what was asked.

    The engine is `reuse` only where all answers were reused; the model is then that of these answers. Runs
    without a line are missing. `parts`: runs of shards, whose answers count for the whole run that is named with them.
    """
    parts = parts or {}
    run_ids = list({*run_ids, *parts})
    found: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for first in range(0, len(run_ids), _RUNS):
        rows = session.execute(
            select(Usage.run_id, Usage.engine, Usage.outcome, Usage.attempts, ModelRow.name.label("model"))
            .join(ModelRow, ModelRow.id == Usage.model_id)
            .where(Usage.run_id.in_(run_ids[first : first + _RUNS]))
        )
        for row in rows:
            found[row.run_id].append(row)
            if row.run_id in parts:
                found[parts[row.run_id]].append(row)
    return {run_id: _named(rows) for run_id, rows in found.items()}


def answered_with(*, engine: str | None = None, model: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a run was answered by this engine, or model, as `find_answered_by` names them.

    A run in shards was answered by what answered one of them. `reuse` finds the runs of which an engine answered nothing. A run without a line counts as what it was started with, unless it is completed and had nothing to ask for.
    """
    part = aliased(RunRow)
    by_part = select(part.part_of).where(part.part_of.is_not(None), _answered(part, engine, model))
    return or_(_answered(RunRow, engine, model), RunRow.id.in_(by_part))


def _answered(run: type[RunRow], engine: str | None, model: str | None) -> ColumnElement[bool]:
    line, any_line = aliased(Usage), aliased(Usage)
    own = _taken(run, line)
    started = [
        ~exists().where(any_line.run_id == run.id),
        or_(run.state != "completed", run.published != run.carried),
    ]
    if engine is not None:
        own.append(line.engine == engine)
        started.append(run.engine == engine)
    if engine == REUSE:
        other = aliased(Usage)
        own.append(~exists().where(*_taken(run, other), other.engine != REUSE).correlate(run))
    if model is not None:
        own.append(line.model_id.in_(select(ModelRow.id).where(ModelRow.name == model)))
        started.append(run.model_id.in_(select(ModelRow.id).where(ModelRow.name == model)))
    return or_(exists().where(*own), and_(*started))


def _taken(run: type[RunRow], line: type[Usage]) -> list[ColumnElement[bool]]:
    """Return the conditions of the lines of a run that name what answered it: those that served, else all."""
    served = aliased(Usage)
    some_served = exists().where(served.run_id == run.id, served.outcome.in_(SERVED)).correlate(run)
    return [line.run_id == run.id, or_(line.outcome.in_(SERVED), ~some_served)]


def _named(rows: Sequence[Row[Any]]) -> AnsweredBy:
    taken = [row for row in rows if row.outcome in SERVED] or rows
    engines = [row for row in taken if row.engine != REUSE] or taken
    return AnsweredBy(_most_first(engines, "engine"), _most_first(taken, "model"))


def _most_first(rows: Sequence[Row[Any]], column: str) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[getattr(row, column)] += row.attempts
    return ", ".join(sorted(counts, key=lambda name: (-counts[name], name)))
