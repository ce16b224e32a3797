"""A training as a run of the ledger: one at a time for each workload, its machine time written while it goes on."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import partitions, reference, runs, trained
from models.catalogue.rates import Infrastructure
from models.errors import BreakevenError, Interrupted, LeaseLost, LedgerLost, PartitionLocked
from models.gpu_time import GpuTime, gpu_cost_nano
from models.ids import new_id
from models.run import TRAINING, lease_name
from models.settings import Settings
from models.training.trained import TrainedKind, name_of
from models.workloads.base import PromptName, Workload
from tasks.planning.open_run import open_ledger, own_partition
from tasks.runtime.end_run import EndState, end_on_failure
from tasks.runtime.flow_run import flow_run_id
from tasks.runtime.leased_ledger import LeasedLedger, hold_lease
from tasks.runtime.ledger_access import database_errors
from tasks.runtime.progress import repeat_beside

ANY_DAY = date(1970, 1, 1)
"""Under which all trainings of a workload take their lease, so that none begins beside another, midnight or not."""
SECONDS_BETWEEN_NOTES = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is to be trained, on what: `fingerprint` stands for kind, data and seed, `model` names what comes of it without its own name."""

    workload: Workload
    kind: TrainedKind
    day: date
    fingerprint: str
    machine: Infrastructure
    base: str

    @property
    def prompt(self) -> PromptName:
        """What the prompt is called that what is trained belongs to: an adapter's own, else the workload's."""
        if self.kind == "adapter":
            return self.workload.adapter_prompt
        return PromptName(self.workload.prompt_version, self.workload.fingerprint)

    @property
    def belongs_to(self) -> str:
        """The fingerprint by which it is seen later whether it still fits."""
        return self.workload.adapter_fingerprint if self.kind == "adapter" else self.workload.fingerprint


@dataclass(slots=True)
class OpenTraining:
    """A training that is open in the ledger and the only one of its workload. `id` and `name` are those of what is trained."""

    ledger: LeasedLedger
    plan: TrainingPlan
    id: UUID
    run_id: UUID
    version_id: UUID
    prompt_id: int
    model_id: int
    infrastructure_id: int
    started_ns: int = field(default_factory=time.monotonic_ns)
    _written_ns: int = field(default=0, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def name(self) -> str:
        """The name of what is trained."""
        return name_of(self.plan.kind, self.id)

    def note_time(self) -> int:
        """Write the machine time so far, with its cost; return it in nanoseconds. Raises the errors of a write."""
        with self._turn:
            total, before = time.monotonic_ns() - self.started_ns, self._written_ns
            rate = self.plan.machine.nano_usd_per_hour
            cost = gpu_cost_nano(total, rate) - gpu_cost_nano(before, rate)
            more = runs.Increments(gpu_cost_nano=cost, unallocated_nano=cost)

            def change(session: Session) -> None:
                runs.add(session, self.run_id, GpuTime(busy_ns=total - before), more)

            def already(session: Session) -> bool | None:
                return runs.gpu_time(session, self.run_id).total_ns >= total or None

            self.ledger.write(change, already)
            self._written_ns = total
            return total


@contextmanager
def open_training(plan: TrainingPlan, settings: Settings) -> Iterator[OpenTraining]:
    """Take the lease, close what a killed training left, begin a run, and end it as the block ends.

    Raises `PartitionLocked` where another training of the workload is at work, `DatabaseUnavailable`, `LeaseLost`.
    """
    with database_errors(), ExitStack() as undo:
        opened = _open(undo, plan, settings)
        undo.pop_all()  # the end of the run gives the lease back
    with _close_on_failure(opened):
        yield opened


@contextmanager
def at_work(opened: OpenTraining) -> Iterator[Callable[[], LeaseLost | LedgerLost | None]]:
    """Renew the lease and write the time inside the block; yield a function that tells whether the lease, or the ledger, was lost.

    Raises `LeaseLost` and `LedgerLost` at the end of the block.
    """
    with hold_lease(opened.ledger) as lost, repeat_beside(lambda: _note(opened), SECONDS_BETWEEN_NOTES):
        try:
            yield lost
        except Interrupted:
            if (error := lost()) is not None:
                raise error from None
            raise
    if (error := lost()) is not None:
        raise error


def _open(undo: ExitStack, plan: TrainingPlan, settings: Settings) -> OpenTraining:
    workload = plan.workload
    make_session = open_ledger(undo, settings)
    try:
        ledger = own_partition(undo, make_session, settings, lease_name(workload.name, TRAINING), ANY_DAY)
    except PartitionLocked as error:
        msg = f"{workload.name} is being trained already: wait for that training, or stop it ({error})"
        raise PartitionLocked(msg) from error
    key = new_id()
    with make_session.begin() as session:
        trained.close_killed(session, workload.name)
        version = partitions.open_version(
            session, workload.name, plan.day, plan.fingerprint, rerun=True, purpose=TRAINING
        )
        prompt_id = reference.ensure_prompt(session, workload.name, *plan.prompt)
        name = name_of(plan.kind, key)
        provider, model = ("vllm", f"{plan.base}+{name}") if plan.kind == "adapter" else ("classifier", name)
        model_id = reference.ensure_model(session, provider, model)
        infrastructure_id = reference.ensure_infrastructure(session, plan.machine)
        new = runs.NewRun(
            version.id,
            workload.name,
            plan.day,
            provider,
            model_id,
            prompt_id,
            infrastructure_id,
            flow_run_id(),
            TRAINING,
        )
        run_id = runs.start(session, new)
    return OpenTraining(ledger, plan, key, run_id, version.id, prompt_id, model_id, infrastructure_id)


def _note(opened: OpenTraining) -> None:
    try:
        opened.note_time()
    except (DBAPIError, BreakevenError) as error:  # the training goes on; its end writes the whole time
        log.warning("the time of the training could not be written: %s", type(error).__name__)


def _close_on_failure(opened: OpenTraining) -> AbstractContextManager[None]:
    """See that a training which does not complete is closed, with its time so far, and its lease freed."""

    def close(ledger: LeasedLedger, state: EndState, why: str, _: BaseException) -> None:
        opened.ledger = ledger
        opened.note_time()
        ledger.write(lambda session: runs.finish(session, opened.run_id, state, why), release=True)

    return end_on_failure(opened.ledger, close)
