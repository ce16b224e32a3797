"""The triage that was trained for a workload and is in force: it is asked before the local engine whether that will be right."""

import logging
from dataclasses import dataclass
from pathlib import Path

from db import trained
from models.default_model import model_name
from models.errors import UsageError
from models.routing.policy import Policy
from models.settings import Settings
from models.training.trained import TrainedModel, trained_folder
from models.workloads.base import Workload
from tasks.runtime.ledger_access import ledger_if_any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TriageInForce:
    """A triage, where it lies, and the probability of a right answer below which a record goes past the local engine."""

    model: TrainedModel
    folder: Path
    least: float

    @property
    def name(self) -> str:
        """Its name on ledger lines."""
        return self.model.name

    def other_labels(self) -> str:
        """Say that its folder holds something else."""
        return f"{self.folder} holds no triage: train another with `breakeven train {self.model.workload} --kind triage`"

    def facts(self) -> tuple[object, ...]:
        """Return what of it decides a partition's content."""
        return ("triage", self.name, self.model.weights_digest, self.least)


def find_triage(workload: Workload, settings: Settings) -> TrainedModel | None:
    """Return the triage in force; None: there is none, or it learnt the errors of another model or prompt, which is said."""
    with ledger_if_any(settings, update=True) as session:
        found = None if session is None else trained.in_force(session, workload.name, "triage")
    if found is None:
        return None
    now = model_name(settings)
    fault = (
        f"it learnt the errors of {found.base}, and the model is {now} now"
        if found.base != now
        else f"it belongs to another prompt ({found.prompt_version})"
        if found.prompt_fingerprint != workload.fingerprint
        else None
    )
    if fault is None:
        return found
    log.warning(
        "%s of %s is in force and not asked: %s; train another with `breakeven train %s --kind triage`",
        found.name,
        workload.name,
        fault,
        workload.name,
    )
    return None


def use_triage(model: TrainedModel, settings: Settings, least: float) -> TriageInForce:
    """Return how a run asks it. Raises `UsageError` in one line where its folder is gone."""
    name = model.workload
    folder = trained_folder(settings.output_dir, name, model.name)
    if not folder.is_dir():
        msg = (
            f"{model.name} of {name} is in force, but {folder} is gone: bring it back, train another with `breakeven train {name} --kind triage`, "
            f"or go on without it: `breakeven trained retire {name} {model.name}`"
        )
        raise UsageError(msg)
    return TriageInForce(model, folder, least)


def may_pass(policy: Policy, *, has_api: bool) -> bool:
    """Whether a record may go past the local engine to the API because it is complex."""
    return has_api and "complex" in policy.escalate and policy.not_viable != "api"


def other_triage(workload: str, evaluated: str, model: TrainedModel | None) -> str:
    """Say that the triage of an evaluated cascade is not the one in force."""
    now = "none is in force" if model is None else f"{model.name} is in force"
    return (
        f'the policy of {workload} has cascade = "evaluated", and the newest evaluation chose {evaluated} before the small model, while {now}: '
        f"`breakeven trained use {workload} {evaluated}`, or evaluate again"
    )
