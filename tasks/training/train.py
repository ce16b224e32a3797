"""One training from what it is trained on to its row in the registry."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b

from models import workloads
from models.catalogue.rates import infrastructure
from models.default_model import model_name
from models.errors import Interrupted
from models.machine import gpu_name
from models.settings import Settings
from models.training.adapter import AdapterJob, TrainedAdapter, train_adapter
from models.training.classifier import ClassifierJob, TrainedClassifier, train_classifier
from models.training.hold_out import AnswersNow
from models.training.trained import TrainedModel
from models.training.triage import TrainedTriage, TriageJob, train_triage
from models.workloads.base import Workload
from tasks.labelling.people_labels import people_examples
from tasks.planning.adapter_in_force import use_adapter
from tasks.runtime.atomic_files import check_writable
from tasks.runtime.stop_signals import StopRequest, stop_on_signals
from tasks.training.budget import clock_seconds, describe_budget
from tasks.training.consent import check_consent
from tasks.training.describe import describe_data
from tasks.training.examples import PeoplesLabels, TrainingData, gather
from tasks.training.finish import Result, finish
from tasks.training.gpu_free import check_gpu_is_free
from tasks.training.jobs import base_name, check_kind, make_job
from tasks.training.open_training import TrainingPlan, at_work, open_training
from tasks.training.request import TrainingRequest
from tasks.training.triage_examples import gather_triage
from tasks.training.working_folder import WorkingFolder, clear_unregistered

Say = Callable[[str], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Trainers:
    """What trains a classifier, an adapter and triage."""

    classifier: Callable[[ClassifierJob, Say, Stop], TrainedClassifier] = train_classifier
    adapter: Callable[[AdapterJob, Say, Stop], TrainedAdapter] = train_adapter
    triage: Callable[[TriageJob, Say, Stop], TrainedTriage] = train_triage

    def train(self, job: ClassifierJob | AdapterJob | TriageJob, say: Say, stop: Stop) -> Result:
        """Do a job."""
        if isinstance(job, ClassifierJob):
            return self.classifier(job, say, stop)
        if isinstance(job, TriageJob):
            return self.triage(job, say, stop)
        return self.adapter(job, say, stop)


OURS = Trainers()


def train(
    ask: TrainingRequest,
    settings: Settings,
    say: Say = lambda _: None,
    *,
    today: date | None = None,
    trainers: Trainers = OURS,
    people: PeoplesLabels = people_examples,
    now: AnswersNow | None = None,
) -> TrainedModel:
    """Train what is asked for, and put it into the registry: as a candidate, or in force where that is asked.

    `now`: what an adapter is held against on the held-out texts (`compared` among the figures), None: nothing. `say` is told in a line what comes next. Raises `UsageError` before anything is begun, `PartitionLocked` where the workload is being
    trained already, `Interrupted`, and the errors of a training later, when the run's row says how it ended.
    """
    settings = (
        use_adapter(settings, ask.workload) if ask.kind == "triage" else settings.for_workload(ask.workload)
    )
    workload = workloads.build(ask.workload, settings)
    check_kind(ask, workload, settings)
    if ask.kind == "adapter":
        check_gpu_is_free(settings)
    check_writable(settings.output_dir, settings.group_access)
    say(f"{workload.name}: gathering what there is to train on")
    data = _gather(workload, settings, ask, people)
    check_consent(settings, data.models, given=ask.consent)
    say(f"{workload.name}: {describe_data(data)}")
    belongs_to = workload.adapter_fingerprint if ask.kind == "adapter" else workload.fingerprint
    facts = (ask.kind, ask.seed, data.data.digest, belongs_to)
    machine = infrastructure(settings, gpu_name())
    if (budget := describe_budget(ask, machine)) is not None:
        say(f"{workload.name}: {budget}")
    plan = TrainingPlan(
        workload,
        ask.kind,
        today or datetime.now(UTC).date(),
        blake2b(repr(facts).encode(), digest_size=8).hexdigest(),
        machine,
        model_name(settings) if ask.kind == "triage" else base_name(settings),
    )
    with stop_on_signals() as stop, open_training(plan, settings) as opened:
        clear_unregistered(settings, ask.workload, opened.ledger)
        folder = WorkingFolder.make(settings, ask)
        job = make_job(ask, workload, settings, data, folder.path, clock_seconds(ask, machine), now)
        with at_work(opened) as lost:
            found = _until_stopped(
                stop, ask, lambda: trainers.train(job, say, lambda: stop() or lost() is not None)
            )
        return finish(opened, folder, found, data, ask, settings)


def _gather(
    workload: Workload, settings: Settings, ask: TrainingRequest, people: PeoplesLabels
) -> TrainingData:
    """Gather right answers, or for triage where the small model gives them."""
    if ask.kind == "triage":
        return gather_triage(workload, settings, ask)
    return gather(workload, settings, ask, people)


def _until_stopped(stop: StopRequest, ask: TrainingRequest, work: Callable[[], Result]) -> Result:
    """Do the work. Raises `Interrupted` with the signal that stopped it, also where the work had ended by then."""
    left = (
        "nothing of it is kept, the same command trains anew"
        if ask.kind != "adapter"
        else "the same command goes on from its last checkpoint"
    )
    try:
        found = work()
    except Interrupted:
        if stop():
            raise stop.interrupted(left) from None
        raise
    if stop():
        raise stop.interrupted(left)
    return found
