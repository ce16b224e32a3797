"""API attempts: written as pending before they are sent, closed once, never lost (invariant I2).

At every moment a row of `api_spend` is the sum over the API lines of its day and workload, a row of the
rollup that over the lines which went its way, and a run's sums are those over its closed lines. Writers
of one partition take turns by its lease: call `leases.renew` first in the same transaction.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Table, bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from db import calibration, daily_usage, ledger, runs, spend
from db.batches import is_live
from db.tables import BatchRow, PromptRow, RunRow
from db.tables import LedgerLineRow as Line
from models.gpu_time import GpuTime
from models.ledger.line import Closing, LedgerLine
from models.ledger.rollup import CountedLine, Firsts
from models.run import PRODUCTION, Purpose

CHUNK = 500  # 999 bound values are what any SQLite takes
_LINES: Table = Line.metadata.tables[Line.__tablename__]
_COLUMNS = tuple(name for name in Closing.__slots__ if name not in {"id", "estimate", "ended_at", "price_id"})
_PRICED = {"price_id": func.coalesce(bindparam("new_price_id", type_=Integer), _LINES.c.price_id)}
_CLOSE = (
    update(_LINES)
    .where(_LINES.c.id == bindparam("line"))
    .values({name: bindparam(f"new_{name}") for name in _COLUMNS} | _PRICED)
)
_RAISE = update(_LINES).where(_LINES.c.id == bindparam("line")).values(cost_nano=bindparam("bound"))
_CLOSED = tuple(name for name in _COLUMNS if name in CountedLine.__slots__)
_NO_COUNTERFACTUAL = {
    "counterfactual_input_tokens": 0,
    "counterfactual_output_tokens": 0,
    "counterfactual_nano": 0,
}


@dataclass(frozen=True, slots=True)
class InBatch:
    """A pending line whose batch is live: its prices, its upper bound and when it was opened."""

    id: UUID
    run_id: UUID
    batch_id: UUID
    record_key: str
    attempt: int
    request_hash: bytes
    price_id: int
    counterfactual_price_id: int
    cost_nano: int
    at: datetime


def open_attempts(session: Session, workload: str, lines: Sequence[LedgerLine]) -> None:
    """Write pending lines, which cost their upper bound, and count them as spent on their UTC days.

    Nothing is sent before the caller has committed. Raises `ValueError` for a line that is not pending
    or has no cost, `IntegrityError` if one is there already (see `is_written`).
    """
    amounts: defaultdict[tuple[date, str], int] = defaultdict(int)
    for line in lines:
        if line.outcome != "pending" or line.cost_nano is None:
            msg = f"the line {line.id} is {line.outcome} at {line.cost_nano}; an attempt is opened as pending, at its upper bound"
            raise ValueError(msg)
        amounts[line.at.astimezone(UTC).date(), workload] += line.cost_nano
    ledger.insert_lines(session, lines)
    spend.add(session, amounts)


def is_written(session: Session, line_id: UUID) -> bool:
    """Whether a line is there: an `open_attempts` whose connection was lost had taken place."""
    return bool(session.execute(select(exists().where(Line.id == line_id))).scalar())


def close_attempts(session: Session, closings: Sequence[Closing]) -> list[UUID]:
    """Close lines that are still pending, and return which these were, in the order of their keys.

    What is closed already, or unknown, is left alone, so a call may be repeated; of two closings of one
    line the first counts. What a line cost less than its upper bound is given back to its own day, and
    its tokens, cost and counterfactual cost are added to the run that it belongs to, and what was estimated of it to
    what calibrates estimates. Raises `ValueError`
    for a closing that would leave its line pending.
    """
    wanted: dict[UUID, Closing] = {}
    for closing in closings:
        if closing.outcome == "pending":
            msg = f"the line {closing.id} cannot be closed as pending"
            raise ValueError(msg)
        wanted.setdefault(closing.id, closing)
    found = [(one, wanted[one.line.id]) for one in _pending(session, sorted(wanted))]
    if found:
        session.connection().execute(_CLOSE, [_parameters(closing) for _, closing in found])
        _roll_up(session, [(one, _closed(one.line, closing)) for one, closing in found])
        spend.add(session, _given_back(found))
        _add_to_runs(session, _by_run(found))
        runs.note_answers(session, [(one.line, closing) for one, closing in found])
        calibration.add(session, [(one.line, closing) for one, closing in found])
    return [one.line.id for one, _ in found]


def raise_bounds(session: Session, run_id: UUID, factor: Fraction) -> dict[UUID, int]:
    """Raise the upper bounds of a run's pending lines, rounded up; return the new ones, nano-dollars.

    They count as spent from now on, on the lines' own UTC days.
    """
    found = _open(session, ledger.PENDING, Line.run_id == run_id)
    raised = [(one, replace(one.line, cost_nano=ceil((one.line.cost_nano or 0) * factor))) for one in found]
    if not raised:
        return {}
    session.connection().execute(_RAISE, [{"line": line.id, "bound": line.cost_nano} for _, line in raised])
    _roll_up(session, raised)
    amounts: defaultdict[tuple[date, str], int] = defaultdict(int)
    for one, line in raised:
        amounts[line.at.date(), one.workload] += (line.cost_nano or 0) - (one.line.cost_nano or 0)
    spend.add(session, amounts)
    return {line.id: line.cost_nano or 0 for _, line in raised}


def resolve_unknown(
    session: Session,
    workload: str,
    partition: date,
    failure: str = "interrupted",
    purpose: Purpose = PRODUCTION,
) -> int:
    """Close what dead runs of a partition left pending as `unknown_outcome`; return how many lines.

    Lines of a live batch still wait for it. The others keep the upper bound as their cost, which is added
    to their runs; their counterfactual cost is 0, since the record's next attempt carries it. Call it
    under the partition's lease before the first attempt of a run.
    """
    own_runs = select(RunRow.id).where(
        RunRow.workload == workload, RunRow.partition == partition, RunRow.purpose == purpose
    )
    left = _open(session, ledger.PENDING, Line.run_id.in_(own_runs), ~_in_live_batch())
    ids = [one.line.id for one in left]
    unknown: dict[str, Any] = {"outcome": "unknown_outcome", "estimated": True, **_NO_COUNTERFACTUAL}
    for first in range(0, len(ids), CHUNK):
        session.execute(
            update(Line)
            .where(Line.id.in_(ids[first : first + CHUNK]))
            .values(failure=failure, **unknown)
            .execution_options(synchronize_session=False)
        )
    _roll_up(session, [(one, replace(one.line, **unknown)) for one in left])
    costs: defaultdict[UUID, int] = defaultdict(int)
    for one in left:
        costs[one.line.run_id] += one.line.cost_nano or 0
    _add_to_runs(session, {run_id: runs.Increments(api_cost_nano=cost) for run_id, cost in costs.items()})
    return len(left)


def list_pending_in_batches(
    session: Session, version_id: UUID, batch_id: UUID | None = None
) -> Iterator[InBatch]:
    """Yield the pending lines of a version's runs whose batch is live, a thousand at a time from the database.

    `batch_id`: those of one batch.
    """
    columns = [getattr(Line, name) for name in InBatch.__slots__]
    own_runs = select(RunRow.id).where(RunRow.version_id == version_id)
    statement = select(*columns).where(ledger.PENDING, Line.run_id.in_(own_runs), _in_live_batch())
    if batch_id is not None:
        statement = statement.where(Line.batch_id == batch_id)
    for row in session.execute(statement, execution_options={"yield_per": 1000}):
        yield InBatch(*row)


def move_to_batch(
    session: Session, run_id: UUID, old: UUID, new: UUID, ids: Sequence[UUID] | None = None
) -> None:
    """Let the pending lines of a batch, or those with these ids, wait for another one. Repeating it changes nothing."""
    own = (ledger.PENDING, Line.run_id == run_id, Line.batch_id == old)
    chunks = (
        [own] if ids is None else [(*own, Line.id.in_(ids[n : n + CHUNK])) for n in range(0, len(ids), CHUNK)]
    )
    for conditions in chunks:
        session.execute(
            update(Line).where(*conditions).values(batch_id=new).execution_options(synchronize_session=False)
        )


def list_past_deadline(session: Session, version_id: UUID, at: datetime) -> Iterator[str]:
    """Yield the records that a batch of a version had until its deadline, which has passed, and which it did not serve.

    A record that another attempt has served may be among them.
    """
    own_batches = select(BatchRow.run_id, BatchRow.id).where(
        BatchRow.version_id == version_id, BatchRow.deadline <= at, ~is_live()
    )
    late = own_batches.subquery()
    rows = session.execute(
        select(Line.record_key)
        .join(late, (Line.batch_id == late.c.id) & (Line.run_id == late.c.run_id))
        .where(Line.outcome != "ok")
        .distinct(),
        execution_options={"yield_per": 1000},
    )
    yield from rows.scalars()


def list_numbers(session: Session, run_id: UUID) -> Iterator[tuple[str, int]]:
    """Yield the records that a run has sent to an API, each with the number of its last attempt there."""
    rows = session.execute(
        select(Line.record_key, func.max(Line.attempt))
        .where(Line.run_id == run_id, Line.engine == "openai")
        .group_by(Line.record_key),
        execution_options={"yield_per": 1000},
    )
    yield from ((key, number) for key, number in rows)


@dataclass(frozen=True, slots=True)
class _Open:
    """What closing a pending line needs to know of it."""

    line: CountedLine
    firsts: Firsts
    workload: str


def _pending(session: Session, ids: Sequence[UUID]) -> Iterator[_Open]:
    """Find and lock those lines that are pending."""
    for first in range(0, len(ids), CHUNK):
        yield from _open(session, Line.id.in_(ids[first : first + CHUNK]), ledger.PENDING)


def _open(session: Session, *conditions: ColumnElement[bool]) -> list[_Open]:
    """Find and lock lines, in the order of their keys."""
    columns = [*daily_usage.counted_columns(), *daily_usage.first_columns(), PromptRow.workload]
    rows = session.execute(
        select(*columns)
        .join(PromptRow, PromptRow.id == Line.prompt_id)
        .where(*conditions)
        .order_by(Line.id)
        .with_for_update(of=Line)
    )
    size = len(CountedLine.__slots__)
    return [_Open(CountedLine(*row[:size]), Firsts(*row[size:-1]), row[-1]) for row in rows]


def _roll_up(session: Session, changed: Sequence[tuple[_Open, CountedLine]]) -> None:
    """Move changed lines to the rows of the rollup where they belong now."""
    rollup = daily_usage.Rollup(session, {one.line.run_id for one, _ in changed})
    for one, after in changed:
        rollup.move(one.line, after, one.firsts)
    rollup.write()


def _closed(line: CountedLine, closing: Closing) -> CountedLine:
    price_id = line.price_id if closing.price_id is None else closing.price_id
    return replace(line, price_id=price_id, **{name: getattr(closing, name) for name in _CLOSED})


def _in_live_batch() -> ColumnElement[bool]:
    return exists().where(BatchRow.id == Line.batch_id, is_live())


def _parameters(closing: Closing) -> dict[str, object]:
    values: dict[str, object] = {f"new_{name}": getattr(closing, name) for name in _COLUMNS}
    return {"line": closing.id, "new_price_id": closing.price_id, **values}


def _given_back(found: Sequence[tuple[_Open, Closing]]) -> Mapping[tuple[date, str], int]:
    amounts: defaultdict[tuple[date, str], int] = defaultdict(int)
    for one, closing in found:
        before = one.line.cost_nano or 0
        amounts[one.line.at.date(), one.workload] += closing.cost_nano - before
    return amounts


def _by_run(found: Sequence[tuple[_Open, Closing]]) -> Mapping[UUID, runs.Increments]:
    closed: defaultdict[UUID, list[Closing]] = defaultdict(list)
    for one, closing in found:
        closed[one.line.run_id].append(closing)
    return {
        run_id: runs.Increments(
            input_tokens=sum(closing.input_tokens or 0 for closing in own),
            cached_tokens=sum(closing.cached_tokens or 0 for closing in own),
            output_tokens=sum(closing.output_tokens or 0 for closing in own),
            counterfactual_nano=sum(closing.counterfactual_nano for closing in own),
            api_cost_nano=sum(closing.cost_nano for closing in own),
        )
        for run_id, own in closed.items()
    }


def _add_to_runs(session: Session, increments: Mapping[UUID, runs.Increments]) -> None:
    for run_id, more in sorted(increments.items()):
        runs.add(session, run_id, GpuTime(), more)
