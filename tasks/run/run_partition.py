"""One run of one partition: prepare, infer, publish."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from models.errors import BreakevenError, EngineError, Interrupted
from models.run import PRODUCTION, Purpose, RunResult
from models.settings import Settings
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.resume_run import resume_run
from tasks.planning.start_run import prepare
from tasks.run.closing import close_on_failure
from tasks.run.collect import collect
from tasks.run.infer import Inferred, infer
from tasks.run.publish import publish, wait
from tasks.run.scratch import open_scratch
from tasks.run.shards import answer_in_shards, take_part
from tasks.runtime.flow_run import as_task
from tasks.runtime.leased_ledger import hold_lease
from tasks.runtime.shared_engine import shared_engine
from tasks.runtime.stop_signals import stop_on_signals


def run_request(request: RunRequest, settings: Settings) -> RunResult:
    """Run one workload over one partition and publish it.

    A published partition is left alone, unless it is asked for again: all of it (`rerun`), or only what is
    new or changed in its input (`refresh`). What a killed run had committed is not done again. Raises the errors of `models.errors`; whatever
    had finished by then is committed, and the run's row says how it ended. A request for a shard takes part in what another run coordinates.
    """
    with defer_stop(request.workload, request.partition):
        return _run(request, settings) if request.shard is None else take_part(request, settings)


def _run(request: RunRequest, settings: Settings) -> RunResult:
    run = as_task(prepare)(request, settings)
    if isinstance(run, RunResult):
        return run
    with close_on_failure(run), shared_engine(settings, workloads=[request.workload]) as shared:
        if run.shards > 1:
            return publish_or_wait(run, answer_in_shards(run, request, settings, shared))
        try:
            with hold_lease(run.version.ledger) as lost, open_scratch(run) as scratch:
                inferred = as_task(infer)(run, scratch, shared, lost)
        except EngineError:
            shared.discard()
            raise
        return publish_or_wait(run, inferred)


def collect_partition(
    workload: str, partition: date, *, settings: Settings, purpose: Purpose = PRODUCTION
) -> RunResult:
    """Take up what waits of one partition; publish it if nothing waits any more.

    Raises the errors of `models.errors`; what was collected by then is committed.
    """
    with defer_stop(workload, partition):
        run = as_task(resume_run)(workload, partition, settings, purpose)
        if run is None:
            return RunResult(workload, partition, "skipped")
        with close_on_failure(run):
            with hold_lease(run.version.ledger) as lost, open_scratch(run) as scratch:
                collected = as_task(collect)(run, scratch, lost)
            return publish_or_wait(run, collected)


@contextmanager
def defer_stop(workload: str, partition: date) -> Iterator[None]:
    """Let the steps of a run decide when a stop signal ends it, so that it never breaks into Prefect's own work.

    Raises `Interrupted` for a signal that came when the run could no longer be stopped, or where the run failed
    after it: who runs several partitions would otherwise go on with the next one.
    """
    with stop_on_signals() as stop:
        try:
            yield
        except Interrupted:
            raise
        except BreakevenError as error:
            if stop():
                raise stop.interrupted(str(error)) from error
            raise
        if stop():
            left = f"the run of {workload} {partition} had ended by then"
            raise stop.interrupted(left)


def publish_or_wait(run: OpenRun, inferred: Inferred) -> RunResult:
    """Publish the partition, or let the run wait for what is left."""
    if inferred.waiting or not run.input_read:
        return as_task(wait)(run, inferred)
    return as_task(publish)(run, inferred)
