"""One flow a workload. The entrypoint of the workload NAME is `flows.workloads:NAME`.

The flows are made by name, so that a workload that a file defines has its flow without an edit here (docs/decisions/0004-flows-from-the-registry.md).
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import cache

from prefect import Flow, State, flow, get_run_logger, runtime

from flows.dates import choose_partition, run_name
from flows.environment import read_settings
from flows.final_state import final_state
from flows.shard_helpers import ask_workers, count_takers
from models import workloads
from models.errors import BreakevenError
from models.records import EngineReason
from models.run import RunResult
from models.settings import Settings
from models.settings.worker_number import ShardNumber
from tasks.audit.after_run import audit_published
from tasks.display.prefect_artifacts import artifact_key, progress_artifact, publish_cost_table
from tasks.display.quarantine_text import quarantine_lines
from tasks.display.run_rows import cost_row
from tasks.planning.request import EngineChoice, RunRequest
from tasks.planning.workers import workers_counted_by
from tasks.run.helpers import helpers_from
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import after_engine, shared_engine

RunPartition = Callable[[RunRequest, Settings], RunResult]
"""What a workload's flow calls for the work itself: `tasks.run.run_partition.run_request`."""
WorkloadFlow = Flow[..., RunResult | State[BreakevenError]]


def run_and_show(request: RunRequest, run: RunPartition) -> RunResult:
    """Run a partition, show its progress, and what it came to; its audit follows when the engine is let go."""
    workload, settings = request.workload, read_settings()
    with (
        progress_artifact(artifact_key(workload, "progress")),
        helpers_from(ask_workers(settings)),
        workers_counted_by(lambda: count_takers(workload, settings)),
        shared_engine(settings, workloads=[workload]),
    ):
        result = run(request, settings)
        after_engine(lambda: audit_published(result, request, settings))
    for line in quarantine_lines([result]):
        get_run_logger().info(line)
    key = artifact_key(workload, "cost")
    publish_cost_table(key, [cost_row(result)], f"Tokens and cost of {workload} {result.partition}")
    return result


def build(workload: str, run: RunPartition = run_request) -> WorkloadFlow:
    """Make the flow of one workload. Its runs are named by workload and partition."""

    def name_of_run() -> str:
        return run_name(workload, runtime.flow_run.parameters)

    @flow(
        name=workload,
        flow_run_name=name_of_run,
        description=f"{describe(workload)} One run answers one partition and publishes it.",
    )
    def run_workload(  # noqa: PLR0913, PLR0917  what a user can ask for, by name
        partition: date | None = None,
        input: str | None = None,  # noqa: A002  the word that users know it by
        where: str | None = None,
        limit: int | None = None,
        rerun: bool = False,
        engine: EngineChoice = "vllm",
        refresh: bool = False,
        expected: str | None = None,
        retry_quarantined: bool = False,
        reasons: list[EngineReason] | None = None,
        shards: ShardNumber | None = None,
        shard: int | None = None,
    ) -> RunResult | State[BreakevenError]:
        """Run a workload over one partition.

        Args:
            partition: The UTC date of the records, YYYY-MM-DD. Default: yesterday, as of when the run was due.
            input: File, folder with date=YYYY-MM-DD, glob or object-store URL. Default: the workload's setting.
            where: SQL condition on the input's columns, such as "source in ('abt', 'flipkart')".
            limit: Take only so many records, the first of the partition.
            rerun: Infer all of a published partition again, and replace it.
            engine: vllm: the local model, and the API where the policy says so. openai: the API answers every record.
            refresh: Of a published partition, infer only the records that are new or changed since.
            expected: The fingerprint that a backfill was quoted for; where it is another by now, the run is refused.
            retry_quarantined: Of a published partition, ask again for the records that were set aside, where that can help.
            reasons: With retry_quarantined, ask for the records that were set aside for these reasons.
            shards: Cut the partition into so many shards, which several workers answer at once; auto: where that is clearly faster. Default: the workload's setting.
            shard: Take part in a partition that another run has cut, with this shard first. For the flow itself.
        """
        try:
            day = choose_partition(partition)
            request = RunRequest(
                workload,
                day,
                input,
                where,
                limit,
                rerun,
                engine,
                refresh,
                expected=expected,
                retry_quarantined=retry_quarantined,
                reasons=reasons or (),
                shards=shards,
                shard=shard,
            )
            return run_and_show(request, run)
        except BreakevenError as error:
            return final_state(error)

    return run_workload


def describe(workload: str) -> str:
    """Say what a workload does; what is wrong with its settings is said by its run."""
    try:
        return workloads.description(workload, read_settings())
    except BreakevenError:
        return f"The workload {workload}."


@cache
def workload_flow(workload: str) -> WorkloadFlow:
    """Return the flow of a workload; the same object every time."""
    return build(workload)


def __getattr__(name: str) -> WorkloadFlow:
    """Make each workload's flow an attribute of this module. Where the settings cannot be read, a run says why."""
    known = not name.startswith("_")
    if known:
        with suppress(BreakevenError):
            known = name in workloads.names(read_settings())
    if not known:
        msg = f"module {__name__!r} has no attribute {name!r}: no such workload"
        raise AttributeError(msg)
    return workload_flow(name)
