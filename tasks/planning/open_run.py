"""Opens a run: takes the lease and writes its version and its row in one transaction."""

from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, leases, partitions, parts, reference, runs
from db.session import make_engine, migrate, sessions
from models.default_model import model_name
from models.engines.batch.files import remove_unregistered as remove_request_files
from models.ledger.accounting import LineKeys
from models.run import RunResult, lease_name
from models.settings import Settings
from tasks.planning.checks import Checked, check, fingerprint_of
from tasks.planning.late_data import digest_to_refresh, published_file, result_without_run
from tasks.planning.price_keys import priced_today, with_api
from tasks.planning.request import Request
from tasks.planning.run_plan import LOCAL_PROVIDER, Plan, log
from tasks.runtime.flow_run import flow_run_id
from tasks.runtime.lease import give_back, take_lease
from tasks.runtime.ledger_access import database_errors
from tasks.runtime.stop_signals import stoppable
from tasks.storage.output_folders import open_folder, output_folder, parts_folder, remove_folders


@stoppable("nothing was begun, the same command does it")
def prepare(request: Request, settings: Settings) -> Plan | RunResult:
    """Check everything, take the partition's lease and open the run.

    Returns a finished `RunResult` where there is nothing to do: the partition is published, the
    input has no record for it, or it cannot be refreshed before what waits is published. Raises `UsageError` before anything is changed, `PartitionLocked` if
    another run owns the partition, `DatabaseUnavailable`.
    """
    checked = check(request, settings)
    if isinstance(checked, RunResult):
        return checked
    database = make_engine(settings.database_url.get_secret_value())
    plan: Plan | RunResult | None = None
    try:
        with database_errors():
            migrate(database)
            plan = open_plan(checked, sessions(database))
    finally:
        if not isinstance(plan, Plan):
            database.dispose()
    return plan


def open_plan(checked: Checked, make_session: sessionmaker[Session]) -> Plan | RunResult:
    """Take the lease and, in one transaction, open the version, its folder and the run."""
    request, settings, workload = checked.request, checked.settings, checked.workload
    partition, purpose = request.partition, request.purpose
    fingerprint = fingerprint_of(checked)
    folders = parts_folder(settings.output_dir, workload.name, partition, purpose)
    digest = digest_to_refresh(checked, fingerprint, make_session) if request.refresh else None
    carry_from, left_alone = None, None
    lease = take_lease(make_session, lease_name(workload.name, purpose), partition, settings)
    try:
        with make_session.begin() as session:
            version = partitions.open_version(
                session,
                workload.name,
                partition,
                fingerprint,
                rerun=request.rerun,
                input_digest=digest,
                purpose=purpose,
            )
            folder = folders / str(version.id)
            if version.state == "published" or digest not in (None, version.input_digest):
                left_alone = result_without_run(session, version)
                leases.release(session, lease)
            else:
                carry_from = published_file(session, version)
                open_folder(folder, [part.file_name for part in parts.registered(session, version.id)])
                abandon_batches(session, checked, version.id)
                attempts.settle_unknown(session, workload.name, partition, purpose=purpose)
                remove_request_files(folder, [one.id for one in batches.live(session, version.id)])
                keys = open_run(session, version.id, checked)
    except BaseException:
        give_back(make_session, lease)
        raise
    if left_alone is not None:
        if version.state == "published":
            remove_folders([folder])  # what a run that was killed right after publishing left
        return left_alone
    remove_folders(other for other in folders.iterdir() if other != folder)
    return Plan(
        settings,
        workload,
        partition,
        checked.reader,
        checked.total,
        make_session,
        lease,
        version.id,
        keys,
        checked.counter,
        folder,
        output_folder(settings.output_dir, workload.name, partition, purpose),
        model_name(settings),
        checked.api,
        checked.policy,
        checked.engine,
        carry_from=carry_from,
        purpose=purpose,
        sent_because="chosen" if request.engine == "openai" else "not_viable",
    )


def abandon_batches(session: Session, checked: Checked, version_id: UUID) -> None:
    """Give up batches of a version that is not continued; their lines keep the most they can cost."""
    workload, partition = checked.workload.name, checked.request.partition
    own = (workload, partition, checked.purpose)
    for batch in batches.live(session):
        run = runs.run_keys(session, batch.run_id)
        if batch.version_id != version_id and (run.workload, run.partition, run.purpose) == own:
            batches.close(session, batch.id, "abandoned", "its version of the partition was given up")
            log.warning(
                "%s %s: batch %s of an earlier version is given up; cancel it at the provider if it still runs",
                workload,
                partition,
                batch.provider_batch_id or batch.id,
            )


def open_run(session: Session, version_id: UUID, checked: Checked) -> LineKeys:
    """Write the run's row and the dated rows it refers to; return their keys."""
    workload, settings = checked.workload, checked.settings
    price_id, price = priced_today(session, checked.prices)
    prompt_id = reference.prompt_id(session, workload.name, workload.prompt_version, workload.fingerprint)
    model_id = reference.model_id(session, LOCAL_PROVIDER, model_name(settings))
    infrastructure_id = reference.infrastructure_id(session, checked.machine)
    run_id = runs.start(
        session,
        runs.NewRun(
            version_id,
            workload.name,
            checked.request.partition,
            checked.engine,
            model_id,
            prompt_id,
            infrastructure_id,
            flow_run_id(),
            checked.purpose,
        ),
    )
    rate = checked.machine.nano_usd_per_hour
    keys = LineKeys(run_id, prompt_id, model_id, infrastructure_id, rate, price_id, price)
    return (
        keys if checked.api is None else with_api(session, keys, settings.api_model, checked.api.batch_prices)
    )
