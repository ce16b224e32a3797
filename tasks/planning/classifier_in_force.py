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
from tasks.planning.evaluated_cascade import EvaluatedCascade, find_cascade
from tasks.planning.request import RunRequest
from tasks.planning.triage_in_force import TriageInForce, find_triage, may_pass, other_triage, use_triage
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


def choose_stages(
    request: RunRequest, policy: Policy, workload: Workload, settings: Settings, *, has_api: bool
) -> tuple[ClassifierInForce | None, TriageInForce | None, Policy]:
    """Return the classifier that a run asks first, the triage before the local engine, and the policy for what they leave; None: it asks none.

    No run of an evaluation, a trial or an audit asks one, which are about other engines, and none that was asked to use the API.
    `cascade = "evaluated"`: thresholds and policy are those that the newest evaluation chose. Raises `UsageError` in one line for one whose
    folder is gone, and where no evaluation fits though the policy asks for one.
    """
    if policy.cascade == "off" or request.engine != "vllm" or request.purpose != PRODUCTION:
        return None, None, policy
    model = _in_force(workload, settings)
    stages = None
    if policy.cascade == "evaluated":
        stages = find_cascade(workload, settings, None if model is None else model.name, has_api=has_api)
        policy = stages.apply(policy)
    threshold = _own_threshold(model) if stages is None else stages.classifier
    triage = _choose_triage(policy, workload, settings, stages, has_api=has_api)
    if triage is not None:
        policy = policy.model_copy(update={"triage": False})  # it stands in the place of that question
    if model is None or threshold is None:
        return None, triage, policy
    folder = trained_folder(settings.output_dir, workload.name, model.name)
    found = ClassifierInForce(model, folder, threshold)
    if not folder.is_dir():
        raise UsageError(found.gone())
    return found, triage, policy


def _own_threshold(model: TrainedModel | None) -> float | None:
    """Return the confidence that training chose; None where it chose none that is ever reached, which is said."""
    if model is None:
        return None
    if model.threshold is None or model.threshold >= 1:
        log.warning(
            "%s is not asked: its training found no confidence from which it is surely right enough",
            model.name,
        )
        return None
    return model.threshold


def _choose_triage(
    policy: Policy, workload: Workload, settings: Settings, stages: EvaluatedCascade | None, *, has_api: bool
) -> TriageInForce | None:
    """Return the triage that is asked, by the policy's threshold or the evaluated one; None where nothing may go past the local engine.

    Raises `UsageError` where the evaluated one is not in force.
    """
    if not may_pass(policy, has_api=has_api) or (stages is not None and stages.triage is None):
        return None
    model = find_triage(workload, settings)
    if stages is None or stages.least is None:
        return None if model is None else use_triage(model, settings, 1 - policy.triage_threshold)
    if model is None or model.name != stages.triage:
        raise UsageError(other_triage(workload.name, stages.triage or "", model))
    return use_triage(model, settings, stages.least)


def _in_force(workload: Workload, settings: Settings) -> TrainedModel | None:
    if not answers_labels(workload):
        return None
    with ledger_if_any(settings, update=True) as session:
        return None if session is None else trained.in_force(session, workload.name, "classifier")
