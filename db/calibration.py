"""What calibrates estimated tokens: daily sums over the API's attempts, kept in the transactions that close them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.dialects import is_postgresql
from db.tables import ModelRow, PromptRow, RunRow
from db.tables import TokenCalibrationRow as Days
from models.economics.calibration import CALIBRATION_SUMS, Calibration
from models.ledger.line import Closing
from models.ledger.rollup import CountedLine

_SUMS = ("lines", *CALIBRATION_SUMS)
_DAYS: Table = Days.metadata.tables[Days.__tablename__]
_KEY = ("day", "prompt_id", "model_id", "counted_with")


def add(session: Session, closed: Sequence[tuple[CountedLine, Closing]]) -> None:
    """Add what was estimated of attempts that are being closed to the days on which they were sent."""
    more: defaultdict[tuple[date, int, int, str], list[int]] = defaultdict(lambda: [0] * len(_SUMS))
    for line, closing in closed:
        if (estimate := closing.estimate) is None or closing.input_tokens is None:
            continue
        values = (
            *(1, estimate.input_tokens, estimate.output_tokens, closing.input_tokens),
            *(closing.cached_tokens or 0, closing.cache_write_tokens or 0),
            *(closing.output_tokens or 0, closing.reasoning_tokens or 0),
        )
        sums = more[line.at.date(), line.prompt_id, line.model_id, estimate.counted_with]
        sums[:] = [had + new for had, new in zip(sums, values, strict=True)]
    build = postgresql.insert if is_postgresql(session) else sqlite.insert
    for key in sorted(more):  # so that no two sessions lock crosswise
        values_of = dict(zip((*_KEY, *_SUMS), (*key, *more[key]), strict=True))
        statement = build(_DAYS).values(values_of)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=_KEY, set_={name: _DAYS.c[name] + statement.excluded[name] for name in _SUMS}
            )
        )


def find(
    session: Session, workload: str, prompt_id: int, model: str, counted_with: str
) -> Calibration | None:
    """Return what corrects estimates of a workload on an API model now; None where too few attempts tell.

    Those of the same prompt count alone where they are enough, else those of all prompts of the workload.
    """
    for condition in (Days.prompt_id == prompt_id, PromptRow.workload == workload):
        found = _read(session, condition, ModelRow.name == model, Days.counted_with == counted_with)
        if found and found[0].is_enough:
            return found[0]
    return None


def list_calibrations(
    session: Session, *, workload: str | None = None, model: str | None = None
) -> list[Calibration]:
    """Return the sums by workload, model and way of counting, also where they are too few to correct anything."""
    conditions: list[ColumnElement[bool]] = []
    if workload is not None:
        conditions.append(PromptRow.workload == workload)
    if model is not None:
        conditions.append(ModelRow.name == model)
    return _read(session, *conditions)


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[Calibration]:
    names = (PromptRow.workload, ModelRow.name, Days.counted_with)
    statement = (
        select(
            *names,
            func.min(Days.day),
            func.max(Days.day),
            *(func.sum(getattr(Days, name)).label(name) for name in _SUMS),
        )
        .join(PromptRow, PromptRow.id == Days.prompt_id)
        .join(ModelRow, ModelRow.id == Days.model_id)
        .where(*conditions)
        .group_by(*names)
        .order_by(*names)
    )
    return [_calibration(row) for row in session.execute(statement)]


def _calibration(row: Row[Any]) -> Calibration:
    workload, model, counted_with, since, until = row[:5]
    sums = {name: int(getattr(row, name)) for name in _SUMS}  # PostgreSQL sums BIGINT to NUMERIC
    return Calibration(workload, model, counted_with, since=since, until=until, **sums)


def of_run(session: Session, run_id: UUID) -> Calibration | None:
    """Return what a run's estimates of counterfactual tokens were corrected by; None: they were not."""
    text = session.execute(select(RunRow.calibration).where(RunRow.id == run_id)).scalar()
    return None if text is None else Calibration.from_json(text)
