"""Opening a run again that only takes up what waits: no input is read, no model is loaded."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, leases, partitions, parts, reference, runs
from db.session import make_engine, migrate, sessions
from models import workloads
from models.default_model import model_name
from models.economics.pricing import prices_of
from models.engines.batch.files import remove_unregistered as remove_request_files
from models.errors import UsageError
from models.ledger.accounting import LineKeys
from models.settings import Settings
from models.tokens import counter_of
from models.workloads.base import Workload
from tasks.planning.checks import ApiPlan, api_plan
from tasks.planning.price_keys import priced_today, with_api
from tasks.planning.run_plan import Plan
from tasks.runtime.atomic_files import check_writable
from tasks.runtime.lease import give_back, take_lease
from tasks.runtime.ledger_access import database_errors
from tasks.runtime.stop_signals import stoppable
from tasks.storage.output_folders import open_folder, output_folder, parts_folder


@stoppable("what had come in is committed, the next collecting does the rest")
def reopen(name: str, partition: date, settings: Settings) -> Plan | None:
    """Take the partition's lease and go on with the newest run of its open version.

    Returns None where nothing waits any more. Raises `UsageError` where the API is off or the prompt has
    changed since, `PartitionLocked`, `DatabaseUnavailable`.
    """
    workload = workloads.build(name, settings)
    api = api_plan(workload, settings)
    if api is None:
        msg = f"records of {name} {partition} wait for the API, which is off: set BREAKEVEN_API_MODE"
        raise UsageError(msg)
    check_writable(settings.output_dir)
    database = make_engine(settings.database_url.get_secret_value())
    plan: Plan | None = None
    try:
        with database_errors():
            migrate(database)
            plan = _open(workload, partition, settings, api, sessions(database))
    finally:
        if plan is None:
            database.dispose()
    return plan


def _open(
    workload: Workload, partition: date, settings: Settings, api: ApiPlan, make_session: sessionmaker[Session]
) -> Plan | None:
    """Take the lease and, in one transaction, the run; clear up what a killed one left on disk."""
    counter = counter_of(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    lease = take_lease(make_session, workload.name, partition, settings)
    try:
        with make_session.begin() as session:
            found = _waiting(session, workload.name, partition)
            if found is None:
                leases.release(session, lease)
                return None
            folder = parts_folder(settings.output_dir, workload.name, partition) / str(found.version_id)
            live = batches.live(session, found.version_id)
            _check_model(live, settings)
            open_folder(folder, [part.file_name for part in parts.registered(session, found.version_id)])
            remove_request_files(folder, [batch.id for batch in live])
            attempts.settle_unknown(session, workload.name, partition)
            keys = _keys(session, found, workload, settings, api)
            runs.resume(session, found.run_id)
    except BaseException:
        give_back(make_session, lease)
        raise
    return Plan(
        settings,
        workload,
        partition,
        None,
        None,
        make_session,
        lease,
        found.version_id,
        keys,
        counter,
        folder,
        output_folder(settings.output_dir, workload.name, partition),
        model_name(settings),
        api,
        workload.routing,
        input_read=found.input_read,
    )


def _waiting(session: Session, workload: str, partition: date) -> partitions.Waiting | None:
    every = partitions.waiting(session)
    return next((one for one in every if (one.workload, one.partition) == (workload, partition)), None)


def _check_model(live: Sequence[batches.Batch], settings: Settings) -> None:
    """See that answers of two models do not become one partition. Raises `UsageError`."""
    if other := next((batch.model for batch in live if batch.model != settings.api_model), None):
        msg = (
            f"a batch for {other} is under way, and BREAKEVEN_API_MODEL is {settings.api_model} now: go back to "
            "it, or run the partition again"
        )
        raise UsageError(msg)


def _keys(
    session: Session, found: partitions.Waiting, workload: Workload, settings: Settings, api: ApiPlan
) -> LineKeys:
    known = runs.run_keys(session, found.run_id)
    prompt = reference.prompt_id(session, workload.name, workload.prompt_version, workload.fingerprint)
    if prompt != known.prompt_id:
        msg = (
            f"the prompt of {workload.name} has changed since {found.partition} was run: run it again, or go "
            "back to the settings of that run"
        )
        raise UsageError(msg)
    price_id, price = priced_today(session, prices_of(settings))
    keys = LineKeys(found.run_id, prompt, known.model_id, known.infrastructure_id or 0, 0, price_id, price)
    return with_api(session, keys, settings.api_model, api.batch_prices)
