"""From a record that waits to its request to the API."""

from uuid import UUID

from models.engines.api.permit import ApiRequest
from models.ids import new_id
from models.records import Escalated
from tasks.planning.checks import ApiPlan
from tasks.planning.run_plan import Plan


def api_request(plan: Plan, api: ApiPlan, escalated: Escalated, attempt_id: UUID | None = None) -> ApiRequest:
    """Render the next attempt of a record; `attempt_id` names one that was made already."""
    workload = plan.workload
    return ApiRequest(
        attempt_id or new_id(),
        escalated.record.key,
        workload.messages(escalated.record.text),
        workload.output_format,
        workload.max_tokens,
        escalated.attempts + 1,
        permit=api.permit,
        reason=escalated.reason,
    )
