"""Before the engine starts: everything that can be wrong is found, then the run is opened."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db import leases, partitions, parts, reference, runs
from db.session import make_engine, migrate, sessions
from models import workloads
from models.accounting import LineKeys
from models.catalog import Infrastructure, infrastructure
from models.economics.pricing import Price, api_prices
from models.engines.vllm_options import model_name
from models.errors import PartitionLocked
from models.machine import gpu_name
from models.run import RunResult
from models.settings import Settings
from models.tokens import ChatTokenCounter, encoding
from models.workloads.base import Workload
from tasks.database import database_errors, with_patience
from tasks.lease import is_dead, this_process
from tasks.parts import output_errors, remove_unregistered
from tasks.reading import EmptyPartition, PartitionReader, Source, open_partition

LOCAL_PROVIDER = "vllm"
LOCK_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks for: one partition of one workload, and how to read it."""

    workload: str
    partition: date
    input: str | None = None
    where: str | None = None
    limit: int | None = None
    rerun: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A request in which nothing is wrong, with what was found on the way. `total` as in `Plan`."""

    request: Request
    settings: Settings
    workload: Workload
    machine: Infrastructure
    prices: list[Price]
    counter: ChatTokenCounter
    reader: PartitionReader
    total: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """An open run: its workload, its input, its keys and its lease."""

    settings: Settings
    workload: Workload
    partition: date
    reader: PartitionReader
    total: int | None
    sessions: sessionmaker[Session]
    lease: leases.Lease
    version_id: UUID
    keys: LineKeys
    counter: ChatTokenCounter
    folder: Path
    target: Path
    model: str

    def registered_parts(self) -> list[Path]:
        """Paths of the part files that are registered for this version of the partition."""

        def read() -> list[Path]:
            with self.sessions.begin() as session:
                return [self.folder / part.file_name for part in parts.registered(session, self.version_id)]

        return with_patience(self.settings.database_patience_seconds, read)

    def close(self) -> None:
        """Close the connections to the database."""
        with self.sessions() as session:
            bind = session.get_bind()
        if isinstance(bind, Engine):
            bind.dispose()


@task(name="prepare", cache_policy=NO_CACHE)
def prepare(request: Request, settings: Settings) -> Plan | RunResult:
    """Check everything, take the partition's lease and open the run.

    Returns a finished `RunResult` where there is nothing to do: the partition is published, or the
    input has no record for it. Raises `UsageError` before anything is changed, `PartitionLocked` if
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


def check(request: Request, settings: Settings) -> Checked | RunResult:
    """Find everything that can be wrong, changing nothing but the output folder, which is made."""
    workload = workloads.build(request.workload, settings)
    machine = infrastructure(settings, gpu_name())
    prices = api_prices(settings.api_model)
    counter = ChatTokenCounter(encoding(settings.api_model, settings.cache_dir))
    source = Source.of(
        settings.workload(workload.name), workload.text_columns, location=request.input, where=request.where
    )
    try:
        reader = open_partition(source, request.partition, request.limit)
    except EmptyPartition:
        return RunResult(workload.name, request.partition, "empty")
    check_writable(settings.output_dir)
    return Checked(request, settings, workload, machine, prices, counter, reader, reader.count())


def open_plan(checked: Checked, make_session: sessionmaker[Session]) -> Plan | RunResult:
    """Take the lease and, in one transaction, open the version, its folder and the run."""
    request, settings, workload = checked.request, checked.settings, checked.workload
    partition = request.partition
    fingerprint = fingerprint_of(workload, settings, checked.reader.source, request.limit)
    folders = settings.output_dir / ".parts" / workload.name / str(partition)
    lease = take_lease(make_session, workload.name, partition, settings)
    try:
        with make_session.begin() as session:
            version = partitions.open_version(
                session, workload.name, partition, fingerprint, rerun=request.rerun
            )
            folder = folders / str(version.id)
            if version.state == "published":
                leases.release(session, lease)
            else:
                open_folder(folder, [part.file_name for part in parts.registered(session, version.id)])
                keys = open_run(
                    session, version.id, workload, partition, settings, checked.machine, checked.prices
                )
    except BaseException:
        give_back(make_session, lease)
        raise
    if version.state == "published":
        remove_folders([folder])  # what a run that was killed right after publishing left
        return RunResult(workload.name, partition, "skipped", output=version.output_path)
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
        settings.output_dir / workload.name / f"date={partition}",
        model_name(settings),
    )


def open_folder(folder: Path, registered: list[str]) -> None:
    """Make the folder of a version's parts, without what a killed run left in it. Raises `OutputError`."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_unregistered(folder, registered)
    remove_folders(path for path in folder.iterdir() if path.is_dir())  # scratch files


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders that nobody needs any more; what cannot be removed stays and does no harm."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """See that the output folder can be written, before anything else is. Raises `OutputError`."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def fingerprint_of(workload: Workload, settings: Settings, source: Source, limit: int | None) -> str:
    """Hash what decides a partition's content: prompt, model, seed, input and limit."""
    facts = (workload.fingerprint, model_name(settings), settings.seed, source.fingerprint(), limit)
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def take_lease(
    make_session: sessionmaker[Session],
    workload: str,
    partition: date,
    settings: Settings,
    sleep: Callable[[float], None] = time.sleep,
) -> leases.Lease:
    """Become the partition's owner, waiting as long as the settings allow. Raises `PartitionLocked`."""
    deadline = time.monotonic() + settings.lease_wait_seconds
    while True:
        try:
            with make_session.begin() as session:
                return leases.acquire(
                    session, workload, partition, this_process(), settings.lease_seconds, is_dead
                )
        except PartitionLocked:
            if time.monotonic() >= deadline:
                raise
            sleep(LOCK_POLL_SECONDS)


def give_back(make_session: sessionmaker[Session], lease: leases.Lease) -> None:
    """Release the lease in a transaction of its own."""
    with make_session.begin() as session:
        leases.release(session, lease)


def open_run(
    session: Session,
    version_id: UUID,
    workload: Workload,
    partition: date,
    settings: Settings,
    machine: Infrastructure,
    prices: list[Price],
) -> LineKeys:
    """Write the run's row and the dated rows it refers to; return their keys."""
    reference.sync_prices(session, prices)
    price_id, price = reference.price_at(
        session, prices[0].provider, prices[0].model, datetime.now(UTC).date()
    )
    prompt_id = reference.prompt_id(session, workload.name, workload.prompt_version, workload.fingerprint)
    model_id = reference.model_id(session, LOCAL_PROVIDER, model_name(settings))
    infrastructure_id = reference.infrastructure_id(session, machine)
    run_id = runs.start(
        session,
        runs.NewRun(
            version_id,
            workload.name,
            partition,
            LOCAL_PROVIDER,
            model_id,
            prompt_id,
            infrastructure_id,
            _flow_run_id(),
        ),
    )
    return LineKeys(
        run_id, prompt_id, model_id, infrastructure_id, machine.nano_usd_per_hour, price_id, price
    )


def _flow_run_id() -> str | None:
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else None
