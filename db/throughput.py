"""What earlier runs tell of the next one: tokens and GPU time of completed runs, load times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from db.tables import DailyUsageRow as Usage
from db.tables import InfrastructureRow, ModelRow, PromptRow, RunRow
from models.economics.throughput import RunFigures
from models.gpu_time import GpuTime
from models.run import PRODUCTION

RUNS = 10
RECORDS = 200_000
"""Runs that are looked at, the newest first; fewer where so many records are reached before."""
SERVED = ("ok", "invalid_output")
"""Outcomes of attempts whose answer was taken, so that the line has its counterfactual tokens."""
_ALONE = RunRow.engine != "classifier"
"""The time of a run with a classifier is that of two models, and tells of neither."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What earlier runs must share with a request to count for it. `machine` is the kind of infrastructure, whatever its rate.

    `workload`, `prompt_fingerprint` None: runs of any workload, with any prompt. `trained`: runs in which a classifier or a triage was
    asked first, instead of those without.
    """

    workload: str | None
    prompt_fingerprint: str | None
    model: str
    machine: str
    api_model: str
    trained: bool = False


def list_earlier_runs(
    session: Session, like: HistoryFilter, *, any_machine: bool = False, limit: int = RUNS
) -> list[RunFigures]:
    """Return the figures of the newest completed runs of this prompt and model on this machine, the newest first.

    Their tokens are those of the rollup, which tells an API's attempts from the local engine's and stays when
    lines are archived. `any_machine`: on whatever machine, and by whichever engine, for figures that depend on neither.
    """
    found = session.execute(_runs(like, any_machine=any_machine).limit(limit)).all()
    chosen: list[Row[Any]] = []
    for run in found:
        chosen.append(run)
        if sum(one.records for one in chosen) >= RECORDS:
            break
    figures = {run.id: RunFigures(0, 0, 0, 0, GpuTime(*run[2:]), records=run.records) for run in chosen}
    for row in session.execute(_lines(list(figures), like)) if figures else ():
        figures[row.run_id] = _with(figures[row.run_id], row)
    return list(figures.values())


def list_load_times(session: Session, model: str, machine: str, limit: int = RUNS) -> list[int]:
    """Return how long the newest loads of a model on a machine took, nanoseconds, whatever the run was."""
    statement = (
        select(RunRow.load_ns)
        .join(ModelRow, ModelRow.id == RunRow.model_id)
        .join(InfrastructureRow, InfrastructureRow.id == RunRow.infrastructure_id)
        .where(ModelRow.name == model, InfrastructureRow.kind == machine, RunRow.load_ns > 0)
        .where(RunRow.state == "completed", RunRow.purpose == PRODUCTION, _ALONE)
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
    )
    return list(session.execute(statement.limit(limit)).scalars())


def _runs(like: HistoryFilter, *, any_machine: bool) -> Select[Any]:
    statement = (
        select(RunRow.id, RunRow.records, RunRow.load_ns, RunRow.busy_ns, RunRow.idle_ns)
        .join(PromptRow, PromptRow.id == RunRow.prompt_id)
        .join(ModelRow, ModelRow.id == RunRow.model_id)
        .where(ModelRow.name == like.model, RunRow.state == "completed", RunRow.records > 0)
        .where(RunRow.purpose == PRODUCTION)
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
    )
    if like.workload is not None:
        statement = statement.where(PromptRow.workload == like.workload)
    if like.prompt_fingerprint is not None:
        statement = statement.where(PromptRow.fingerprint == like.prompt_fingerprint)
    if any_machine:
        return statement
    return statement.join(InfrastructureRow, InfrastructureRow.id == RunRow.infrastructure_id).where(
        InfrastructureRow.kind == like.machine, RunRow.busy_ns > 0, ~_ALONE if like.trained else _ALONE
    )


def _lines(run_ids: Sequence[UUID], like: HistoryFilter) -> Select[Any]:
    # of an API, attempts of this model whose tokens are known
    api = and_(Usage.engine == "openai", ModelRow.name == like.api_model, Usage.known_tokens > 0)
    lines = case((Usage.engine == "openai", Usage.known_tokens), else_=Usage.attempts)
    return (
        select(
            Usage.run_id,
            Usage.engine,
            Usage.outcome,
            func.sum(lines).label("lines"),
            func.sum(Usage.input_tokens).label("input_tokens"),
            func.sum(Usage.cached_tokens).label("cached_tokens"),
            func.sum(Usage.output_tokens).label("output_tokens"),
            func.sum(Usage.counterfactual_output_tokens).label("counterfactual"),
        )
        .join(ModelRow, ModelRow.id == Usage.model_id)
        .where(Usage.run_id.in_(run_ids), or_(Usage.engine == "vllm", api))
        .group_by(Usage.run_id, Usage.engine, Usage.outcome)
    )


def _with(figures: RunFigures, row: Row[Any]) -> RunFigures:
    """Add the lines of one engine and outcome to a run's figures."""
    served = row.outcome in SERVED
    if row.engine == "openai":
        if not served:
            return figures
        return replace(
            figures,
            api_requests=figures.api_requests + int(row.lines),
            api_output_tokens=figures.api_output_tokens + int(row.output_tokens),
        )
    return replace(
        figures,
        requests=figures.requests + int(row.lines),
        input_tokens=figures.input_tokens + int(row.input_tokens),
        cached_tokens=figures.cached_tokens + int(row.cached_tokens),
        output_tokens=figures.output_tokens + int(row.output_tokens),
        estimated_requests=figures.estimated_requests + int(row.lines) * served,
        estimated_output_tokens=figures.estimated_output_tokens + int(row.counterfactual) * served,
    )
