"""The lines that answered the records of a partition: which engine, how many tokens, at what cost."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import LedgerLineRow as Line
from db.tables import ModelRow, RunRow
from models.run import Purpose


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """The newest line of a record. Tokens are None where no engine reported any, cost is nano-dollars."""

    engine: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost_nano: int | None


def list_answer_lines(
    session: Session, workload: str, partition: date, purpose: Purpose
) -> dict[str, AnswerLine]:
    """Return the newest line of each record of a partition, whichever of its runs wrote it; not those that were archived."""
    rows = session.execute(
        select(
            Line.record_key,
            Line.engine,
            ModelRow.name,
            Line.input_tokens,
            Line.output_tokens,
            Line.cost_nano,
        )
        .join(RunRow, RunRow.id == Line.run_id)
        .join(ModelRow, ModelRow.id == Line.model_id)
        .where(RunRow.workload == workload, RunRow.partition == partition, RunRow.purpose == purpose)
        .order_by(Line.at, Line.id)
    )
    return {row[0]: AnswerLine(*row[1:]) for row in rows}
