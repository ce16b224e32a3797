"""A Batch API server in a thread, and clients that do not really wait."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import tenacity

from models.engines.batch.client import BatchClient
from tests.batch_api import BatchApi
from tests.batch_requests import KEY, api_options
from tests.batch_state import Rules

SINCE = datetime.now(UTC)

MakeClient = Callable[..., BatchClient]


@pytest.fixture
def rules() -> Rules:
    """Let a test change what the server allows; the idempotency key helps nobody unless it is asked to."""
    return Rules(idempotency=False)


@pytest.fixture
def api(rules: Rules) -> Iterator[BatchApi]:
    """Run the server."""
    with BatchApi(rules, key=KEY) as server:
        yield server


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that clients would have waited."""
    found: list[float] = []
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=found.append))  # stamina waits by it
    return found


@pytest.fixture
def make_client(api: BatchApi, pauses: list[float]) -> Iterator[MakeClient]:
    """Return a factory of clients of the server."""
    with ExitStack() as stack:

        def make(*, timeout_seconds: float = 5.0, **more: object) -> BatchClient:
            options = api_options(api.url, timeout_seconds)
            made = BatchClient(options, **({"sleep": pauses.append} | more))  # type: ignore[arg-type]
            return stack.enter_context(made)

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> BatchClient:
    """Return one client."""
    return make_client()
