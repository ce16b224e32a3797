"""Where the lines of one run that match stand: found without a walk over all of the run's lines.

The rollup names the ways in which matching lines went. Lines that went as most do, `ok` where they were asked first, are met
along the run's key, so many at a time. All others stand in an index by their way as well: a few among millions are found at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from db.browse_filters import Filters, match_lines
from db.tables import UNUSUAL
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line

FIRST_PIECE = 4_096
"""Lines of a run that are looked through before more are: mostly enough for a page."""
MOST_WAYS = 60
"""Ways whose lines are asked for in one statement; their values are fewer than the 999 that any SQLite takes."""
_KEY = (Line.record_key, Line.attempt)


class Way(NamedTuple):
    """What lines share that went one way; `reason` is empty where they have none."""

    prompt_id: int
    model_id: int
    requested: str
    engine: str
    reason: str
    outcome: str

    @property
    def is_usual(self) -> bool:
        """Whether most lines of a run go this way: they are in no index of their own."""
        return self.outcome == "ok" and not self.reason


@dataclass(frozen=True, slots=True)
class Position:
    """A line's place in the order of pages: the newest run first, in a run by record, then by attempt.

    Without a record it is the place before the run's first line.
    """

    run_id: UUID
    record_key: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class RunLines:
    """A run, how many of its lines match, by their ways, and how many lines it has.

    `cut`: of the ways that match, lines of other days do not.
    """

    id: UUID
    ways: Mapping[Way, int]
    lines: int
    cut: bool

    @property
    def matches(self) -> int:
        """How many lines match."""
        return sum(self.ways.values())


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of the next lines that match, each with its place, and about how many lines were read for them.

    `stopped`: so far, no more lines were read; None: to the run's end, or as many were found as were asked for.
    """

    places: Sequence[tuple[UUID, Position]]
    read: int
    stopped: Position | None = None


def count_by_way(
    session: Session, run_ids: Sequence[UUID], conditions: Sequence[ColumnElement[bool]] = ()
) -> dict[UUID, dict[Way, int]]:
    """Count the lines of some runs by their ways; `conditions` are on the rollup."""
    way = [getattr(Usage, name) for name in Way._fields]
    rows = session.execute(
        select(Usage.run_id, *way, func.sum(Usage.attempts))
        .where(Usage.run_id.in_(run_ids), Usage.attempts > 0, *conditions)
        .group_by(Usage.run_id, *way)
    )
    found: dict[UUID, dict[Way, int]] = {run_id: {} for run_id in run_ids}
    for run_id, *own, attempts in rows:
        found[run_id][Way(*own)] = int(attempts)
    return found


def find_lines(
    session: Session, run: RunLines, filters: Filters, after: Position | None, limit: int, most_read: int
) -> Found:
    """Find the next `limit` lines of a run that match, after a place in it (None: from its start on).

    About `most_read` lines are read at most.
    """
    if run.cut or any(way.is_usual for way in run.ways) or len(run.ways) > MOST_WAYS:
        return _along_key(session, run, filters, after, limit, most_read)
    ways = [
        _places(run.id, after, limit, *_conditions_of(way)).order_by(Line.reason, *_KEY) for way in run.ways
    ]
    every = union_all(*(select(way.subquery()) for way in ways)).subquery()
    places = _read(session, run.id, select(every).order_by(every.c.record_key, every.c.attempt).limit(limit))
    return Found(places, len(places))


def _along_key(
    session: Session, run: RunLines, filters: Filters, after: Position | None, limit: int, most_read: int
) -> Found:
    """Walk along the run's key, where some lines do not match a small piece first, then a large one."""
    matching = _places(run.id, after, limit, *match_lines(filters)).order_by(*_KEY)
    if run.matches == run.lines:
        places = _read(session, run.id, matching)
        return Found(places, len(places))
    for piece in (min(FIRST_PIECE, most_read), most_read):
        end = _places(run.id, after, 1).order_by(*_KEY).offset(piece - 1)
        last = next((place for _, place in _read(session, run.id, end)), None)
        until = () if last is None else (tuple_(*_KEY) <= _place(last),)
        places = _read(session, run.id, matching.where(*until))
        if last is None or len(places) >= limit:
            return Found(places, min(piece, run.lines))
    return Found(places, most_read, last)


def _conditions_of(way: Way) -> list[ColumnElement[bool]]:
    """Return the conditions on lines of a way that the index of unusual lines answers."""
    same = [getattr(Line, name) == value for name, value in way._asdict().items() if name != "reason"]
    return [UNUSUAL, *same, Line.reason == way.reason if way.reason else Line.reason.is_(None)]


def _places(
    run_id: UUID, after: Position | None, limit: int, *conditions: ColumnElement[bool]
) -> Select[Any]:
    """Ask for ids and keys of lines of a run after a place."""
    chosen = select(Line.id, *_KEY).where(Line.run_id == run_id, *conditions).limit(limit)
    return (
        chosen if after is None or after.record_key is None else chosen.where(tuple_(*_KEY) > _place(after))
    )


def _place(position: Position) -> ColumnElement[Any]:
    return tuple_(literal(position.record_key), literal(position.attempt))


def _read(session: Session, run_id: UUID, chosen: Select[Any]) -> list[tuple[UUID, Position]]:
    return [(id_, Position(run_id, key, attempt)) for id_, key, attempt in session.execute(chosen)]
