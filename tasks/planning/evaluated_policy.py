"""What the newest evaluation says where a workload's policy asks for it."""

from sqlalchemy.orm import Session

from db import evaluations
from models.default_model import model_name
from models.errors import UsageError
from models.routing.policy import Policy
from models.routing.rules import asks_evaluation, fill_from_evaluation
from models.settings import Settings
from models.workloads.base import Workload
from tasks.runtime.ledger_access import ledger_if_any


def apply_evaluation(policy: Policy, workload: Workload, settings: Settings) -> Policy:
    """Return the policy with the evaluated threshold and verdict looked up; as it is where it asks for neither.

    Raises `UsageError` where this model and prompt were never evaluated against this API model.
    """
    if not asks_evaluation(policy):
        return policy
    with ledger_if_any(settings) as session:
        found = None if session is None else _newest(session, workload, settings)
    if found is None:
        msg = (
            f"the policy of {workload.name} asks for its evaluation, and {model_name(settings)} was not evaluated with "
            f"this prompt against {settings.api_model}: run `breakeven evaluate {workload.name} --labels FILE`, "
            "or set a number as min_confidence"
        )
        raise UsageError(msg)
    return fill_from_evaluation(policy, viability=found.viability, threshold=found.threshold)


def _newest(session: Session, workload: Workload, settings: Settings) -> evaluations.Stored | None:
    return evaluations.newest(
        session,
        workload.name,
        model=model_name(settings),
        prompt_fingerprint=workload.fingerprint,
        api_model=settings.api_model,
    )
