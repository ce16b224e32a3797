"""Publishing: the registered parts become the partition, under the lease, in one rename."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from db import partitions, runs
from db.published_prompts import find_classifier
from db.quarantine import count_by_reason
from models.default_model import model_name
from models.errors import OutputError
from models.run import PRODUCTION, RunResult, RunState
from tasks.planning.input_facts import is_dateless
from tasks.planning.open_run import OpenRun
from tasks.planning.quarantine_share import QuarantineLimit
from tasks.run.infer import Inferred
from tasks.runtime.stop_signals import StopNow, StopRequest, stop_on_signals
from tasks.storage.merge_parts import Published
from tasks.storage.merge_parts import publish as merge
from tasks.storage.output_folders import output_folder, remove_folders
from tasks.storage.part_files import remove_parts
from tasks.storage.set_aside_rows import count_set_aside

log = logging.getLogger(__name__)


def publish(run: OpenRun, inferred: Inferred) -> RunResult:
    """Publish the partition and close the run.

    The lease is renewed inside the transaction that publishes (it fences: a run that lost it raises
    `LeaseLost` and renames nothing). A crash between the rename and the commit does no harm: the next
    run finds all parts registered and publishes the same files again. Raises `Interrupted` for a stop signal
    before the rename; a later one is left to the caller. Raises `LedgerLost` where the ledger does not tell what the run wrote.
    """
    with stop_on_signals() as stop:
        try:
            return _publish(run, inferred, stop)
        except StopNow:
            left = "all records are committed, the same command publishes them"
            raise stop.interrupted(left) from None


def _publish(run: OpenRun, inferred: Inferred, stop: StopRequest) -> RunResult:
    version, workload, settings = run.version, run.workload, run.settings
    paths = version.registered_parts()
    target = output_folder(settings.output_dir, version.workload, version.partition, version.purpose)
    if version.purpose == PRODUCTION:
        _check_share(run, paths)

    def write(session: Session) -> tuple[Published, dict[str, int]]:
        fingerprint = partitions.get(session, version.id).fingerprint
        models = {
            "classifier": find_classifier(session, version.id) or "",
            "vllm": model_name(settings),
            "openai": settings.api_model,
        }
        with stop.at_once():
            merged = merge(
                paths,
                target,
                workload.output,
                models,
                workload.prompt_version,
                fingerprint,
                settings.group_access,
                workload.local_prompt.version,
            )
        partitions.publish(
            session, version.id, str(merged.path), merged.records, merged.quarantined, merged.input_digest
        )
        runs.finish(session, run.keys.run_id, "completed")
        return merged, count_by_reason(session, version.id)

    def already(session: Session) -> tuple[Published, dict[str, int]] | None:
        found = partitions.get(session, version.id)
        if found.state != "published":
            return None
        path, counts = Path(found.output_path or ""), (found.records or 0, found.quarantined or 0)
        return Published(*counts, path, None, found.input_digest), count_by_reason(session, version.id)

    version.ledger.verify(run.keys.run_id, version.id, len(paths))
    done, reasons = version.ledger.write(write, already, release=True)
    version.ledger.verify(run.keys.run_id, version.id, len(paths), published=True)
    try:
        remove_parts([*paths, *(run.input.begun if run.input is not None else ())])
    except OutputError as error:  # the partition is published; the next run of it removes them
        log.warning("parts of a published partition were left behind: %s", error)
    if any(path.parent != version.folder for path in paths):  # and the folders of shards
        remove_folders([version.folder])
    ended = result_of(run, inferred, "completed", done.records, done.quarantined, output=str(done.path))
    return replace(ended, reasons=reasons)


def _check_share(run: OpenRun, paths: Sequence[Path]) -> None:
    """See that few enough records were set aside, by reading or by an engine. Raises `TooManyQuarantined`."""
    version, found = run.version, count_set_aside(paths)
    if not found.aside:
        return

    def published(session: Session) -> tuple[partitions.PartitionVersion | None, bool]:
        own = partitions.get(session, version.id)
        before = partitions.find_published(session, version.workload, version.partition, version.purpose)
        return before, partitions.is_refresh(session, own)

    one_day = run.input is not None and run.input.reader.timestamp_column is None
    dateless = sum(count for (why, column), count in found.aside.items() if is_dateless(why, column))
    left_out = 0 if one_day else dateless
    limit = QuarantineLimit(
        run.settings, version.workload, str(version.partition), *version.ledger.read(published)
    )
    limit.check_answers(found.aside.total() - left_out, found.rows - left_out, found.reasons)


def wait(run: OpenRun, inferred: Inferred) -> RunResult:
    """Close a run of which records wait: they are kept, counted by reason, and taken up by a later run."""
    version, run_id = run.version, run.keys.run_id

    def write(session: Session) -> bool:
        if run.input_read:
            partitions.set_input_read(session, version.id)
        runs.wait(session, run_id, inferred.waiting)
        return True

    def already(session: Session) -> bool | None:
        return runs.run_keys(session, run_id).state == "waiting" or None

    version.ledger.write(write, already, release=True)
    totals = inferred.totals
    return result_of(run, inferred, "waiting", totals.published, totals.quarantined)


def result_of(
    run: OpenRun,
    inferred: Inferred,
    state: RunState,
    records: int,
    quarantined: int,
    output: str | None = None,
) -> RunResult:
    """Say what a run came to."""
    totals = inferred.totals
    return RunResult(
        run.version.workload,
        run.version.partition,
        state,
        run_id=run.keys.run_id,
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
