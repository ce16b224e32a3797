"""Lines page by page: those that match, the newest run first.

However many lines there are, they are not scanned: the rollup tells which runs hold lines that match, and how many; the
lines themselves are then read run by run along their key, as many as fit the page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from db.browse_filters import Filters, match_lines, match_usage
from db.routes import route_text
from db.rows import to_readable
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from models.errors import UsageError

MOST_READ = 250_000
"""Lines that are read for one page, about: where few match, the page ends there and the next one goes on."""

_LINE_FIELDS = (
    "run_id",
    "record_key",
    "attempt",
    "at",
    "requested",
    "engine",
    "reason",
    "outcome",
    "failure",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "estimated",
    "cost_nano",
    "counterfactual_nano",
    "provider_nano",
    "served_model",
    "service_tier",
    "doubted_usage",
)


@dataclass(frozen=True, slots=True)
class Position:
    """A line's place in the order of pages: the newest run first, in a run by record, then by attempt.

    Without a record it is the place before the run's first line.
    """

    run_id: UUID
    record_key: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class LinesPage:
    """Some lines in the order of pages, and the place after which more follow (None: these are the last)."""

    rows: list[dict[str, object]]
    following: Position | None


@dataclass(frozen=True, slots=True)
class _Run:
    """A run, how many of its lines match, and how many it has."""

    id: UUID
    matches: int
    lines: int


def read_lines_page(
    session: Session,
    filters: Filters,
    *,
    after: Position | None = None,
    limit: int = 50,
    most_read: int = MOST_READ,
) -> LinesPage:
    """Return the next lines that match, after a position or from the newest run on.

    They are `limit` lines, or fewer where the runs that were read for them held `most_read` lines. A row has
    the names of workload, prompt version, model, purpose and route, the line's own fields, and money as `Decimal`
    dollars. Raises `UsageError` for a position in a run that the ledger does not know.
    """
    rows: list[dict[str, object]] = []
    read = 0
    # each run has at least one line, except for the first, which the page before may have read to its end
    for run in _runs_with_lines(session, filters, after, limit + 2):
        if rows and read >= most_read:
            return LinesPage(rows, Position(run.id))
        within = after if after is not None and after.run_id == run.id else None
        rows += _lines_of_run(session, run.id, filters, within, min(limit + 1 - len(rows), run.matches))
        read += run.lines
        if len(rows) > limit:
            return LinesPage(rows[:limit], _position(rows[limit - 1]))
    return LinesPage(rows, None)


def _runs_with_lines(
    session: Session, filters: Filters, after: Position | None, limit: int
) -> Sequence[_Run]:
    """Return runs that hold matching lines, the newest first."""
    statement = (
        select(Usage.run_id, func.sum(Usage.attempts))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(*match_usage(filters), RunRow.archive_id.is_(None), Usage.attempts > 0)
        .group_by(Usage.run_id, RunRow.started_at)
        .order_by(RunRow.started_at.desc(), Usage.run_id.desc())
        .limit(limit)
    )
    if after is not None:
        began = session.execute(select(RunRow.started_at).where(RunRow.id == after.run_id)).scalar()
        if began is None:
            msg = f"the ledger knows no run {after.run_id}"
            raise UsageError(msg)
        same = and_(RunRow.started_at == began, RunRow.id <= after.run_id)
        statement = statement.where(or_(RunRow.started_at < began, same))
    found = session.execute(statement).all()
    every = select(Usage.run_id, func.sum(Usage.attempts)).group_by(Usage.run_id)
    totals = session.execute(every.where(Usage.run_id.in_([run_id for run_id, _ in found])))
    lines = {run_id: total for run_id, total in totals}  # noqa: C416  a row is no tuple to the type checker
    return [_Run(run_id, int(matches), int(lines[run_id])) for run_id, matches in found]


def _lines_of_run(
    session: Session, run_id: UUID, filters: Filters, after: Position | None, limit: int
) -> Iterator[dict[str, object]]:
    statement = (
        select(
            PromptRow.workload,
            PromptRow.version.label("prompt_version"),
            ModelRow.name.label("model"),
            RunRow.purpose,
            *(getattr(Line, name) for name in _LINE_FIELDS),
        )
        .join(RunRow, RunRow.id == Line.run_id)
        .join(PromptRow, PromptRow.id == Line.prompt_id)
        .join(ModelRow, ModelRow.id == Line.model_id)
        .where(Line.run_id == run_id, *match_lines(filters))
        .order_by(Line.record_key, Line.attempt)
        .limit(limit)
    )
    if after is not None and after.record_key is not None:
        place = tuple_(literal(after.record_key), literal(after.attempt))
        statement = statement.where(tuple_(Line.record_key, Line.attempt) > place)
    for row in session.execute(statement).mappings():
        route = route_text(row["requested"], row["engine"], row["reason"])
        yield {**to_readable(dict(row)), "route": route}


def _position(row: dict[str, Any]) -> Position:
    return Position(row["run_id"], row["record_key"], row["attempt"])
