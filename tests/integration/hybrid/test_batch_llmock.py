"""A partition in batches against `llmock`, a Batch API server that others wrote, with failed rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
import tenacity

from models.engines.batch import client
from models.engines.batch.client import BatchClient
from models.engines.batch.files import ENDPOINT
from models.run import RunResult
from tasks.api import batch_submit
from tasks.planning.request import RunRequest
from tasks.run.run_partition import collect_partition, run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.batch_api.test_batch_llmock import free_port, process
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    check_prices,
    outcomes,
    texts_of,
    write_texts,
)
from tests.integration.pipeline.books import check_sums, table
from tests.integration.pipeline.harness import DAY, leftovers

WORKLOAD = "classification"
LABELS = ("Mock response from test-model.", "Mock response from test-model")
"""What llmock answers, and a label that would read the same in words, so that both are taken as they stand."""


@contextmanager
def llmock(port: int, *more: str) -> Iterator[None]:
    """Run llmock on a port, with `more` options; it says the same to everybody."""
    start = "from llmock.cli import app; app()"
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with process("-c", start, *serve, "--response-style", "static", *more) as child:
        for _ in range(600):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/health").raise_for_status()
                break
            except httpx2.TransportError:
                assert child.poll() is None
                time.sleep(0.05)
        yield


def spoil(file: Path) -> None:
    """Let two rows of a request file ask for what is not there, and cut the last one."""
    *lines, last = file.read_text().splitlines(keepends=True)
    bad = [line.replace(ENDPOINT, "/v1/nothing") for line in lines[:2]]
    file.write_text("".join([*bad, *lines[2:], last[: len(last) // 2]]))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_failed_rows_are_asked_for_again(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint is down when the run ends; collecting submits, reads both files, asks again, and publishes.

    Rows that llmock could not serve are asked for in a second batch, that of the row it could not read is of
    unknown outcome; the usage of every answer is what it reported.
    """
    monkeypatch.setattr(batch_submit, "settle_seconds", 0.2)
    monkeypatch.setattr(client, "BatchClient", partial(BatchClient, sleep=lambda _: None))
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=lambda _: None))  # stamina waits by it
    port = free_port()
    policy = {"min_confidence": 0.99}
    settings = batch_settings(
        tmp_path,
        database_url,
        f"http://127.0.0.1:{port}/v1",
        batch_max_requests=8,
        workloads={WORKLOAD: {"policy": policy, "labels": LABELS}},
    )
    source = write_texts(tmp_path, texts_of(20))

    def collect() -> RunResult:
        return collect_partition(WORKLOAD, DAY, settings=settings)

    with shared_engine(settings, lambda _: ScriptedEngine()):
        result = run_request(RunRequest(WORKLOAD, DAY, str(source)), settings)
    assert (result.state, result.waiting) == ("waiting", {"batch": 20})
    first, *_ = sorted(settings.output_dir.rglob("*.jsonl"))
    spoil(first)
    with llmock(port):
        assert collect().waiting == {"batch": 20}
        deadline = time.monotonic() + 60
        while result.state == "waiting" and time.monotonic() < deadline:
            time.sleep(0.5)
            result = collect()
    assert (result.state, result.published, result.quarantined) == ("completed", 20, 0)
    assert outcomes(batch_lines(settings)) == {
        "ok": 20,
        "failed:unsupported_endpoint": 2,
        "unknown_outcome:no_answer": 1,
    }
    assert len(table(settings, "batches")) == 4
    answered = [line for line in batch_lines(settings) if line.outcome == "ok"]
    assert all(line.input_tokens > 0 and line.output_tokens > 0 and not line.estimated for line in answered)
    check_sums(settings)
    check_prices(settings)
    assert leftovers(settings) == []
