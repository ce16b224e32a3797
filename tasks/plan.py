"""Before the engine starts: everything that can be wrong is found, then the run is opened."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, leases, partitions, parts, reference, runs
from db.session import make_engine, migrate, sessions
from models import workloads
from models.accounting import LineKeys
from models.catalog import Infrastructure, infrastructure
from models.economics.budget import Budget
from models.economics.pricing import Price, batch_prices, prices_of
from models.engines.api import ApiPermit
from models.engines.api_options import ApiOptions
from models.engines.batch_files import remove_unregistered as remove_request_files
from models.engines.vllm_options import LORA_WEIGHTS, model_name
from models.errors import UsageError
from models.machine import gpu_name
from models.policy import Policy
from models.records import EscalationReason
from models.routing import kept_in, row_condition
from models.run import PRODUCTION, Purpose, RunResult, lease_name
from models.settings import Settings
from models.tokens import ChatTokenCounter, counter_of
from models.workloads.base import Workload
from models.workloads.observed import observed
from tasks.database import database_errors, with_patience
from tasks.evaluated import in_force
from tasks.flow_run import flow_run_id
from tasks.folders import (
    check_writable,
    file_digest,
    open_folder,
    output_folder,
    parts_folder,
    remove_folders,
)
from tasks.lease import give_back, take_lease
from tasks.price_keys import priced_today, with_api
from tasks.reading import EmptyPartition, PartitionReader, Source, open_partition
from tasks.refresh import digest_to_refresh, published_file, result_without_run
from tasks.signals import stoppable

Found = TypeVar("Found")

EngineChoice = Literal["vllm", "openai"]
"""Where a run's records are first sent: `openai` sends every one of them to the API."""
LOCAL_PROVIDER = "vllm"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks for: one partition of one workload, and how to read it.

    `rerun` infers a published partition again, `refresh` only what is new or changed in its input. What an
    evaluation runs (`purpose`) lies beside production and never becomes what readers see.
    """

    workload: str
    partition: date
    input: str | None = None
    where: str | None = None
    limit: int | None = None
    rerun: bool = False
    engine: EngineChoice = "vllm"
    refresh: bool = False
    purpose: Purpose = PRODUCTION


@dataclass(frozen=True, slots=True)
class ApiPlan:
    """How a run may use the API: leave to send, the endpoint, at once or in batches, and the batch prices."""

    permit: ApiPermit
    options: ApiOptions
    mode: Literal["sync", "batch"]
    batch_prices: list[Price]


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
    api: ApiPlan | None
    policy: Policy

    @property
    def purpose(self) -> Purpose:
        """What the request is for."""
        return self.request.purpose

    @property
    def engine(self) -> EngineChoice:
        """Where the records are first sent: as asked for, unless the policy sends them all to the API."""
        return "openai" if self.policy.not_viable == "api" else self.request.engine


@dataclass(frozen=True, slots=True)
class Plan:
    """An open run: its workload, its input, its keys and its lease.

    `reader` is None for a run that only takes up what waits; `api` is None where nothing may be sent.
    `input_read`: this run, or one before it, reads the input to its end, so that it may publish.
    `carry_from`: the published file whose rows are taken over where the text is unchanged. `sent_because`: why
    the records go to the API where `engine` sends them all there.
    """

    settings: Settings
    workload: Workload
    partition: date
    reader: PartitionReader | None
    total: int | None
    sessions: sessionmaker[Session]
    lease: leases.Lease
    version_id: UUID
    keys: LineKeys
    counter: ChatTokenCounter
    folder: Path
    target: Path
    model: str
    api: ApiPlan | None = None
    policy: Policy = field(default_factory=Policy)
    engine: EngineChoice = "vllm"
    input_read: bool = True
    carry_from: Path | None = None
    purpose: Purpose = PRODUCTION
    sent_because: EscalationReason = "chosen"

    def open_reader(self) -> PartitionReader:
        """Return the input, which a run that infers has."""
        if self.reader is None:
            msg = "a run that takes up what waits reads no input"
            raise ValueError(msg)
        return self.reader

    def read(self, look: Callable[[Session], Found]) -> Found:
        """Look something up in the ledger, waiting for a database that is away."""

        def transaction() -> Found:
            with self.sessions() as session:
                return look(session)

        return with_patience(self.settings.database_patience_seconds, transaction)

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


def check(request: Request, settings: Settings) -> Checked | RunResult:
    """Find everything that can be wrong, changing nothing but the output folder, which is made."""
    if request.rerun and request.refresh:
        msg = "rerun infers everything again, refresh only what is new or changed: ask for one of them"
        raise UsageError(msg)
    workload = workloads.build(request.workload, settings)
    api = api_plan(workload, settings)
    if request.engine == "openai" and api is None:
        msg = f"{workload.name} cannot use the API: set BREAKEVEN_API_MODE, and see that its data_residency is not local"
        raise UsageError(msg)
    policy = workload.routing
    if api is None or request.purpose != PRODUCTION:
        policy = kept_in(policy)
    policy = in_force(policy, workload, settings)
    if request.purpose != PRODUCTION:
        workload = observed(workload)
    machine = infrastructure(settings, gpu_name())
    source = Source.of(
        settings.workload(workload.name),
        workload.text_columns,
        location=request.input,
        where=request.where,
        complex_where=row_condition(policy),
    )
    counter = counter_of(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    prices = prices_of(settings)
    try:
        reader = open_partition(source, request.partition, request.limit)
    except EmptyPartition:
        return RunResult(workload.name, request.partition, "empty")
    check_writable(settings.output_dir)
    return Checked(request, settings, workload, machine, prices, counter, reader, reader.count(), api, policy)


def api_plan(workload: Workload, settings: Settings) -> ApiPlan | None:
    """Say how the workload's records may go to the API, None if they may not.

    Raises `UsageError` for an API that is switched on but not set up, `PriceUnknown` for a model
    without a price.
    """
    if settings.api_mode == "off":
        return None
    permit = ApiPermit.of(workload)
    if permit is None:
        return None
    options = ApiOptions.from_settings(settings)
    Budget(
        workload.name, settings.workload(workload.name).budget, settings.budget
    )  # finer than a nano-dollar?
    discounted = batch_prices(prices_of(settings), settings.batch_discount)
    return ApiPlan(permit, options, settings.api_mode, discounted)


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


def fingerprint_of(checked: Checked) -> str:
    """Hash what decides a partition's content: prompt, model, seed, input, limit, and what goes to the API."""
    settings, source = checked.settings, checked.reader.source
    facts: tuple[object, ...] = (
        checked.workload.fingerprint,
        None if checked.purpose == "evaluation_api" else model_name(settings),
        settings.seed,
        # an evaluation's records are named by their text: whatever file they are in, their answers hold
        source.fingerprint() if checked.purpose == PRODUCTION else None,
        checked.request.limit,
    )
    if checked.purpose == "evaluation_adapter" and settings.lora_adapter is not None:
        # one that was trained again in its place is another one
        facts = (*facts, file_digest(settings.lora_adapter / LORA_WEIGHTS))
    if checked.engine != "vllm":
        facts = (*facts, checked.engine)
    if checked.api is not None:
        # where the answers come from when the engine fails does not decide what is asked for, and the engine
        # that an evaluation chooses is told already
        policy = checked.policy.model_dump_json(exclude={"engine_fails", "not_viable"})
        facts = (*facts, settings.api_model, policy)
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


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
