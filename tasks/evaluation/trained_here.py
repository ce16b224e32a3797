"""What was trained for a workload, as far as an evaluation asks: whether anything was, and which classifier is compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from db import trained
from models import workloads
from models.engines.base import LocalEngine
from models.engines.classifier.stand_in import StandIn
from models.errors import UsageError
from models.settings import Settings, WorkloadSettings
from models.settings.engine import EngineSettings
from models.settings.own_model import BELONGS_TO_MODEL
from models.training.trained import TrainedModel, trained_folder
from models.workloads.answer_kind import answers_labels, known_labels
from tasks.evaluation.arms import Asking, ClassifierLoader, arm_settings
from tasks.runtime.ledger_access import ledger_if_any
from tasks.runtime.shared_engine import EngineFactory


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """What was trained for a workload. `anything`: then texts on the side of training are not evaluated on."""

    anything: bool
    classifier: TrainedModel | None


def find_trained(settings: Settings, workload: str, asked: str | None = None) -> TrainedHere:
    """Look up what was trained: the classifier `asked` for by name, else the one in force, else the newest candidate.

    Raises `UsageError` for a name that is no classifier of the workload, and for one whose folder is gone.
    """
    with ledger_if_any(settings, update=True) as session:
        every = [] if session is None else trained.list_trained(session, workload)
    classifier = _choose(workload, [one for one in every if one.kind == "classifier"], asked)
    if classifier is not None and not answers_labels(workloads.build(workload, settings)):
        classifier = None  # the workload answered labels once
    if classifier is not None and not (folder := folder_of(settings, classifier)).is_dir():
        msg = (
            f"{classifier.name} of {workload} is gone from {folder}: bring its folder back, or take it out of use with "
            f"`breakeven trained retire {workload} {classifier.name}`"
        )
        raise UsageError(msg)
    return TrainedHere(bool(every), classifier)


def _choose(workload: str, every: list[TrainedModel], asked: str | None) -> TrainedModel | None:
    if asked is None:
        usable = [one for one in every if one.state != "retired"]
        return min(usable, key=lambda one: one.state != "in_force", default=None)  # the newest come first
    found = next((one for one in every if asked in {one.name, str(one.id)}), None)
    if found is None:
        msg = f"{workload} has no classifier {asked}: `breakeven trained list {workload}` shows what it has"
        raise UsageError(msg)
    return found


def folder_of(settings: Settings, model: TrainedModel) -> Path:
    """Return where a trained model lies."""
    return trained_folder(settings.output_dir, model.workload, model.name)


def classifier_settings(settings: Settings, model: TrainedModel) -> Settings:
    """Return the settings under which a classifier alone answers the records of a snapshot: it is the model of its runs."""
    changes = {**dict.fromkeys(BELONGS_TO_MODEL), "model": str(folder_of(settings, model))}
    own = settings.workloads.get(model.workload, WorkloadSettings()).model_copy(update=changes)
    changed = {"engine": EngineSettings(), "workloads": {**settings.workloads, model.workload: own}}
    return arm_settings(settings.model_copy(update=changed), model.workload, "classifier", None)


def asking_classifier(
    asking: Asking, settings: Settings, model: TrainedModel, texts: Mapping[str, str]
) -> Asking:
    """Return how an evaluation asks a classifier: it is loaded in the place of the local engine. `texts` by record key."""
    return replace(asking, factory=_loading(settings, model, texts, asking.load))


def _loading(
    settings: Settings, model: TrainedModel, texts: Mapping[str, str], load_it: ClassifierLoader
) -> EngineFactory:
    workload = workloads.build(model.workload, settings)

    def load(_: Settings) -> LocalEngine:
        loaded = load_it(folder_of(settings, model), model.name, settings.cache_dir)
        if set(loaded.labels) != set(known_labels(workload)):
            loaded.close()
            msg = (
                f"{model.name} was trained for other labels than {model.workload} has now: train it again with "
                f"`breakeven train {model.workload}`, or take it out of use with `breakeven trained retire {model.workload} {model.name}`"
            )
            raise UsageError(msg)
        return StandIn(loaded, texts, workload.answer_text)

    return load
