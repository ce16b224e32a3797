"""What the tests of a server of one's own share: its options, requests of the house, and settings of a whole run."""

from pathlib import Path
from typing import Any

from models.engines.api.rate_limits import Backoff
from models.engines.server.address import ServerAddress
from models.engines.server.options import ServerOptions
from models.ids import new_id
from models.requests import Completion, Request
from models.settings import Settings, WorkloadSettings
from models.workloads.base import Workload
from tests.integration.pipeline.harness import settings_for
from tests.workloads import Enrichment, Sentiment

SENTIMENT = Sentiment(WorkloadSettings())
ENRICHMENT = Enrichment(WorkloadSettings())
SOON = Backoff(first=0.01, longest=0.05)
MODEL = "test-model"


def options(url: str, **more: Any) -> ServerOptions:  # noqa: ANN401  fields of ServerOptions
    """Make options for a test's server; a small window."""
    fields: dict[str, Any] = {"timeout_seconds": 5.0, "concurrency": 8, "window": 16} | more
    return ServerOptions(ServerAddress.of(url, ()), None, MODEL, **fields)


def request(text: str, key: str = "k", workload: Workload = SENTIMENT) -> Request:
    """Make a request of the house."""
    return Request(new_id(), key, workload.messages(text), workload.output_format, workload.max_tokens)


def requests(count: int, workload: Workload = SENTIMENT) -> list[Request]:
    """Make requests that all differ: texts `record 0.`, `record 1.` and so on."""
    return [request(f"record {number}.", str(number), workload) for number in range(count)]


def fates(completions: list[Completion], workload: Workload = SENTIMENT) -> dict[str, str]:
    """Return what becomes of each record: `answered`, `invalid`, or the rejection and its detail."""
    found = {}
    for one in completions:
        answered = "invalid" if one.value is None else "answered"
        found[one.request.record_key] = f"{one.rejection}:{one.detail}" if one.rejection else answered
    assert len(found) == len(completions), f"two completions of one record of {workload.name}"
    return found


def server_settings(folder: Path, url: str, **more: object) -> Settings:
    """Make settings whose local engine is the server at `url`."""
    values: dict[str, object] = {
        "engine": "server",
        "server_url": url,
        "model": MODEL,
        "server_timeout_seconds": 5.0,
    }
    return settings_for(folder, f"sqlite:///{folder / 'ledger.db'}", **(values | more))
