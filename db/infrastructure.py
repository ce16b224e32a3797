"""What it costs to own the machines, as it was entered. Rows are only added: of several, the last one counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.tables import BillRow, InfrastructureRow, InfrastructureTermsRow, LabourTermsRow
from models.economics.owning import Bill, EnteredTerms, Labour

Entered = TypeVar("Entered", EnteredTerms, Bill, Labour)

ROWS = {EnteredTerms: InfrastructureTermsRow, Bill: BillRow, Labour: LabourTermsRow}


@dataclass(frozen=True, slots=True)
class Entry(Generic[Entered]):
    """What was entered, and when."""

    id: int
    entered_at: datetime
    what: Entered


def add(session: Session, what: EnteredTerms | Bill | Labour) -> None:
    """Write down what was entered. Nothing that is there is changed."""
    values: dict[str, Any] = asdict(what)
    session.execute(insert(ROWS[type(what)]).values(**values, entered_at=datetime.now(UTC)))


def list_entries(session: Session, kind: type[Entered]) -> Sequence[Entry[Entered]]:
    """Return all that was entered of one kind (`EnteredTerms`, `Bill` or `Labour`), in the order of its entering."""
    row: Any = ROWS[kind]
    names = [field.name for field in fields(kind)]
    found = session.execute(
        select(row.id, row.entered_at, *(getattr(row, name) for name in names)).order_by(row.id)
    )
    return [Entry(id_, entered_at, kind(*values)) for id_, entered_at, *values in found]


def list_kinds_used(session: Session) -> list[str]:
    """Return the kinds of machines that runs have used."""
    return list(
        session.execute(select(InfrastructureRow.kind).distinct().order_by(InfrastructureRow.kind)).scalars()
    )
