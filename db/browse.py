"""What a page over the ledger asks of the rollup: names to choose from, what is in doubt, how many lines match."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.browse_filters import Filters, match_purpose, match_usage
from db.routes import route_text
from db.rows import to_dollars
from db.tables import DailyUsageRow as Usage
from db.tables import InfrastructureRow, ModelRow, PromptRow, RunRow
from models.economics.pricing import nano_to_usd

IN_DOUBT = ("pending", "unknown_outcome")
"""Outcomes whose lines count with the most that they can have cost."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How many lines match: those that are here, and those that were archived to files."""

    here: int
    archived: int


@dataclass(frozen=True, slots=True)
class Choices:
    """Names that lines carry, sorted, and the first and last UTC day that has lines (None: there are no lines)."""

    workloads: list[str]
    engines: list[str]
    models: list[str]
    routes: list[str]
    outcomes: list[str]
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Doubts:
    """What sums over some lines should not be read without.

    `in_doubt` lines are pending or of unknown outcome, and stand in every sum with `at_most_usd`, the most
    they can have cost. `estimated` lines hold an estimate; `unknown_*` lines do not know a cost, and
    `known_*_usd` is the sum over those that do.
    """

    in_doubt: int
    at_most_usd: Decimal
    estimated: int
    unknown_cost: int
    unknown_counterfactual: int
    known_cost_usd: Decimal
    known_counterfactual_usd: Decimal


def list_choices(session: Session, purpose: str | None = None) -> Choices:
    """Return what the lines of a purpose (None: all), archived ones too, can be told apart by."""
    rows = session.execute(
        select(
            PromptRow.workload,
            ModelRow.name,
            Usage.requested,
            Usage.engine,
            Usage.reason,
            Usage.outcome,
            func.min(Usage.day).label("first_day"),
            func.max(Usage.day).label("last_day"),
        )
        .join(PromptRow, PromptRow.id == Usage.prompt_id)
        .join(ModelRow, ModelRow.id == Usage.model_id)
        .where(Usage.attempts > 0, *match_purpose(purpose))
        .group_by(
            PromptRow.workload, ModelRow.name, Usage.requested, Usage.engine, Usage.reason, Usage.outcome
        )
    ).all()
    return Choices(
        workloads=sorted({row.workload for row in rows}),
        engines=sorted({row.engine for row in rows}),
        models=sorted({row.name for row in rows}),
        routes=sorted({route_text(row.requested, row.engine, row.reason) for row in rows}),
        outcomes=sorted({row.outcome for row in rows}),
        first_day=min((row.first_day for row in rows), default=None),
        last_day=max((row.last_day for row in rows), default=None),
    )


def sum_doubts(session: Session, filters: Filters) -> Doubts:
    """Count the matching lines, archived ones too, of which a figure is an upper bound, estimated or unknown."""
    unsettled = Usage.outcome.in_(IN_DOUBT)
    row = session.execute(
        select(
            func.sum(case((unsettled, Usage.attempts), else_=0)),
            func.sum(case((unsettled, Usage.cost_nano), else_=0)),
            func.sum(Usage.estimated),
            func.sum(Usage.unknown_cost),
            func.sum(Usage.unknown_counterfactual),
            func.sum(Usage.cost_nano),
            func.sum(Usage.counterfactual_nano),
        ).where(*match_usage(filters))
    ).one()
    in_doubt, at_most, estimated, no_cost, no_counterfactual, cost, there = (int(n or 0) for n in row)
    return Doubts(
        in_doubt,
        nano_to_usd(at_most),
        estimated,
        no_cost,
        no_counterfactual,
        nano_to_usd(cost),
        nano_to_usd(there),
    )


def count_matching(session: Session, filters: Filters) -> Matching:
    """Count the lines that match, by the rollup."""
    rows = session.execute(
        select(RunRow.archive_id.is_not(None).label("archived"), func.sum(Usage.attempts).label("attempts"))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(*match_usage(filters))
        .group_by(RunRow.archive_id.is_not(None))
    )
    counts = {bool(row.archived): int(row.attempts or 0) for row in rows}
    return Matching(counts.get(False, 0), counts.get(True, 0))


def list_machines(session: Session) -> list[dict[str, object]]:
    """Return every machine at every rate that runs were charged at, the newest rate first."""
    rows = session.execute(
        select(InfrastructureRow.__table__).order_by(
            InfrastructureRow.kind, InfrastructureRow.effective_from.desc(), InfrastructureRow.id.desc()
        )
    ).mappings()
    return [{**row, "usd_per_hour": to_dollars(row["nano_usd_per_hour"])} for row in rows]
