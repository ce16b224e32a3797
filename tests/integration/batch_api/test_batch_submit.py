"""A batch is submitted exactly once, wherever it is interrupted.

The server honours no idempotency key here unless a test says so: OpenAI promises none.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.engines.batch.client import BatchClient
from models.engines.batch.files import BatchFile
from models.engines.batch.status import BatchApiUnavailable, ProviderBatch
from tests.batch_api import BatchApi
from tests.batch_requests import KEY, one_file
from tests.batch_state import Rules

SINCE = datetime.now(UTC)
TEXTS = [f"text {number}" for number in range(12)]
STEPS = ["list_batches", "list_files", "upload_file", "create_batch"]
FAULTS = ["reset", "reset_after", "refuse", "refuse_after", "garbled", "empty", "slow"]
PROJECT = Path(__file__).resolve().parents[3]

MakeClient = Callable[..., BatchClient]


class Died(Exception):
    """Stands for the end of the process."""


def submit_until_done(client: BatchClient, file: BatchFile) -> tuple[ProviderBatch, int]:
    """Call `submit` as runs would that follow each other; return the batch and the number of calls."""
    known: list[str] = []
    for calls in range(1, 6):
        try:
            batch = client.submit(
                file.batch_id,
                file.path,
                since=SINCE,
                known_file_id=known[-1] if known else None,
                uploaded=known.append,
            )
        except BatchApiUnavailable:
            continue
        return batch, calls
    pytest.fail("it was never submitted")


def assert_submitted_once(api: BatchApi, file: BatchFile, batch: ProviderBatch) -> None:
    """There is one batch, and when it is done each request was answered, and billed, once."""
    assert list(api.book.batches) == [batch.id]
    assert batch.batch_id == file.batch_id
    for _ in range(3):
        api.step()
    assert sorted(line["custom_id"] for line in api.book.billed) == sorted(one.hex for one in file.ids)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_one_batch_whatever_fails_at_any_step(
    api: BatchApi, make_client: MakeClient, tmp_path: Path, step: str, kind: str
) -> None:
    """Each step, each fault, before and after it was done, twice in a row."""
    file = one_file(TEXTS, tmp_path)
    client = make_client(timeout_seconds=0.4 if kind == "slow" else 5.0)
    client._upload_seconds = 0.4 if kind == "slow" else 5.0
    api.fault(step, kind, times=2, seconds=0.6)
    batch, calls = submit_until_done(client, file)
    assert_submitted_once(api, file, batch)
    done = kind not in ("reset", "refuse")
    assert calls == {"upload_file": 2 if done else 3, "create_batch": 1 if done else 3}.get(step, 1)
    assert api.steps("create_batch") == (3 if step == "create_batch" and not done else 1)


def test_a_second_call_finds_the_batch_and_uploads_nothing(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """Killed after the creation, before its id was recorded: the metadata leads back to it."""
    file = one_file(TEXTS, tmp_path)
    first = client.submit(file.batch_id, file.path, since=SINCE)
    second = client.submit(file.batch_id, file.path, since=SINCE)
    assert first == second
    assert (api.steps("upload_file"), api.steps("create_batch")) == (1, 1)
    assert_submitted_once(api, file, second)


@pytest.mark.parametrize("kind", ["empty", "garbled", "refuse"])
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(
    api: BatchApi, client: BatchClient, tmp_path: Path, kind: str
) -> None:
    """Nothing is created while it is not known what exists."""
    file = one_file(TEXTS, tmp_path)
    batch = client.submit(file.batch_id, file.path, since=SINCE)
    api.fault("list_batches", kind, times=4)
    with pytest.raises(BatchApiUnavailable):
        client.submit(file.batch_id, file.path, since=SINCE)
    assert_submitted_once(api, file, batch)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_process_that_ends_while_it_records_the_file(
    api: BatchApi, client: BatchClient, tmp_path: Path, recorded: bool
) -> None:
    """The file is found again by its name or by its id; it is not uploaded twice."""
    file = one_file(TEXTS, tmp_path)
    known = []

    def uploaded(file_id: str) -> None:
        known.append(file_id)
        raise Died

    with pytest.raises(Died):
        client.submit(file.batch_id, file.path, since=SINCE, uploaded=uploaded)
    assert api.steps("create_batch") == 0
    batch = client.submit(file.batch_id, file.path, since=SINCE, known_file_id=known[0] if recorded else None)
    assert api.steps("upload_file") == 1
    assert_submitted_once(api, file, batch)


def test_a_creation_that_takes_effect_late_is_waited_for(
    api: BatchApi, make_client: MakeClient, tmp_path: Path
) -> None:
    """The client gave up on it after 0.2 s, the server makes the batch after 0.8 s: it is found."""
    file = one_file(TEXTS, tmp_path)
    api.fault("create_batch", "late", seconds=0.8)
    client = make_client(timeout_seconds=0.2, settle_seconds=3.0, sleep=threading.Event().wait)
    batch = client.submit(file.batch_id, file.path, since=SINCE)
    assert api.steps("create_batch") == 1
    assert_submitted_once(api, file, batch)


@pytest.mark.parametrize("rules", [Rules(idempotency=False, hidden_lists=3)])
def test_a_list_that_lags_behind_is_waited_for(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """The batch shows in the fourth list after its creation, whose answer was lost."""
    file = one_file(TEXTS, tmp_path)
    api.fault("create_batch", "reset_after")
    batch = client.submit(file.batch_id, file.path, since=SINCE)
    assert api.steps("list_batches") == 1 + 4
    assert_submitted_once(api, file, batch)


def test_no_waiting_where_nothing_went_wrong(
    client: BatchClient, tmp_path: Path, pauses: list[float]
) -> None:
    """The first submission of a file has nothing to wait for."""
    file = one_file(TEXTS, tmp_path)
    client.submit(file.batch_id, file.path, since=SINCE)
    assert pauses == []


def test_a_file_that_expired_is_uploaded_again(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """The id that was recorded leads nowhere any more; the new one is told."""
    file = one_file(TEXTS, tmp_path)
    told: list[str] = []
    batch = client.submit(
        file.batch_id, file.path, since=SINCE, known_file_id="file-gone", uploaded=told.append
    )
    assert told == [batch.input_file_id]
    assert_submitted_once(api, file, batch)


def test_a_file_that_the_provider_does_not_see_yet(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """A creation right after the upload can be told that there is no such file: later there is."""
    file = one_file(TEXTS, tmp_path)
    known: list[str] = []
    hidden: dict[str, object] = {}

    def uploaded(file_id: str) -> None:
        known.append(file_id)
        hidden[file_id] = api.book.files.pop(file_id)

    with pytest.raises(BatchApiUnavailable) as caught:
        client.submit(file.batch_id, file.path, since=SINCE, uploaded=uploaded)
    assert not caught.value.sent
    api.book.files |= hidden  # type: ignore[arg-type]
    batch = client.submit(file.batch_id, file.path, since=SINCE, known_file_id=known[0])
    assert_submitted_once(api, file, batch)


@pytest.mark.parametrize("rules", [Rules(idempotency=True)])
def test_the_creation_carries_our_id(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """In the metadata, and as the key of a server that honours one: a repetition is the same batch."""
    file = one_file(TEXTS, tmp_path)
    batch = client.submit(file.batch_id, file.path, since=SINCE, description="sentiment 2026-02-03")
    again = client.create(batch.input_file_id or "", file.batch_id)
    assert again.id == batch.id
    created = [entry for entry in api.log if entry["step"] == "create_batch"]
    assert {entry["idempotency_key"] for entry in created} == {f"breakeven-{file.batch_id.hex}"}
    assert api.book.batches[batch.id].fields["metadata"] == {
        "breakeven_batch": file.batch_id.hex,
        "description": "sentiment 2026-02-03",
    }


@pytest.fixture(scope="module")
def submitter() -> Iterator[subprocess.Popen[str]]:
    """Run `submitter.py`."""
    command = [sys.executable, "-m", "tests.integration.batch_api.submitter"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as child:
        yield child
        child.kill()


def start(submitter: subprocess.Popen[str], *arguments: object) -> int:
    """Let a new process submit; return its id."""
    assert submitter.stdin is not None
    submitter.stdin.write(json.dumps(arguments) + "\n")
    submitter.stdin.flush()
    return int(answer(submitter))


def answer(submitter: subprocess.Popen[str]) -> str:
    """Read a line: a process's id, or what it submitted."""
    assert submitter.stdout is not None
    return submitter.stdout.readline().strip()


@pytest.mark.parametrize("moment", ["hold", "hold_after"])
@pytest.mark.parametrize("step", STEPS)
def test_one_batch_wherever_the_process_is_killed(
    api: BatchApi, submitter: subprocess.Popen[str], tmp_path: Path, step: str, moment: str
) -> None:
    """SIGKILL while the server holds each step's request, before and after it does what it asks.

    What it holds, it does once the next process is at work: a server finishes what it was sent.
    """
    file = one_file(TEXTS, tmp_path)
    arguments = (api.url, str(file.path), str(tmp_path / "note"), 1.0)
    api.fault(step, moment)
    pid = start(submitter, *arguments)
    assert api.held.wait(30)
    os.kill(pid, signal.SIGKILL)
    assert answer(submitter) == ""
    asked = len(api.log)
    start(submitter, *arguments)
    while len(api.log) == asked:
        threading.Event().wait(0.005)
    api.release()
    said = answer(submitter)
    (batch,) = api.book.batches.values()
    assert batch.fields["id"] == said
    for _ in range(3):
        api.step()
    assert sorted(line["custom_id"] for line in api.book.billed) == sorted(one.hex for one in file.ids)
    assert KEY not in str(api.log)
