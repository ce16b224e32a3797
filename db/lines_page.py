"""Lines page by page: those that match, the newest run first.

However many lines there are, they are not scanned: the rollup tells which runs hold lines that match, how many, and which way
they went; they are then found run by run (`db.line_places`), as many as fit the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from db.browse_filters import Filters, match_usage
from db.line_places import Position, RunLines, count_by_way, find_lines
from db.routes import route_text
from db.rows import to_readable
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, PromptRow, RunRow
from models.errors import UsageError

MOST_READ = 250_000
"""Lines that are read for one page, about: where few match, the page ends there and the next one goes on."""

_IDS = 500  # 999 bound values are what any SQLite takes
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
class LinesPage:
    """Some lines in the order of pages, and the place after which more follow (None: these are the last)."""

    rows: list[dict[str, object]]
    following: Position | None


def read_lines_page(
    session: Session,
    filters: Filters,
    *,
    after: Position | None = None,
    limit: int = 50,
    most_read: int = MOST_READ,
) -> LinesPage:
    """Return the next lines that match, after a position or from the newest run on.

    They are `limit` lines, or fewer, or none, where about `most_read` lines were read for them. A row has
    the names of workload, prompt version, model, purpose and route, the line's own fields, and money as `Decimal`
    dollars. Raises `UsageError` for a position in a run that the ledger does not know.
    """
    places: list[tuple[UUID, Position]] = []
    read = 0
    # each run has at least one line, except for the first, which the page before may have read to its end
    for run in _runs_with_lines(session, filters, after, limit + 2):
        if read >= most_read:
            return LinesPage(_read_lines(session, places), Position(run.id))
        within = after if after is not None and after.run_id == run.id else None
        wanted = min(limit + 1 - len(places), run.matches)
        found = find_lines(session, run, filters, within, wanted, most_read - read)
        places += found.places
        read += found.read
        if len(places) > limit:
            return LinesPage(_read_lines(session, places[:limit]), places[limit - 1][1])
        if found.stopped is not None:
            return LinesPage(_read_lines(session, places), found.stopped)
    return LinesPage(_read_lines(session, places), None)


def _runs_with_lines(
    session: Session, filters: Filters, after: Position | None, limit: int
) -> list[RunLines]:
    """Return runs that hold matching lines, the newest first."""
    statement = (
        select(Usage.run_id)
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
    run_ids = session.execute(statement).scalars().all()
    matching = count_by_way(session, run_ids, match_usage(filters))
    every = count_by_way(session, run_ids)
    return [
        RunLines(
            id=run_id,
            ways=matching[run_id],
            lines=sum(every[run_id].values()),
            cut=any(every[run_id][way] > count for way, count in matching[run_id].items()),
        )
        for run_id in run_ids
    ]


def _read_lines(session: Session, places: Sequence[tuple[UUID, Position]]) -> list[dict[str, object]]:
    """Return the lines at these places, in their order."""
    rows: dict[UUID, dict[str, object]] = {}
    for first in range(0, len(places), _IDS):
        statement = (
            select(
                Line.id,
                PromptRow.workload,
                PromptRow.version.label("prompt_version"),
                ModelRow.name.label("model"),
                RunRow.purpose,
                *(getattr(Line, name) for name in _LINE_FIELDS),
            )
            .join(RunRow, RunRow.id == Line.run_id)
            .join(PromptRow, PromptRow.id == Line.prompt_id)
            .join(ModelRow, ModelRow.id == Line.model_id)
            .where(Line.id.in_([line_id for line_id, _ in places[first : first + _IDS]]))
        )
        for row in session.execute(statement).mappings():
            fields = dict(row)
            route = route_text(row["requested"], row["engine"], row["reason"])
            rows[fields.pop("id")] = {**to_readable(fields), "route": route}
    return [rows[line_id] for line_id, _ in places]
