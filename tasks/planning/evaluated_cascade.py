"""The cascade that the newest evaluation chose, where a workload's policy asks for it (`cascade = "evaluated"`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db import evaluations
from models.default_model import model_name
from models.errors import UsageError
from models.routing.policy import Policy
from models.settings import Settings
from models.workloads.base import Workload
from tasks.runtime.ledger_access import ledger_if_any


@dataclass(frozen=True, slots=True)
class EvaluatedCascade:
    """What each stage does. `classifier`: the confidence from which it answers, None: it is not used.

    `triage`: the name of the one that is asked before the local engine, and `least` below which a record goes past it, None: none is. `small`: whether the local engine is asked, and `min_confidence` below which its answers go on, None: none does. `api`: whether there is an API behind them.
    """

    classifier: float | None
    small: bool
    min_confidence: float | None
    api: bool
    triage: str | None = None
    least: float | None = None

    def apply(self, policy: Policy) -> Policy:
        """Return the policy under which the local engine and the API do this: what the classifier leaves goes to the API at once where the local engine does not pay."""
        changes: dict[str, object] = {"min_confidence": self.min_confidence}
        if self.api and not self.small:
            changes["not_viable"] = "api"
        return policy.model_copy(update=changes)


def find_cascade(
    workload: Workload, settings: Settings, classifier: str | None, *, has_api: bool
) -> EvaluatedCascade:
    """Return the cascade of the newest evaluation of this model and prompt; `classifier`: the name of that in force, None: there is none.

    `has_api`: whether records may go to the API; the evaluation must have been against this one. Raises `UsageError`, which says what to
    evaluate, where no evaluation fits, and where it was of another classifier.
    """
    with ledger_if_any(settings) as session:
        found = (
            None
            if session is None
            else evaluations.newest(
                session,
                workload.name,
                model=model_name(settings),
                prompt_fingerprint=workload.fingerprint,
                api_model=settings.api_model if has_api else None,
            )
        )
    figures: Mapping[str, Any] = {} if found is None else json.loads(found.figures)
    if figures.get("cascade") is None:
        beside = f" against {settings.api_model}" if has_api else ""
        raise _evaluate(
            workload,
            f"{model_name(settings)} was not evaluated with this prompt{beside} so that stages could be chosen",
        )
    evaluated = next((arm["model"] for arm in figures["arms"] if arm["name"] == "classifier"), None)
    thresholds = {stage["name"]: stage["threshold"] for stage in figures["cascade"]["stages"]}
    if classifier != evaluated and (classifier is not None or "classifier" in thresholds):
        in_force = "no classifier is in force" if classifier is None else f"{classifier} is in force"
        raise _evaluate(
            workload, f"{in_force}, and the newest evaluation was {_of(evaluated)}, so its stages do not fit"
        )
    if "api" in thresholds and not has_api:
        raise _evaluate(workload, "the newest evaluation was with an API, which may not be asked now")
    return _read(thresholds, figures["cascade"].get("triage"))


def _read(thresholds: Mapping[str, float | None], gate: Mapping[str, Any] | None) -> EvaluatedCascade:
    """Take the stages as they were chosen: the last one, without a threshold, takes whatever comes."""
    return EvaluatedCascade(
        classifier=(thresholds["classifier"] or 0.0) if "classifier" in thresholds else None,
        small="small" in thresholds,
        min_confidence=thresholds.get("small"),
        api="api" in thresholds,
        triage=None if gate is None or gate["threshold"] is None else gate["model"],
        least=None if gate is None else gate["threshold"],
    )


def _of(classifier: str | None) -> str:
    return "without one" if classifier is None else f"of {classifier}"


def _evaluate(workload: Workload, why: str) -> UsageError:
    return UsageError(
        f'the policy of {workload.name} has cascade = "evaluated", and {why}: run `breakeven evaluate {workload.name} --labels FILE`, '
        'or set cascade = "trained"'
    )
