"""What audits found of the local model's answers, record by record, for those who learn from its errors."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import AuditRow as Row
from db.tables import ModelRow, PromptRow
from models.evaluation.audit_counts import Judge


def list_audited_small(
    session: Session, workload: str, model: str, prompt: str
) -> list[tuple[date, str, Judge, bool]]:
    """Return the judged records that the local model of this name served under the prompt of this fingerprint: partition, record key, judge, and whether it agrees.

    Those that people left open (skipped, or tied) are not among them: nothing is known of these.
    """
    rows = session.execute(
        select(Row.partition, Row.record_key, Row.judge, Row.agrees)
        .join(ModelRow, ModelRow.id == Row.model_id)
        .join(PromptRow, PromptRow.id == Row.prompt_id)
        .where(
            Row.workload == workload,
            Row.engine == "vllm",
            ModelRow.name == model,
            PromptRow.fingerprint == prompt,
            Row.agrees.is_not(None),
        )
        .order_by(Row.partition.desc(), Row.record_key, Row.judge)
    )
    return [(day, key, judge, bool(agrees)) for day, key, judge, agrees in rows]
