"""Publishing: the registered parts become the partition, under the lease, in one rename."""

import logging
from dataclasses import replace
from pathlib import Path

from db import leases, partitions, runs
from db.quarantine import by_reason
from models.errors import OutputError
from models.run import RunResult, RunState
from tasks.planning.run_plan import Plan
from tasks.run.infer import Inferred
from tasks.runtime.ledger_access import with_patience
from tasks.runtime.stop_signals import StopNow, StopRequest, stop_on_signals
from tasks.storage.merge_parts import publish as merge
from tasks.storage.part_files import remove_parts

log = logging.getLogger(__name__)


def publish(plan: Plan, inferred: Inferred) -> RunResult:
    """Publish the partition and close the run.

    The lease is renewed inside the transaction that publishes (it fences: a run that lost it raises
    `LeaseLost` and renames nothing). A crash between the rename and the commit does no harm: the next
    run finds all parts registered and publishes the same files again. Raises `Interrupted` for a stop signal
    before the rename; a later one is left to the caller.
    """
    with stop_on_signals() as stop:
        try:
            return _publish(plan, inferred, stop)
        except StopNow:
            left = "all records are committed, the same command publishes them"
            raise stop.interrupted(left) from None


def _publish(plan: Plan, inferred: Inferred, stop: StopRequest) -> RunResult:
    paths = plan.registered_parts()

    def write() -> tuple[Path, int, int, dict[str, int]]:
        with plan.sessions.begin() as session:
            before = partitions.find_published(session, plan.workload.name, plan.partition, plan.purpose)
            if before is not None and before.id == plan.version_id:
                # the connection broke after the commit had taken place, and the lease is free already
                counts = (before.records or 0, before.quarantined or 0)
                return Path(before.output_path or ""), *counts, by_reason(session, before.id)
            leases.renew(session, plan.lease, plan.settings.lease_seconds)
            fingerprint = partitions.get(session, plan.version_id).fingerprint
            with stop.at_once():
                done = merge(
                    paths,
                    plan.target,
                    plan.workload.output,
                    {"vllm": plan.model, "openai": plan.settings.api_model},
                    plan.workload.prompt_version,
                    fingerprint,
                )
            partitions.publish(
                session, plan.version_id, str(done.path), done.records, done.quarantined, done.input_digest
            )
            runs.finish(session, plan.keys.run_id, "completed")
            leases.release(session, plan.lease)
            return done.path, done.records, done.quarantined, by_reason(session, plan.version_id)

    output, records, quarantined, reasons = with_patience(plan.settings.database_patience_seconds, write)
    try:
        remove_parts(paths)
    except OutputError as error:  # the partition is published; the next run of it removes them
        log.warning("parts of a published partition were left behind: %s", error)
    ended = result_of(plan, inferred, "completed", records, quarantined, output=str(output))
    return replace(ended, reasons=reasons)


def wait(plan: Plan, inferred: Inferred) -> RunResult:
    """Close a run of which records wait: they are kept, counted by reason, and taken up by a later run."""

    def write() -> None:
        with plan.sessions.begin() as session:
            if runs.run_keys(session, plan.keys.run_id).state == "waiting":
                return  # the connection broke after the commit had taken place
            leases.renew(session, plan.lease, plan.settings.lease_seconds)
            if plan.input_read:
                partitions.set_input_read(session, plan.version_id)
            runs.wait(session, plan.keys.run_id, inferred.waiting)
            leases.release(session, plan.lease)

    with_patience(plan.settings.database_patience_seconds, write)
    totals = inferred.totals
    return result_of(plan, inferred, "waiting", totals.published, totals.quarantined)


def result_of(
    plan: Plan,
    inferred: Inferred,
    state: RunState,
    records: int,
    quarantined: int,
    output: str | None = None,
) -> RunResult:
    """Say what a run came to."""
    totals = inferred.totals
    return RunResult(
        plan.workload.name,
        plan.partition,
        state,
        run_id=plan.keys.run_id,
        output=output,
        records=records + quarantined,
        published=records,
        quarantined=quarantined,
        reused=totals.reused,
        input_tokens=totals.input_tokens,
        cached_tokens=totals.cached_tokens,
        output_tokens=totals.output_tokens,
        gpu_ns=inferred.gpu_ns,
        cost_nano=inferred.cost_nano,
        counterfactual_nano=totals.counterfactual_nano,
        escalated=totals.escalated,
        api_cost_nano=totals.api_cost_nano,
        waiting=dict(inferred.waiting),
        carried=totals.carried,
        reasons=dict(totals.reasons),
        requests=totals.requests,
    )
