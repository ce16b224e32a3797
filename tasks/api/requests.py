"""From a record that waits to its request to the API."""

from dataclasses import dataclass
from uuid import UUID

from models.engines.api.permit import ApiPermit, ApiRequest
from models.ids import new_id
from models.records import Escalated
from models.requests import Message
from models.workloads.base import Workload
from models.workloads.limits import told


@dataclass(slots=True)
class ApiRequests:
    """Renders the requests of a workload that has permission to send its records.

    `reasoning_room`: tokens that the model may reason with, beside those of the answer.
    """

    workload: Workload
    permit: ApiPermit
    reasoning_room: int

    def render(
        self, escalated: Escalated, attempt_id: UUID | None = None, number: int | None = None
    ) -> ApiRequest:
        """Render the next attempt of a record; `attempt_id` and `number` name one that was made already."""
        workload = self.workload
        return ApiRequest(
            attempt_id or new_id(),
            escalated.record.key,
            _corrected(workload.messages(escalated.record.text), escalated.correction),
            workload.output_format,
            workload.max_tokens,
            escalated.attempts + 1 if number is None else number,
            permit=self.permit,
            reason=escalated.reason,
            reasoning_room=self.reasoning_room,
            failures=escalated.failures,
        )


def _corrected(messages: tuple[Message, ...], correction: str | None) -> tuple[Message, ...]:
    """Tell the model, behind the record, which rule its answer broke; another request, so no answer of the first is reused."""
    if correction is None:
        return messages
    *before, last = messages
    return (*before, Message(last.role, told(last.content, correction)))
