"""Which partitions of a range are to be run, and with what: found before anything is changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from db import partitions, run_queries
from db.partitions import PartitionVersion
from models import workloads
from models.backfill import Action, PartitionOutcome, Step
from models.economics.quote import Quote
from models.errors import InputError
from models.routing.rules import row_condition
from models.run import RunResult, RunState
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.backfill.replaced import find_replaced
from tasks.backfill.request import BackfillRequest
from tasks.planning.checks import Checked, check, fingerprint_of
from tasks.planning.late_data import is_unchanged
from tasks.planning.model_end import warn_of_model_end
from tasks.planning.request import RunRequest
from tasks.planning.retry import any_to_retry
from tasks.reading import Source
from tasks.reading.dates import partitions_between
from tasks.reading.input_cache import InputCache
from tasks.runtime.ledger_access import ledger_if_any, with_patience

Found = TypeVar("Found")


def survey(ask: BackfillRequest, settings: Settings) -> list[Step]:
    """Say for each partition of the range that the input has what is to be done. Changes nothing but the output folder, which is made.

    Raises `UsageError` and `InputError` in one line: an unknown workload, no input, no date column, a range
    without a record, an output folder that cannot be written.
    """
    found = dates_of(ask, settings)
    with ledger_if_any(settings, update=True) as session:
        return [
            step
            for partition in found
            if (step := _step(ask.of_partition(partition), settings, session)) is not None
        ]


def dates_of(ask: BackfillRequest, settings: Settings) -> list[date]:
    """Return the dates of the range of which the input holds a record."""
    workload = workloads.build(ask.workload, settings)
    source = Source.of(
        workload.settings,
        workload.text_columns,
        workload=workload.name,
        location=ask.input,
        where=ask.where,
        complex_where=row_condition(workload.routing),
        cache=InputCache.of(settings),
    )
    found = partitions_between(source, ask.range.first, ask.range.last)
    if not found:
        msg = f"{source.name} holds no record from {ask.range.first} to {ask.range.last}"
        raise InputError(msg)
    return found


def look_again(ask: BackfillRequest, step: Step, settings: Settings) -> Step | None:
    """Say what is to be done for a step now, None if nothing any more. Waits for a database that is away.

    Another backfill may have replaced it since the survey: to run it would pay for the same twice. What
    else somebody has done meanwhile, the run itself finds out. Raises `DatabaseUnavailable` when patience ends.
    """

    def look(session: Session | None) -> Step | None:
        if ask.rerun or step.action != "replace":
            return step
        now = _step(ask.of_partition(step.partition), settings, session)
        return None if now is None or now.action == "nothing" else now

    return _look_up(settings, look)


def _look_up(settings: Settings, look: Callable[[Session | None], Found]) -> Found:
    """Look something up, again while the database is away. Raises `DatabaseUnavailable` when patience ends."""

    def read() -> Found:
        with ledger_if_any(settings, update=True) as session:
            return look(session)

    return with_patience(settings.database_patience_seconds, read)


def _step(request: RunRequest, settings: Settings, session: Session | None) -> Step | None:
    checked = check(request, settings)
    if isinstance(checked, RunResult):  # its rows were deleted since the dates were read
        return None
    if session is None:
        return Step(request.partition, "run", fingerprint_of(checked))
    count = run_queries.count_runs(session, checked.workload.name, request.partition)
    version = partitions.find_published(session, request.workload, request.partition)
    action, fingerprint = _action(checked, version), fingerprint_of(checked)
    changed = action == "replace" and version is not None and version.fingerprint != fingerprint
    why = find_replaced(checked, version, session) if changed and version is not None else None
    return Step(request.partition, action, fingerprint, count, why)


def _action(checked: Checked, version: PartitionVersion | None) -> Action:
    if checked.request.retry_quarantined:
        same = version is not None and version.fingerprint == fingerprint_of(checked)
        found = version is not None and same and any_to_retry(version, checked.request.reasons)
        return "retry" if found else "nothing"
    if version is None:
        return "run"
    if checked.request.rerun or version.fingerprint != fingerprint_of(checked):
        return "replace"
    return "nothing" if is_unchanged(checked, version) else "refresh"


QUOTE_COLUMNS = (
    *("partition", "records", "requests", "input_tokens", "output_tokens", "gpu_hours", "gpu_usd"),
    *("api_usd", "batch_usd", "basis"),
)
QUOTE_SPARE = ("requests", "basis", "batch_usd", "input_tokens")
"""What the table of a quote can miss where it would be too wide, the first to go first."""


def quote(ask: BackfillRequest, steps: Sequence[Step], settings: Settings, loads: int = 1) -> Quote:
    """Quote the steps of a backfill.

    `loads`: how often the engine is loaded for all of them: once in one process, each time on workers.
    """
    warn_of_model_end(settings)
    return Quote.of((quote_partition(ask.of_step(step), settings) for step in steps), loads)


@dataclass(frozen=True, slots=True)
class KnownRun:
    """What the ledger knows of a run: the flow run that it is part of, if any, whether it is over, and how it ended.

    `outcome` of one that is not over is what it has come to so far.
    """

    run_id: UUID
    flow_run_id: str | None
    over: bool
    outcome: PartitionOutcome


def newest_run(
    settings: Settings, workload: str, partition: date, flow_run_id: str | None = None
) -> KnownRun | None:
    """Read what the ledger knows of a partition's newest run (of one flow run, if that is given).

    Waits for a database that is away. Raises `DatabaseUnavailable` when patience ends.
    """

    def look(session: Session | None) -> KnownRun | None:
        found = (
            None if session is None else run_queries.find_newest(session, workload, partition, flow_run_id)
        )
        if session is None or found is None:
            return None
        return KnownRun(found.id, found.flow_run_id, found.state != "running", _outcome(session, found))

    return _look_up(settings, look)


def _outcome(session: Session, run: run_queries.RunTotals) -> PartitionOutcome:
    states: dict[str, RunState] = {"completed": "completed", "waiting": "waiting"}
    result = RunResult(
        run.workload,
        run.partition,
        states.get(run.state, "completed"),
        run_id=run.id,
        output=run.output_path,
        records=run.records,
        published=run.published,
        quarantined=run.quarantined,
        reused=run.reused,
        input_tokens=run.input_tokens,
        cached_tokens=run.cached_tokens,
        output_tokens=run.output_tokens,
        gpu_ns=run.gpu_ns,
        cost_nano=run.cost_nano,
        counterfactual_nano=run.counterfactual_nano,
        escalated=run.escalated,
        api_cost_nano=run.api_cost_nano,
        waiting=run_queries.count_waiting(session, run.id),
        carried=run.carried,
        reasons=run_queries.count_quarantined(session, run.id),
        requests=run_queries.count_requests(session, run.id),
    )
    if run.state in states:
        return PartitionOutcome.of(result)
    error = run.error or f"its run is {run.state}"
    return PartitionOutcome(run.workload, run.partition, "failed", result, error)
