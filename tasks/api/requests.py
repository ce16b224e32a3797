"""From a record that waits to its request to the API."""

from dataclasses import dataclass
from uuid import UUID

from models.engines.api.permit import ApiPermit, ApiRequest
from models.ids import new_id
from models.records import Escalated
from models.workloads.base import Workload


@dataclass(slots=True)
class ApiRequests:
    """Renders the requests of a workload that has permission to send its records.

    `reasoning_room`: tokens that the model may reason with, beside those of the answer.
    """

    workload: Workload
    permit: ApiPermit
    reasoning_room: int

    def render(self, escalated: Escalated, attempt_id: UUID | None = None) -> ApiRequest:
        """Render the next attempt of a record; `attempt_id` names one that was made already."""
        workload = self.workload
        return ApiRequest(
            attempt_id or new_id(),
            escalated.record.key,
            workload.messages(escalated.record.text),
            workload.output_format,
            workload.max_tokens,
            escalated.attempts + 1,
            permit=self.permit,
            reason=escalated.reason,
            reasoning_room=self.reasoning_room,
            failures=escalated.failures,
        )
