"""The rollup, kept in the transactions that write and change lines.

At every moment the rows of a run are the sums over its lines, for each way they went, so that sums over
millions of lines are read from a few rows. A row whose last line went elsewhere is deleted.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, bindparam, delete, exists, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db.recount import lock_runs, rebuild
from db.tables import DailyUsageRow as Row
from db.tables import LedgerLineRow as Line
from models.ledger.line import LedgerLine
from models.ledger.rollup import (
    FIRST,
    SUMS,
    CountedLine,
    Firsts,
    UsageKey,
    group_lines,
    key_of,
    sum_first_attempts,
    sum_line,
)

log = logging.getLogger(__name__)

CHUNK = 500  # 999 bound values are what any SQLite takes

_RECORDS, _LATE, _ENGINE_RECORDS = (
    SUMS.index(name) for name in ("records", "late_records", "engine_records")
)
_ROWS: Table = Row.metadata.tables[Row.__tablename__]
_UPDATE = (
    update(_ROWS)
    .where(_ROWS.c.id == bindparam("row"))
    .values({name: _ROWS.c[name] + bindparam(f"more_{name}") for name in SUMS})
)
_READ = select(
    _ROWS.c.id, _ROWS.c.attempts, _ROWS.c.late_records, *(_ROWS.c[name] for name in UsageKey._fields)
).where(_ROWS.c.run_id.in_(bindparam("runs", expanding=True)))
_INSERT = insert(_ROWS)
_Item = TypeVar("_Item")


class Rollup:
    """The rows of some runs, and what a transaction changes in them.

    On PostgreSQL the runs are locked until the transaction ends, so that two writers of one run, who
    should take turns by its lease, do so here in any case; on SQLite a writer is alone.
    """

    def __init__(self, session: Session, run_ids: Iterable[UUID]) -> None:
        self._session = session
        self._attempts: dict[int, int] = {}
        self._rows: dict[UsageKey, int] = {}
        self._late: defaultdict[UUID, int] = defaultdict(int)
        self._changes: defaultdict[UsageKey, list[tuple[int, ...]]] = defaultdict(list)
        for some in _chunks(sorted(set(run_ids))):
            self._read(some)

    def has_late(self, run_id: UUID) -> bool:
        """Whether the run has records of which an earlier attempt than those that are here may still come."""
        return self._late[run_id] > 0

    def add(self, line: LedgerLine | CountedLine, firsts: Firsts, sign: int = 1) -> None:
        """Count a line, or take it out again (`sign` -1)."""
        added = sum_line(line, firsts)
        self._changes[key_of(line)].append(added if sign == 1 else tuple(-value for value in added))

    def add_first(self, way: UsageKey, lines: Sequence[LedgerLine]) -> None:
        """Count first attempts that all went one way."""
        if lines:
            self._changes[way].append(sum_first_attempts(lines))

    def move(self, before: CountedLine, after: CountedLine, firsts: Firsts) -> None:
        """Count a line that has changed; its number and its engine never do."""
        self.add(before, firsts, -1)
        self.add(after, firsts)

    def is_not_first(self, line: CountedLine) -> None:
        """Take a line's record out of it: an earlier attempt has come."""
        self._take_out(line, _RECORDS, *([] if line.attempt == FIRST else [_LATE]))

    def is_not_first_on_engine(self, line: CountedLine) -> None:
        """Take a line's record on its engine out of it: an earlier attempt there has come."""
        self._take_out(line, _ENGINE_RECORDS)

    def write(self) -> None:
        """Write the changes, after those of the lines: three statements, whatever the number of lines.

        Rows that fewer lines had made than are taken out of them were wrong before; those of their run
        are then summed anew from its lines.
        """
        new: list[dict[str, Any]] = []
        more: list[dict[str, int]] = []
        empty: list[int] = []
        damaged: set[UUID] = set()
        for way, changes in self._changes.items():
            sums = [sum(column) for column in zip(*changes, strict=True)]
            row = self._rows.get(way)
            left = sums[0] + (0 if row is None else self._attempts[row])
            if left < 0:
                damaged.add(way.run_id)
            elif row is None and left:
                new.append({**way._asdict(), **dict(zip(SUMS, sums, strict=True))})
            elif row is not None and left:
                more.append({"row": row, **{f"more_{name}": n for name, n in zip(SUMS, sums, strict=True)}})
            elif row is not None:
                empty.append(row)
        if damaged:
            self._rebuild(sorted({way.run_id for way in self._changes}))
            return
        connection = self._session.connection()
        if more:
            connection.execute(_UPDATE, more)
        if new:
            connection.execute(_INSERT, new)
        for some in _chunks(empty):
            connection.execute(delete(_ROWS).where(_ROWS.c.id.in_(some)))

    def _take_out(self, line: CountedLine, *places: int) -> None:
        """Take one out of some sums of the row where a line belongs."""
        self._changes[key_of(line)].append(tuple(-(place in places) for place in range(len(SUMS))))

    def _rebuild(self, run_ids: Sequence[UUID]) -> None:
        log.warning("the daily sums of a run did not match its lines and were made anew: %s", run_ids)
        for some in _chunks(run_ids):
            rebuild(self._session, some)

    def _read(self, run_ids: Sequence[UUID]) -> None:
        lock_runs(self._session, run_ids)
        found = self._session.connection().execute(_READ, {"runs": run_ids})
        for row, attempts, late, *way in found:
            self._attempts[row] = attempts
            self._rows[UsageKey(*way)] = row
            self._late[way[0]] += late


def add_lines(session: Session, lines: Sequence[LedgerLine]) -> None:
    """Count lines that the session has just inserted."""
    ways = group_lines(lines)
    rollup = Rollup(session, {way.run_id for way in ways})
    looked_up, known = _judge_whole_records(lines)
    unsure: defaultdict[UUID, set[str]] = defaultdict(set)
    for way, own in ways.items():
        late = rollup.has_late(way.run_id)
        if keys := {
            line.record_key
            for line in own
            if late or (line.attempt != FIRST and (way.run_id, line.record_key) not in known)
        }:
            unsure[way.run_id] |= keys
    if unsure:
        new = {line.id for way, own in ways.items() for line in own if line.record_key in unsure[way.run_id]}
        looked_up |= _look_up(session, rollup, unsure, new)
    for way, own in ways.items():
        rollup.add_first(way, [line for line in own if line.attempt == FIRST])
        for line in own:
            if line.attempt != FIRST:
                rollup.add(line, looked_up[line.id])
    rollup.write()


def counted_columns() -> list[InstrumentedAttribute[Any]]:
    """Return the columns of `CountedLine`, in its order."""
    return [getattr(Line, name) for name in CountedLine.__slots__]


def first_columns() -> list[ColumnElement[bool]]:
    """Return the columns of `Firsts`, in its order: questions that the unique key of lines answers."""
    earlier = aliased(Line)
    before = (
        earlier.run_id == Line.run_id,
        earlier.record_key == Line.record_key,
        earlier.attempt < Line.attempt,
    )
    return [~exists().where(*before), ~exists().where(*before, earlier.engine == Line.engine)]


def _judge_whole_records(
    lines: Sequence[LedgerLine],
) -> tuple[dict[UUID, Firsts], set[tuple[UUID, str]]]:
    """Say of each line of records of which all lines are among these whether it is the first; also name the records.

    A record whose first attempt is here has no line in the ledger yet, unless its run waits for earlier attempts: of such a
    run all records are looked up anyway.
    """
    several = {(line.run_id, line.record_key) for line in lines if line.attempt != FIRST}
    records: defaultdict[tuple[UUID, str], list[LedgerLine]] = defaultdict(list)
    for line in lines if several else ():
        if (record := (line.run_id, line.record_key)) in several:
            records[record].append(line)
    found: dict[UUID, Firsts] = {}
    known = set()
    for record, own in records.items():
        own.sort(key=lambda line: line.attempt)
        if own[0].attempt == FIRST:
            known.add(record)
            engines = {line.engine: line for line in reversed(own)}
            found |= {line.id: Firsts(line is own[0], line is engines[line.engine]) for line in own}
    return found, known


def _look_up(
    session: Session, rollup: Rollup, records: dict[UUID, set[str]], new: set[UUID]
) -> dict[UUID, Firsts]:
    """Say of each line of these records whether it is the first, and correct the row of the one that was."""
    found: dict[UUID, Firsts] = {}
    for run_id, keys in records.items():
        for lines in _read_records(session, run_id, sorted(keys)):
            engines: dict[str, list[CountedLine]] = {}
            for line in lines:
                engines.setdefault(line.engine, []).append(line)
            for line in lines:
                found[line.id] = Firsts(line is lines[0], line is engines[line.engine][0])
            if overtaken := _find_overtaken(lines, new):
                rollup.is_not_first(overtaken)
            for own in engines.values():
                if overtaken := _find_overtaken(own, new):
                    rollup.is_not_first_on_engine(overtaken)
    return found


def _find_overtaken(lines: Sequence[CountedLine], new: set[UUID]) -> CountedLine | None:
    """Return the line that was the first until now and is not any more, if there is one."""
    before = next((line for line in lines if line.id not in new), None)
    return None if before is lines[0] else before


def _read_records(session: Session, run_id: UUID, keys: Sequence[str]) -> Iterator[list[CountedLine]]:
    """Yield the lines of each of these records in a run, by attempt."""
    for some in _chunks(keys):
        records: defaultdict[str, list[CountedLine]] = defaultdict(list)
        rows = session.execute(
            select(*counted_columns()).where(Line.run_id == run_id, Line.record_key.in_(some))
        )
        for row in rows:
            line = CountedLine(*row)
            records[line.record_key].append(line)
        for lines in records.values():
            yield sorted(lines, key=lambda line: line.attempt)


def _chunks(values: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(values), CHUNK):
        yield values[first : first + CHUNK]
