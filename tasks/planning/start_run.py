"""Starts a run: checks the request, takes the lease, and writes the version and the run's row in one transaction."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from db import batches, calibration, partitions, reference, runs, version_input
from models.default_model import model_name, uses_server
from models.engines.api.token_count import ApiTokenCounter
from models.engines.vllm.arguments import write_arguments
from models.errors import UsageError
from models.ledger.accounting import LineKeys
from models.records import EscalationReason
from models.run import RunResult, lease_name
from models.settings import Settings
from tasks.planning.checks import Checked, budget_of, check, fingerprint_of
from tasks.planning.examine import examine_input
from tasks.planning.late_data import begun_parts, published_file, result_without_run
from tasks.planning.model_end import warn_of_model_end
from tasks.planning.open_run import OpenRun, RunInput, clear_leftovers, open_ledger, own_partition
from tasks.planning.price_keys import CLASSIFIER, add_api_keys, find_price_today
from tasks.planning.request import RunRequest
from tasks.planning.retry import digest_to_retry
from tasks.planning.shards import WHOLE, RunPlace, cut_version, wanted_shards
from tasks.runtime.flow_run import flow_run_id
from tasks.runtime.ledger_access import database_errors
from tasks.runtime.stop_signals import stoppable
from tasks.storage.open_version import OpenVersion
from tasks.storage.output_folders import parts_folder, remove_folders

VLLM_PROVIDER, SERVER_PROVIDER, CLASSIFIER_PROVIDER = "vllm", "server", "classifier"
"""Who has the local model, in the ledger's list of models; of a classifier that was trained here, what it is."""

log = logging.getLogger(__name__)


@stoppable("nothing was begun, the same command does it")
def prepare(request: RunRequest, settings: Settings) -> OpenRun | RunResult:
    """Check everything, take the partition's lease and open the run.

    Returns a finished `RunResult` where there is nothing to do: the partition is published, the
    input has no record for it, or it cannot be refreshed before what waits is published. Raises `UsageError` before anything is changed, `PartitionLocked` if
    another run owns the partition, `DatabaseUnavailable`.
    """
    checked = check(request, settings)
    if isinstance(checked, RunResult):
        return checked
    warn_of_model_end(settings)
    if request.expected not in (None, fingerprint_of(checked)):
        msg = (
            f"{request.workload} is not what it was when this was quoted: its prompt, files, model or policy have changed "
            "meanwhile. What is done stays; the same command quotes and does the rest as it is now"
        )
        raise UsageError(msg)
    with database_errors(), ExitStack() as undo:
        run = _open(undo, checked)
        if isinstance(run, OpenRun):
            undo.pop_all()  # whoever runs it closes it
        return run


def _open(undo: ExitStack, checked: Checked) -> OpenRun | RunResult:
    """Take the lease and, in one transaction, open the version, its folder and the run."""
    request, settings, workload = checked.request, checked.settings, checked.workload
    partition, purpose = request.partition, request.purpose
    fingerprint = fingerprint_of(checked)
    folders = parts_folder(settings.output_dir, workload.name, partition, purpose)
    make_session = open_ledger(undo, settings)
    examined = examine_input(checked, fingerprint, make_session)
    digest = examined.digest if examined.refreshes else None
    if request.retry_quarantined:
        digest = digest_to_retry(checked, fingerprint, make_session)
        if digest is None:
            return RunResult(workload.name, partition, "skipped")
    ledger = own_partition(undo, make_session, settings, lease_name(workload.name, purpose), partition)
    wanted = wanted_shards(checked, examined, make_session)
    with make_session.begin() as session:
        if examined.outdated is not None:
            partitions.replace_outdated(session, examined.outdated)
        found = partitions.open_version(
            session,
            workload.name,
            partition,
            fingerprint,
            rerun=request.rerun,
            input_digest=digest,
            purpose=purpose,
            retry=request.retry_quarantined,
        )
        version = OpenVersion(
            ledger,
            found.id,
            folders / str(found.id),
            workload.name,
            partition,
            purpose,
            settings.parts_access,
        )
        if found.state == "published" or not _goes_on_with(found, digest):
            left_alone = result_without_run(session, found)
        else:
            left_alone = None
            carry_from, begun = published_file(session, found), begun_parts(session, found, folders)
            abandon_batches(session, version)
            into = cut_version(session, found, wanted, examined)
            clear_leftovers(session, version)
            keys = open_run(session, found.id, checked, RunPlace(into))
            if carry_from is None:
                version_input.set_input_digest(session, found.id, examined.digest)
    if left_alone is not None:
        if found.state == "published":
            remove_folders([version.folder])  # what a run that was killed right after publishing left
        return left_alone
    needed = {version.folder, *(folder for path in begun for folder in path.parents)}
    remove_folders(other for other in folders.iterdir() if other not in needed)
    because: EscalationReason = "chosen" if request.engine == "openai" else "not_viable"
    retries = request.reasons if request.retry_quarantined else None
    given = RunInput(
        *(checked.reader, examined.rows, checked.engine, because, carry_from, begun, retries),
        *(checked.classifier, checked.triage, examined.digest),
    )
    return OpenRun(
        settings, workload, checked.policy, version, keys, checked.counter, checked.api, given, shards=into
    )


def _goes_on_with(found: partitions.PartitionVersion, digest: bytes | None) -> bool:
    """Whether a run may write to an open version: a refresh only to one that takes over what is published of this input."""
    return digest is None or (found.based_on is not None and found.input_digest == digest)


def abandon_batches(session: Session, version: OpenVersion) -> None:
    """Give up batches of other versions of the partition; their lines keep the most they can cost."""
    own = (version.workload, version.partition, version.purpose)
    for batch in batches.list_live(session):
        run = runs.run_keys(session, batch.run_id)
        if batch.version_id != version.id and (run.workload, run.partition, run.purpose) == own:
            batches.close(session, batch.id, "abandoned", "its version of the partition was given up")
            log.warning(
                "%s %s: batch %s of an earlier version is given up; cancel it at the provider if it still runs",
                version.workload,
                version.partition,
                batch.provider_batch_id or batch.id,
            )


def open_run(session: Session, version_id: UUID, checked: Checked, place: RunPlace = WHOLE) -> LineKeys:
    """Write the run's row and the dated rows it refers to; return their keys."""
    workload, settings = checked.workload, checked.settings
    price_id, price = find_price_today(session, checked.prices)
    prompt_id = reference.ensure_prompt(session, workload.name, workload.prompt_version, workload.fingerprint)
    local_prompt_id = reference.ensure_prompt(session, workload.name, *workload.local_prompt)
    provider = SERVER_PROVIDER if uses_server(settings) else VLLM_PROVIDER
    if checked.purpose == "evaluation_classifier":
        provider = CLASSIFIER_PROVIDER
    model_id = reference.ensure_model(session, provider, model_name(settings))
    infrastructure_id = reference.ensure_infrastructure(session, checked.machine)
    counted_with = ApiTokenCounter(checked.counter, settings.api_structured_output).name
    corrected_by = calibration.find(session, workload.name, prompt_id, settings.api_model, counted_with)
    run_id = runs.start(
        session,
        runs.NewRun(
            version_id,
            workload.name,
            checked.request.partition,
            checked.engine if not checked.asks_trained else CLASSIFIER,
            model_id,
            prompt_id,
            infrastructure_id,
            flow_run_id(),
            checked.purpose,
            _engine_arguments(checked),
            None if corrected_by is None else corrected_by.to_json(),
            None if checked.api is None else budget_of(workload.name, settings, checked.purpose).to_json(),
            *place.columns,
        ),
    )
    rate = checked.machine.nano_usd_per_hour
    keys = LineKeys(
        run_id,
        prompt_id,
        model_id,
        infrastructure_id,
        rate,
        price_id,
        price,
        calibration=corrected_by,
        local_prompt_id=local_prompt_id,
    )
    if checked.purpose == "evaluation_classifier":
        keys = replace(keys, requested=CLASSIFIER)
    if checked.classifier is not None:
        its_id = reference.ensure_model(session, CLASSIFIER, checked.classifier.name)
        keys = replace(keys, requested=CLASSIFIER, classifier_id=its_id)
    if checked.triage is not None:
        its_id = reference.ensure_model(session, CLASSIFIER, checked.triage.name)
        keys = replace(keys, requested=CLASSIFIER, triage_id=its_id)
    return (
        keys
        if checked.api is None
        else add_api_keys(session, keys, settings.api_model, checked.api.batch_prices)
    )


def _engine_arguments(checked: Checked) -> str | None:
    """Return the further arguments of vLLM that a run is started with, None where there are none, or vLLM is not asked."""
    arguments = checked.settings.engine.arguments
    return write_arguments(arguments) if arguments and checked.engine == "vllm" else None
