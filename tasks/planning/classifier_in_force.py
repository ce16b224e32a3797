"""The classifier that a workload's runs ask first, where one is in force."""

import logging
from dataclasses import dataclass
from pathlib import Path

from db import trained
from models.errors import UsageError
from models.routing.policy import Policy
from models.run import PRODUCTION
from models.settings import Settings
from models.training.trained import TrainedModel, trained_folder
from models.workloads.answer_kind import answers_labels
from models.workloads.base import Workload
from tasks.planning.request import RunRequest
from tasks.runtime.ledger_access import ledger_if_any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifierInForce:
    """A classifier, where it lies, and the confidence from which its answers are taken."""

    model: TrainedModel
    folder: Path
    threshold: float

    @property
    def name(self) -> str:
        """Its name on ledger lines."""
        return self.model.name

    def facts(self) -> tuple[object, ...]:
        """Return what of it decides a partition's content."""
        return ("classifier", self.name, self.model.weights_digest, self.threshold)

    def other_labels(self) -> str:
        """Say that it was trained for other labels than its workload has."""
        return f"{self.name} of {self.model.workload} was trained for other labels than the workload has now: {self._instead}"

    def gone(self) -> str:
        """Say that its folder is not there."""
        return f"{self.name} of {self.model.workload} is in force, but {self.folder} is gone: bring it back, or {self._instead}"

    @property
    def _instead(self) -> str:
        name = self.model.workload
        return f"train another with `breakeven train {name}`, or go on without it: `breakeven trained retire {name} {self.name}`"


def find_classifier(
    request: RunRequest, policy: Policy, workload: Workload, settings: Settings
) -> ClassifierInForce | None:
    """Return the classifier that a run asks first; None where none is in force, or this run asks none.

    None of an evaluation, a trial or an audit, which are about other engines, and of a run that was asked to use the API. Raises
    `UsageError` in one line for one whose folder is gone, or whose threshold no evaluation has found though the policy asks for that.
    """
    if policy.cascade == "off" or request.engine != "vllm" or request.purpose != PRODUCTION:
        return None
    if not answers_labels(workload):
        return None
    with ledger_if_any(settings, update=True) as session:
        model = None if session is None else trained.in_force(session, workload.name, "classifier")
    if model is None:
        return None
    threshold = _threshold(policy, model)
    if threshold is None:
        log.warning(
            "%s is not asked: its training found no confidence from which it is surely right enough",
            model.name,
        )
        return None
    found = ClassifierInForce(
        model, trained_folder(settings.output_dir, workload.name, model.name), threshold
    )
    if not found.folder.is_dir():
        raise UsageError(found.gone())
    return found


def _threshold(policy: Policy, model: TrainedModel) -> float | None:
    """Return the confidence from which answers are taken, None where the classifier is not to be used. Raises `UsageError`."""
    if policy.cascade == "evaluated":
        msg = (
            f"the policy of {model.workload} asks for its evaluated cascade, and none was evaluated with {model.name}: "
            f"run `breakeven evaluate {model.workload} --labels FILE`, or set cascade to trained or off"
        )
        raise UsageError(msg)
    return model.threshold
