"""What the API engine's tests share: a journal in memory, requests, options, and the check of the books."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit, ApiRequest, OpenAttempt
from models.engines.api.rate_limits import Backoff, Limits
from models.ids import new_id
from models.requests import ClosedAttempt, Completion
from models.settings import WorkloadSettings
from models.workloads.base import InvalidOutput, Workload
from tests.faulty_api import FaultyApi, Seen
from tests.workloads import Enrichment, Sentiment

KEY = "sk-test-0123456789-never-to-be-seen"
SENTIMENT = Sentiment(WorkloadSettings())
ENRICHMENT = Enrichment(WorkloadSettings())
SOON = Backoff(first=0.01, longest=0.05)


def options(url: str, **more: Any) -> ApiOptions:  # noqa: ANN401 - fields of ApiOptions
    """Make options for a test's server; small waits."""
    fields: dict[str, Any] = {"timeout_seconds": 5.0, "concurrency": 8, "breaker_seconds": 0.2} | more
    return ApiOptions(url, fields.pop("key", SecretStr(KEY)), "test-model", **fields)


def limits(asked: ApiOptions, backoff: Backoff = SOON) -> Limits:
    """Make an engine's own limits with little backing off."""
    return Limits.from_options(asked, backoff)


def closed_port() -> str:
    """Return an address at which nobody listens."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def request(text: str, key: str = "k", workload: Workload = SENTIMENT) -> ApiRequest:
    """Make a request of a workload for a record's text."""
    permit = ApiPermit.of(workload)
    assert permit is not None
    messages = workload.messages(text)
    return ApiRequest(new_id(), key, messages, workload.output_format, workload.max_tokens, permit=permit)


@dataclass
class Book:
    """A journal in memory. It refuses what no journal may see: a line opened or closed twice.

    `cap` names the budget cap that stands against an attempt, if one does. `error` is raised by `open`,
    a transaction of which takes `seconds`; `at_work` is set when the first begins.
    """

    seconds: float = 0.0
    cap: Callable[[OpenAttempt], str | None] = lambda _: None
    error: Exception | None = None
    lines: dict[UUID, OpenAttempt] = field(default_factory=dict)
    closed: dict[UUID, ClosedAttempt] = field(default_factory=dict)
    transactions: list[int] = field(default_factory=list)
    at_work: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Write attempts down, except those that a cap stands against."""
        self.at_work.set()
        time.sleep(self.seconds)
        with self._lock:
            if self.error is not None:
                raise self.error
            self.transactions.append(len(attempts))
            refused: dict[UUID, str] = {}
            for attempt in attempts:
                assert attempt.id not in self.lines, "opened twice"
                if (cap := self.cap(attempt)) is None:
                    self.lines[attempt.id] = attempt
                else:
                    refused[attempt.id] = cap
            return refused

    def answered(self, attempt: ClosedAttempt) -> None:
        """Hear of an answer: it is to an attempt that is open."""
        with self._lock:
            assert attempt.id in self.lines, "answered without having been opened"
            assert attempt.id not in self.closed, "answered when it was closed"

    def close(self, closed: Sequence[ClosedAttempt]) -> None:
        """Close lines."""
        with self._lock:
            for one in closed:
                assert one.id in self.lines, "closed without having been opened"
                assert one.id not in self.closed, "closed twice"
                self.closed[one.id] = one

    def settle(self, completions: Iterable[Completion]) -> None:
        """Close the attempts that completions carry, as the pipeline's commit does."""
        self.close([done.attempt for done in completions if done.attempt is not None])

    def of_record(self, key: str) -> list[str]:
        """Return how the attempts of a record ended, in their order, such as `failed:http_429` and `ok`."""
        lines = sorted(
            (line for line in self.lines.values() if line.request.record_key == key), key=lambda a: a.number
        )
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        return [ending(self.closed.get(line.id)) for line in lines]


def ending(closed: ClosedAttempt | None) -> str:
    """Say how an attempt ended in one word."""
    if closed is None:
        return "pending"
    return closed.outcome if closed.failure is None else f"{closed.outcome}:{closed.failure}"


class Watch:
    """Looks into the journal at the moment the server sees a request: its attempt must stand there.

    It is open then, or, where the client has given the reply up already, of unknown outcome.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self.violations: list[str] = []

    def __call__(self, seen: Seen) -> None:
        """Check one request."""
        identity = UUID(seen.attempt)
        closed = self._book.closed.get(identity)
        if identity not in self._book.lines or (closed and closed.outcome != "unknown_outcome"):
            self.violations.append(f"{seen.attempt}: {ending(closed)}")


def check_books(book: Book, api: FaultyApi) -> None:
    """Check that each request the server saw has one line, that all lines are closed, and for what.

    A line of a request that the server never saw (lost on its way) is not `ok`; one that the server
    billed and whose answer arrived holds the very usage that was billed; none that it billed is `failed`.
    """
    seen = {UUID(one.attempt): one for one in api.seen}
    assert len(seen) == len(api.seen), "an attempt was sent twice"
    assert seen.keys() <= book.lines.keys(), "a request without a line"
    assert book.lines.keys() == book.closed.keys(), "a line that was left open"
    for identity, closed in book.closed.items():
        if identity not in seen:
            assert closed.outcome != "ok", "never seen, but answered"
            assert closed.usage is None, "never seen, but billed"
        elif closed.usage is not None:
            billed = seen[identity].usage
            assert billed is not None
            assert closed.usage.input_tokens == billed["prompt_tokens"]
            assert closed.usage.output_tokens == billed["completion_tokens"]
        elif closed.outcome == "failed":
            assert seen[identity].usage is None, "billed, but closed as free"


def fate(done: Completion, workload: Workload = SENTIMENT) -> str:
    """Say what becomes of a record with this completion, in the pipeline's words."""
    if done.deferral is not None:
        return f"deferred:{done.deferral}"
    if done.rejection is not None:
        return f"quarantined:{done.rejection}"
    try:
        workload.parse("", done)
    except InvalidOutput:
        return "quarantined:invalid_output"
    return "published"
