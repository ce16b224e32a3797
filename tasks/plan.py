"""Before the engine starts: everything that can be wrong is found, then the run is opened."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
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
        with self.sessions.begin() as session:
            return [self.folder / part.file_name for part in parts.registered(session, self.version_id)]


@task(name="prepare", cache_policy=NO_CACHE)
def prepare(request: Request, settings: Settings) -> Plan | RunResult:
    """Check everything, take the partition's lease and open the run.

    Returns a finished `RunResult` where there is nothing to do: the partition is published, or the
    input has no record for it. Raises `UsageError` before anything is changed, `PartitionLocked` if
    another run owns the partition.
    """
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
    target = settings.output_dir / workload.name / f"date={request.partition}"
    check_writable(settings.output_dir)

    engine = make_engine(settings.database_url.get_secret_value())
    migrate(engine)
    make_session = sessions(engine)
    fingerprint = fingerprint_of(workload, settings, source, request.limit)
    lease = take_lease(make_session, workload.name, request.partition, settings)
    try:
        with make_session.begin() as session:
            version = partitions.open_version(
                session, workload.name, request.partition, fingerprint, rerun=request.rerun
            )
            if version.state == "published":
                leases.release(session, lease)
                return RunResult(workload.name, request.partition, "skipped", output=version.output_path)
            keys = open_run(session, version.id, workload, request.partition, settings, machine, prices)
            registered = [part.file_name for part in parts.registered(session, version.id)]
    except BaseException:
        give_back(make_session, lease)
        raise
    folder = settings.output_dir / ".parts" / workload.name / str(request.partition) / str(version.id)
    folder.mkdir(parents=True, exist_ok=True)
    remove_unregistered(folder, registered)
    return Plan(
        settings,
        workload,
        request.partition,
        reader,
        reader.count(),
        make_session,
        lease,
        version.id,
        keys,
        counter,
        folder,
        target,
        model_name(settings),
    )


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
