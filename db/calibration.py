"""What calibrates estimated tokens: daily sums over the API's attempts, kept in the transactions that close them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, case, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.dialects import is_postgresql
from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, PromptRow, RunRow
from db.tables import TokenCalibrationRow as Days
from models.economics.calibration import CALIBRATION_SUMS, CounterfactualBasis, TokenCalibration
from models.ledger.line import Closing
from models.ledger.rollup import CountedLine
from models.run import PRODUCTION

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
    session: Session, workload: str, prompt_id: int | None, model: str, counted_with: str
) -> TokenCalibration | None:
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
) -> list[TokenCalibration]:
    """Return the sums by workload, model and way of counting, also where they are too few to correct anything."""
    conditions: list[ColumnElement[bool]] = []
    if workload is not None:
        conditions.append(PromptRow.workload == workload)
    if model is not None:
        conditions.append(ModelRow.name == model)
    return _read(session, *conditions)


def read_bases(session: Session, first: date, end: date) -> list[CounterfactualBasis]:
    """Return what counterfactual tokens of the UTC days `first <= day < end` stand on, by workload; production alone."""
    reported, corrected = Usage.engine == "openai", RunRow.calibration.is_not(None)
    served = func.sum(case((Usage.counterfactual_input_tokens > 0, Usage.attempts), else_=0))
    cached = func.sum(Usage.counterfactual_cached_tokens)
    way = case((reported, 0), (corrected, 1), else_=2)
    rows = session.execute(
        select(RunRow.workload, way, served, cached)
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(Usage.day >= first, Usage.day < end, Usage.engine != "reuse", RunRow.purpose == PRODUCTION)
        .group_by(RunRow.workload, way)
        .order_by(RunRow.workload)
    ).all()
    found: dict[str, CounterfactualBasis] = {}
    for workload, place, attempts, of_cache in rows:
        basis = found.get(workload, CounterfactualBasis(workload, 0, 0, 0, 0, None))
        count = int(attempts or 0)
        match place:
            case 0:
                basis = replace(basis, reported=count)
            case 1:
                newest = _newest(session, workload, first, end)
                basis = replace(basis, corrected=count, calibration=newest)
            case _:
                basis = replace(basis, estimated=count, cached_tokens=int(of_cache or 0))
        found[workload] = basis
    return list(found.values())


def _newest(session: Session, workload: str, first: date, end: date) -> TokenCalibration | None:
    """Return what the newest run with attempts in these days was corrected by."""
    in_days = exists().where(Usage.run_id == RunRow.id, Usage.day >= first, Usage.day < end)
    text = session.execute(
        select(RunRow.calibration)
        .where(RunRow.workload == workload, RunRow.calibration.is_not(None), in_days)
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
        .limit(1)
    ).scalar()
    return None if text is None else TokenCalibration.from_json(text)


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[TokenCalibration]:
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


def _calibration(row: Row[Any]) -> TokenCalibration:
    workload, model, counted_with, since, until = row[:5]
    sums = {name: int(getattr(row, name)) for name in _SUMS}  # PostgreSQL sums BIGINT to NUMERIC
    return TokenCalibration(workload, model, counted_with, since=since, until=until, **sums)


def of_run(session: Session, run_id: UUID) -> TokenCalibration | None:
    """Return what a run's estimates of counterfactual tokens were corrected by; None: they were not."""
    text = session.execute(select(RunRow.calibration).where(RunRow.id == run_id)).scalar()
    return None if text is None else TokenCalibration.from_json(text)
