"""Requests and options for tests of the Batch API."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import SecretStr

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import request_body
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit, ApiRequest
from models.engines.batch.files import BatchFile, BatchLimits, write_batches
from models.ids import new_id
from models.requests import JsonValue, Message
from models.settings import WorkloadSettings
from tests.workloads import Sentiment

KEY = "sk-a-key-that-nobody-may-see"
MODEL = "gpt-4o-mini"
LIMITS = BatchLimits(50_000, 200_000_000)


def api_requests(texts: Iterable[str]) -> Iterator[ApiRequest]:
    """Make one request for each text, lazily."""
    workload = Sentiment(WorkloadSettings())
    permit = ApiPermit.of(workload)
    assert permit is not None
    for number, text in enumerate(texts):
        message = Message("user", text)
        yield ApiRequest(new_id(), f"r{number}", (message,), workload.output_format, 16, permit=permit)


def api_options(url: str = "http://127.0.0.1:9/v1", timeout_seconds: float = 5.0) -> ApiOptions:
    """Options for a server of a test."""
    return ApiOptions(url, SecretStr(KEY), MODEL, timeout_seconds=timeout_seconds)


def wire_body(request: ApiRequest) -> dict[str, JsonValue]:
    """Render a request as the product does."""
    return request_body(request, api_options(), EndpointCapabilities())


def words(request: ApiRequest) -> int:
    """Count a request's words as tokens."""
    return sum(len(message.content.split()) for message in request.messages)


def one_file(texts: Iterable[str], folder: Path) -> BatchFile:
    """Write all texts into one request file."""
    (made,) = write_batches(api_requests(texts), folder, LIMITS, body=wire_body, tokens=words)
    assert isinstance(made, BatchFile)
    return made
