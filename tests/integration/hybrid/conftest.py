"""Fixtures of the pipeline's tests, for the tests of local engine and API together; and one for those of batches."""

from functools import partial
from types import SimpleNamespace

import pytest
import tenacity

from models.engines.batch import client
from models.engines.batch.client import BatchClient
from tasks.api import batch_submit
from tests.integration.hybrid.batch_harness import SETTLE_SECONDS
from tests.integration.pipeline.conftest import make_url, runner

__all__ = ["make_url", "runner"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what may be under way, and not at all before an endpoint is asked again."""
    monkeypatch.setattr(batch_submit, "settle_seconds", SETTLE_SECONDS)
    monkeypatch.setattr(client, "BatchClient", partial(BatchClient, sleep=lambda _: None))
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=lambda _: None))  # stamina waits by it
