"""What points at something that is not there, and what waits for something that will not come."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ForeignKey, Select, Table, exists, select
from sqlalchemy.orm import Session

from db.base import Base
from db.batches import is_live
from db.ledger import PENDING
from db.tables import BatchRow, RunRow
from db.tables import LedgerLineRow as Line
from models.ledger.findings import Flaw

ENDED = ("waiting", "completed", "failed", "interrupted")
LINES: Table = Base.metadata.tables[Line.__tablename__]
READ_ELSEWHERE = {
    "run_id",
    "prompt_id",
    "model_id",
    "price_id",
    "infrastructure_id",
    "counterfactual_price_id",
}
"""Keys of lines that need no look at each line: its rollup has them as well, or the check of lines."""


def find_link_flaws(session: Session) -> Iterator[Flaw]:
    """Yield rows that name a row which is not there, and attempts that nobody will close."""
    for table in Base.metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            if table is LINES and key.parent.name in READ_ELSEWHERE:
                continue
            what = f"{table.name}.{key.parent.name} names no row of {key.column.table.name}"
            for row in session.execute(_find_lost(table, key)):
                yield Flaw("orphan", what, " ".join(str(value) for value in row))
    for run in session.execute(_find_never_closed()):
        what = "pending, but its run ended and no live batch will answer: the partition's next run settles it"
        yield Flaw("pending", what, str(run.id), f"run {run.run_id}")


def _find_lost(table: Table, key: ForeignKey) -> Select[Any]:
    """Ask for the keys of rows whose foreign key names no row, which the database itself prevents as a rule."""
    parent = key.column.table.alias()
    there = exists().where(parent.c[key.column.name] == key.parent)
    own = list(table.primary_key.columns)
    return select(*own).where(key.parent.is_not(None), ~there).order_by(*own)


def _find_never_closed() -> Select[Any]:
    waited_for = exists().where(BatchRow.id == Line.batch_id, is_live())
    return (
        select(Line.id, Line.run_id)
        .join(RunRow, RunRow.id == Line.run_id)
        .where(PENDING, RunRow.state.in_(ENDED), ~waited_for)
        .order_by(Line.id)
    )
