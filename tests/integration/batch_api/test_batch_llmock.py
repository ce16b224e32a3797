"""The Batch API client against `llmock`, a server that others wrote, and our own server as a process."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from models.engines.api.chat_format import parse_answer
from models.engines.batch.client import BatchClient
from models.engines.batch.files import ENDPOINT
from models.engines.batch.results import ResultReader
from models.engines.batch.status import ProviderBatch
from models.ids import new_id
from tests.batch_requests import api_options, api_requests, one_file

SINCE = datetime.now(UTC)
PROJECT = Path(__file__).resolve().parents[3]


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments; end it afterwards."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def llmock_url() -> Iterator[str]:
    """Run llmock; yield the base URL of its OpenAI part."""
    port = free_port()
    start = "from llmock.cli import app; app()"
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with process("-c", start, *serve) as child:
        for _ in range(600):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/health").raise_for_status()
                break
            except httpx2.TransportError:
                assert child.poll() is None
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture
def client(llmock_url: str) -> Iterator[BatchClient]:
    """Return a client of llmock."""
    with BatchClient(api_options(llmock_url), settle_seconds=0.5) as made:
        yield made


def ended(client: BatchClient, batch: ProviderBatch) -> ProviderBatch:
    """Poll until a batch has ended."""
    for _ in range(200):
        if batch.ended:
            return batch
        time.sleep(0.05)
        batch = client.poll(batch.id)
    pytest.fail(f"still {batch.status}")


def read(client: BatchClient, batch: ProviderBatch, reader: ResultReader) -> dict[str, int]:
    """Read output file and error file; count the results by kind or failure."""
    counts: dict[str, int] = {}
    for file_id in (batch.output_file_id, batch.error_file_id):
        for result in reader.read(client.download(file_id)) if file_id else ():
            name = result.failure or result.kind
            counts[name] = counts.get(name, 0) + 1
    return counts


def test_failed_rows_of_llmock_are_read_from_the_error_file(client: BatchClient, tmp_path: Path) -> None:
    """40 answers, 2 failed rows, 1 row that it could not read; and a batch in which every row fails.

    llmock cannot list files, so the file of a second call is not looked for; the batch is found all the
    same.
    """
    file = one_file([f"text {number}" for number in range(43)], tmp_path)
    lines = file.path.read_text().splitlines(keepends=True)
    bad = [line.replace(ENDPOINT, "/v1/nothing") for line in lines[:2]]
    file.path.write_text("".join([*bad, *lines[2:-1], lines[-1][: len(lines[-1]) // 2]]))
    batch = client.submit(file.batch_id, file.path, since=SINCE, description="sentiment")
    lost = one_file(["a", "b"], tmp_path)
    lost.path.write_text(lost.path.read_text().replace(ENDPOINT, "/v1/nothing"))
    all_failed = client.submit(lost.batch_id, lost.path, since=SINCE)
    assert client.submit(file.batch_id, file.path, since=SINCE).id == batch.id

    batch, all_failed = ended(client, batch), ended(client, all_failed)
    reader, lost_reader = ResultReader(file.ids), ResultReader(lost.ids)
    assert read(client, batch, reader) == {"answered": 40, "unsupported_endpoint": 2}
    assert (batch.total, batch.completed, batch.failed) == (43, 40, 3)
    assert reader.missing == {file.ids[-1]}
    assert reader.tally.unknown == 1
    assert (all_failed.status, all_failed.failure) == ("failed", None)
    assert read(client, all_failed, lost_reader) == {"unsupported_endpoint": 2}
    assert lost_reader.missing == frozenset()


def test_answers_of_llmock_are_chat_completions(client: BatchClient, tmp_path: Path) -> None:
    """With the usage that it counted; its text is no label, which is the workload's to judge."""
    file = one_file(["a text of five words"], tmp_path)
    batch = ended(client, client.submit(file.batch_id, file.path, since=SINCE))
    (result,) = ResultReader(file.ids).read(client.download(batch.output_file_id or ""))
    parsed = parse_answer(next(api_requests(["a"])), result.body)
    assert parsed.malformed is None
    assert parsed.usage is not None
    assert parsed.usage.input_tokens > 0
    client.delete_file(batch.output_file_id or "")


def test_a_batch_that_llmock_does_not_have_is_not_found(client: BatchClient) -> None:
    """Over all its pages."""
    assert client.find(new_id(), SINCE) is None


def test_our_own_server_runs_as_a_process(tmp_path: Path) -> None:
    """It is steered over HTTP, goes on by itself where it is told to, and logs what it was asked."""
    log = tmp_path / "log.jsonl"
    rules = json.dumps({"auto": True, "window_seconds": 60})
    with process("-m", "tests.batch_api", "--log", str(log), "--rules", rules) as child:
        assert child.stdout is not None
        root = f"http://127.0.0.1:{child.stdout.readline().strip()}"
        file = one_file(["a", "b"], tmp_path)
        fault = {"step": "create_batch", "kind": "reset_after"}
        httpx2.post(f"{root}/_test/fault", json=fault).raise_for_status()
        with BatchClient(api_options(f"{root}/v1"), settle_seconds=0.5) as client:
            batch = client.submit(file.batch_id, file.path, since=SINCE)
            batch = ended(client, batch)
        state = httpx2.post(f"{root}/_test/state").json()
    assert batch.status == "completed"
    assert sorted(one["custom_id"] for one in state["billed"]) == sorted(one.hex for one in file.ids)
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == [entry["step"] for entry in state["log"]]
    assert steps.count("create_batch") == 1
