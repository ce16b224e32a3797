"""What was found of a partition's records, as rows of audits."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from db import reference
from db.audits import AuditedRecord, ServingRun
from models.evaluation.audit_counts import Judge
from tasks.audit.draw import ServedRecord
from tasks.planning.start_run import CLASSIFIER_PROVIDER


def audited_records(
    session: Session,
    run: ServingRun,
    audited_by: UUID,
    served: Mapping[str, ServedRecord],
    agreeing: Mapping[str, bool | None],
    judge: Judge,
) -> list[AuditedRecord]:
    """Return a row for each record of `agreeing`, which `run` published; `audited_by` is the run that the rows name."""
    rows = []
    for key, same in sorted(agreeing.items()):
        one = served[key]
        model_id = (
            reference.ensure_model(session, CLASSIFIER_PROVIDER, one.model)
            if one.engine == "classifier"
            else run.model_id
        )
        rows.append(AuditedRecord(key, one.engine, model_id, run.prompt_id, audited_by, same, judge))
    return rows
