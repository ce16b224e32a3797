"""Whether the small model is good enough for each workload, and what that rests on: labels, else audits by the API or by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from db import audits, evaluations
from models.economics.month import Viability, ViabilityBasis
from models.evaluation.audit_counts import AuditCount
from models.evaluation.audited import judge_audits
from models.evaluation.figures import KEEP
from models.months import days_in, months_later

MONTHS = 3
"""How many months of audits say it: the report's, and those before it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a workload's small model, and what it rests on; both None: nothing is."""

    viability: Viability | None
    basis: ViabilityBasis | None


NOT_JUDGED = Judged(None, None)


def find_judgements(session: Session, month: date) -> Mapping[str, Judged]:
    """Return by workload what its newest evaluation says; where there is none, what audits of the model and prompt in force say.

    Of audits those count of whoever looked at more records, the API or people. Audits that decide nothing say nothing. Workloads without a word
    are missing.
    """
    said: dict[str, Judged] = {}
    counts = audits.count_months(session, until=month.replace(day=days_in(month)), in_force=True)
    recent = [one for one in counts if one.month > months_later(month, -MONTHS)]
    for name in {one.workload for one in recent}:
        basis, counted = _most([one for one in recent if one.workload == name])
        viability = judge_audits(counted, KEEP)
        if viability in {"viable", "not_viable"}:
            said[name] = Judged(viability, basis)
    by_labels = evaluations.find_viability(session)
    return said | {name: Judged(viability, "labels") for name, viability in by_labels.items()}


def _most(counts: Sequence[AuditCount]) -> tuple[ViabilityBasis, list[AuditCount]]:
    """Return the counts of whoever looked at more records, people if as many: a record that both saw counts once."""
    people, api = ([one for one in counts if one.judge == judge] for judge in ("people", "api"))
    more = sum(one.audited for one in people) >= sum(one.audited for one in api)
    return ("people", people) if more else ("audits", api)
