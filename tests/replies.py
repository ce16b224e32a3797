"""Requests and replies that the unit tests of the reading share."""

from typing import Any

from models.engines.api.permit import ApiPermit, ApiRequest
from models.ids import new_id
from models.requests import Choice, Message, OutputFormat
from models.settings import WorkloadSettings
from tests.workloads import Enrichment, Sentiment

WORKLOAD = Sentiment(WorkloadSettings())
CHOICE = Choice(("negative", "neutral", "positive"))
OBJECT = Enrichment(WorkloadSettings()).output_format
SYSTEM = (Message("system", "Classify."), Message("user", "late again"))


def request(output: OutputFormat = CHOICE, messages: tuple[Message, ...] = SYSTEM) -> ApiRequest:
    """Make a request of an output shape."""
    permit = ApiPermit.of(WORKLOAD)
    assert permit is not None
    return ApiRequest(new_id(), "k", messages, output, 16, permit=permit)


def reply(content: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a reply
    """Make the body of a chat completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": usage} | more
