"""The Batch API client against a server with the public semantics, which misbehaves when told to."""

import json
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina

from models.engines.api.chat_format import parse_answer
from models.engines.batch.client import BatchClient
from models.engines.batch.results import ResultReader
from models.engines.batch.status import BatchApiRefused, BatchApiUnavailable, BatchFailure, ProviderBatch
from models.errors import ApiAccessError, OutputError
from models.ids import new_id
from tests.batch_api import BatchApi
from tests.batch_requests import KEY, api_options, api_requests, one_file
from tests.batch_state import Rules

SINCE = datetime.now(UTC)
DAY = 86_400

MakeClient = Callable[..., BatchClient]


def submitted(client: BatchClient, folder: Path, texts: list[str]) -> tuple[ProviderBatch, ResultReader]:
    """Submit texts as one batch; return it and the reader of its results."""
    file = one_file(texts, folder)
    batch = client.submit(file.batch_id, file.path, since=SINCE, description="sentiment 2026-02-03")
    return batch, ResultReader(file.ids)


def collected(client: BatchClient, batch: ProviderBatch, reader: ResultReader) -> dict[str, int]:
    """Read both files of a batch that has ended; count the results by kind and failure."""
    counts: dict[str, int] = {}
    for file_id in (batch.output_file_id, batch.error_file_id):
        for result in reader.read(client.download(file_id)) if file_id else ():
            name = result.failure or result.kind
            counts[name] = counts.get(name, 0) + 1
    return counts


def test_a_batch_goes_its_way_and_every_request_is_answered_once(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """Through all states; 300 answers in another order than they were asked for, each a valid label."""
    batch, reader = submitted(client, tmp_path, [f"text {n}" for n in range(300)])
    states = [batch.status]
    while not batch.ended:
        api.step()
        batch = client.poll(batch.id)
        states.append(batch.status)
    assert states == ["validating", "in_progress", "finalizing", "completed"]
    assert (batch.total, batch.completed, batch.failed) == (300, 300, 0)
    results = list(reader.read(client.download(batch.output_file_id or "")))
    assert [result.id for result in results] != sorted(result.id for result in results)
    assert reader.missing == frozenset()
    any_request = next(api_requests(["any"]))
    parsed = [parse_answer(any_request, result.body) for result in results]
    assert {one.value for one in parsed} == {"negative", "neutral", "positive"}
    assert sum(one.usage.input_tokens for one in parsed if one.usage) == sum(
        line["tokens"] for line in api.book.billed
    )
    assert len(api.book.billed) == 300


def test_failed_rows_stand_in_the_error_file(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """Both files are read; damaged and absent lines leave their requests missing."""
    texts = [
        *("fine", "fine too", "[[status 500]]", "[[status 400 context_length_exceeded]]"),
        *("[[error request_timeout]]", "[[missing]]", "[[garbled]]", "[[twice]]", "[[stranger]]"),
    ]
    batch, reader = submitted(client, tmp_path, texts)
    for _ in range(3):
        api.step()
    batch = client.poll(batch.id)
    assert collected(client, batch, reader) == {
        "answered": 4,
        "http_500": 1,
        "http_400": 1,
        "request_timeout": 1,
    }
    assert len(reader.missing) == 2
    assert (reader.tally.undecodable, reader.tally.repeated, reader.tally.unknown) == (1, 1, 1)


def test_what_an_expired_batch_has_answered_is_kept(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """The rest stands in the error file as `batch_expired`; only the answers are billed."""
    batch, reader = submitted(client, tmp_path, [f"text {n}" for n in range(20)])
    api.step()
    api.work(batch.id, 7)
    api.advance(DAY - 60)
    assert not client.poll(batch.id).ended
    api.advance(120)
    batch = client.poll(batch.id)
    assert (batch.status, batch.ended, batch.completed) == ("expired", True, 7)
    assert collected(client, batch, reader) == {"answered": 7, "batch_expired": 13}
    assert len(api.book.billed) == 7


def test_a_cancelled_batch_gives_what_it_has(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """It ends with the next step; to cancel it again changes nothing."""
    batch, reader = submitted(client, tmp_path, [f"text {n}" for n in range(9)])
    api.step()
    api.work(batch.id, 4)
    assert client.cancel(batch.id).status == "cancelling"
    api.step()
    batch = client.cancel(batch.id)
    assert (batch.status, batch.ended) == ("cancelled", True)
    assert collected(client, batch, reader) == {"answered": 4, "batch_cancelled": 5}


@pytest.mark.parametrize(
    ("rules", "text", "failure"),
    [
        (Rules(max_requests=2), "text", BatchFailure("never", ("too_many_tasks",))),
        (Rules(max_bytes=900), "text", BatchFailure("never", ("file_too_large",))),
        (Rules(models=("gpt-9",)), "text", BatchFailure("account", ("model_not_found",), (1, 2, 3))),
    ],
)
def test_a_refused_file_says_why(
    api: BatchApi, client: BatchClient, tmp_path: Path, text: str, failure: BatchFailure
) -> None:
    """The batch has failed, with no files; nothing is billed."""
    batch, _ = submitted(client, tmp_path, [text] * 3)
    api.step()
    batch = client.poll(batch.id)
    assert (batch.status, batch.ended, batch.failure) == ("failed", True, failure)
    assert (batch.output_file_id, batch.error_file_id, api.book.billed) == (None, None, [])


def test_a_doubled_request_is_refused(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """The line that repeats a custom_id is named."""
    file = one_file(["a", "b"], tmp_path)
    file.path.write_bytes(file.path.read_bytes() + file.path.read_bytes().splitlines(keepends=True)[1])
    batch = client.submit(file.batch_id, file.path, since=SINCE)
    api.step()
    assert client.poll(batch.id).failure == BatchFailure("never", ("duplicate_custom_id",), (3,))


@pytest.mark.parametrize("rules", [Rules(enqueued_tokens=60)])
def test_enqueued_tokens_are_free_again_once_a_batch_has_ended(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """The second batch fails, to be tried later under a new id; later it passes."""
    text = "word " * 20
    first, _ = submitted(client, tmp_path, [text, text])
    api.step(first.id)
    second, _ = submitted(client, tmp_path, [text])
    api.step(second.id)
    assert client.poll(second.id).failure == BatchFailure("later", ("token_limit_exceeded",))
    for _ in range(2):
        api.step(first.id)
    third, _ = submitted(client, tmp_path, [text])
    assert api.step(third.id) == ["in_progress"]


def test_a_batch_is_found_on_a_later_page(api: BatchApi, client: BatchClient, tmp_path: Path) -> None:
    """Behind 230 newer ones of others; one that does not exist is looked for no further than its time."""
    batch, _ = submitted(client, tmp_path, ["a"])
    for _ in range(230):
        api.book.create({**_create_body(batch), "metadata": None}, None)
    found = client.find(batch.batch_id or new_id(), SINCE)
    assert found is not None
    assert found.id == batch.id
    assert api.steps("list_batches") == 1 + 3
    api.advance(3600)
    for _ in range(150):
        api.book.create(_create_body(batch), None)
    before = api.steps("list_batches")
    assert client.find(new_id(), SINCE + timedelta(seconds=3000)) is None
    assert api.steps("list_batches") == before + 2


def _create_body(batch: ProviderBatch) -> dict[str, object]:
    return {
        "input_file_id": batch.input_file_id,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }


@pytest.mark.parametrize("kind", ["cut", "reset_after", "refuse", "slow"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    api: BatchApi, make_client: MakeClient, tmp_path: Path, kind: str
) -> None:
    """Every line comes once, whatever happened to the connection."""
    client = make_client(timeout_seconds=0.3)
    batch, reader = submitted(client, tmp_path, [f"text {n}" for n in range(200)])
    for _ in range(3):
        api.step()
    batch = client.poll(batch.id)
    api.fault("download", kind, times=2, seconds=0.6)
    assert collected(client, batch, reader) == {"answered": 200}
    assert reader.tally.repeated == 0
    assert api.steps("download") == 3


def test_a_download_that_never_succeeds_says_so(
    api: BatchApi, client: BatchClient, tmp_path: Path, pauses: list[float]
) -> None:
    """After a few attempts, with growing pauses."""
    batch, reader = submitted(client, tmp_path, ["a"])
    for _ in range(3):
        api.step()
    batch = client.poll(batch.id)
    api.fault("download", "cut", times=9)
    with pytest.raises(BatchApiUnavailable, match="no_connection"):
        collected(client, batch, reader)
    assert pauses == [0.5, 1.0, 2.0]


def test_lines_end_at_line_feeds_alone(api: BatchApi, client: BatchClient) -> None:
    """JSON may hold U+2028 and its like, which other readers take for the end of a line."""
    content = '{"a": "\u2028\u0085"}\n{"b": 1}'.encode()
    file = api.book.store("x", "batch_output", content)
    assert list(client.download(file.id)) == content.split(b"\n")


@pytest.mark.parametrize("asked", ["7", "86400", "Thu, 01 Jan 1970 00:00:00 GMT", "tomorrow", "nan"])
def test_a_poll_waits_as_long_as_it_is_asked_to(
    api: BatchApi, client: BatchClient, tmp_path: Path, pauses: list[float], asked: str
) -> None:
    """`Retry-After` is obeyed up to half a minute; a date is read, and what is neither is passed over."""
    batch, _ = submitted(client, tmp_path, ["a"])
    api.fault("get_batch", "refuse", status=429, retry_after=asked)
    assert client.poll(batch.id).status == "validating"
    assert pauses == [{"7": 7.0, "86400": 30.0, "tomorrow": 0.5, "nan": 0.5}.get(asked, 0.0)]


@pytest.mark.parametrize("kind", ["reset", "reset_after", "refuse", "garbled", "empty"])
def test_a_poll_survives_a_burst_of_faults(
    api: BatchApi, client: BatchClient, tmp_path: Path, kind: str
) -> None:
    """Three in a row; a fourth is the caller's to hear of."""
    batch, _ = submitted(client, tmp_path, ["a"])
    api.fault("get_batch", kind, times=3)
    assert client.poll(batch.id) == batch
    api.fault("get_batch", kind, times=4)
    with pytest.raises(BatchApiUnavailable, match="try again later"):
        client.poll(batch.id)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "invalid_api_key", "BREAKEVEN_API_KEY"),
        (403, None, "BREAKEVEN_API_KEY"),
        (404, "model_not_found", "BREAKEVEN_API_MODEL"),
        (404, None, "BREAKEVEN_API_MODE=sync"),
        (429, "insufficient_quota", "quota"),
    ],
)
def test_no_access_is_one_clear_line(
    api: BatchApi, client: BatchClient, tmp_path: Path, status: int, code: str | None, said: str
) -> None:
    """It is not tried again, and names what to set; neither key nor reply come with it."""
    api.fault("list_batches", "refuse", status=status, code=code)
    with pytest.raises(ApiAccessError, match=said) as caught:
        submitted(client, tmp_path, ["a"])
    assert "\n" not in str(caught.value)
    assert "injected" not in str(caught.value)
    assert api.steps("list_batches") == 1


@pytest.mark.parametrize("step", ["list_batches", "upload_file", "create_batch"])
@pytest.mark.parametrize("status", [301, 307, 308])
def test_no_request_follows_a_redirect(
    api: BatchApi, client: BatchClient, tmp_path: Path, step: str, status: int
) -> None:
    """Records and key go to the endpoint that is set and to no other, whatever it answers."""
    with BatchApi() as other:
        api.fault(step, "refuse", status=status, location=f"{other.url}/files")
        with pytest.raises(ApiAccessError, match="BREAKEVEN_API_BASE_URL"):
            submitted(client, tmp_path, ["a"])
        assert other.log == []


def test_a_model_that_is_gone_is_told_with_its_successor(api: BatchApi, tmp_path: Path) -> None:
    """A 404 for a model whose end is known says when it left and what takes its place."""
    api.fault("list_batches", "refuse", status=404, code="model_not_found")
    options = replace(api_options(api.url), model="gpt-4.1-nano")
    with BatchClient(options) as client, pytest.raises(ApiAccessError, match=r"successor is gpt-5\.6-luna"):
        submitted(client, tmp_path, ["a"])


def test_a_batch_that_the_provider_does_not_know_is_refused(client: BatchClient) -> None:
    """Another account's, for example; to ask again would change nothing."""
    with pytest.raises(BatchApiRefused) as caught:
        client.poll("batch_unknown")
    assert caught.value.status == 404


def test_an_endpoint_that_is_away_is_unavailable(pauses: list[float]) -> None:
    """Nobody listens; the message names the host and nothing else."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = api_options(f"http://user:password@127.0.0.1:{port}/v1")
    with BatchClient(options, sleep=pauses.append) as client, pytest.raises(BatchApiUnavailable) as caught:
        client.find(new_id(), SINCE)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "password" not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(pauses) == 3


def test_files_are_deleted_once_they_are_not_needed(
    api: BatchApi, client: BatchClient, tmp_path: Path
) -> None:
    """They hold texts; one that is gone already is fine."""
    batch, _ = submitted(client, tmp_path, ["a"])
    for _ in range(2):
        client.delete_file(batch.input_file_id or "")
    assert api.book.files == {}


def test_a_request_file_that_is_gone_is_told_as_such(client: BatchClient, tmp_path: Path) -> None:
    """It is not the endpoint's fault."""
    with pytest.raises(OutputError, match="cannot read the batch file"):
        client.submit(new_id(), tmp_path / "gone.jsonl", since=SINCE)


def test_no_key_and_no_text_in_logs_and_errors(
    api: BatchApi, make_client: MakeClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger at its most talkative, through uploads, downloads and failures that quote the text."""
    caplog.set_level(logging.DEBUG)
    client = make_client()
    text = "a text that nobody may see"
    batch, reader = submitted(client, tmp_path, [text, f"{text} [[status 500]]"])
    for _ in range(3):
        api.step()
    batch = client.poll(batch.id)
    counts = collected(client, batch, reader)
    api.fault("get_batch", "refuse", status=400, code=text)
    with pytest.raises(BatchApiRefused) as caught:
        client.poll(batch.id)
    said = caplog.text + repr((batch, counts, reader, client, caught.value, caught.value.__context__))
    assert text not in said
    assert KEY not in said
    assert KEY not in json.dumps(api.state())


def test_retries_of_others_are_still_told(
    api: BatchApi, client: BatchClient, tmp_path: Path, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A client's own retries are silent; those of the ledger, in the same process, are warned of as ever."""
    batch, _ = submitted(client, tmp_path, ["a"])
    api.fault("get_batch", "refuse", status=503)
    assert client.poll(batch.id).status == "validating"
    assert len(pauses) == 1
    assert not [record for record in caplog.records if record.name == "stamina"]
    for attempt in stamina.retry_context(on=ConnectionError):
        with attempt:
            if attempt.num == 1:
                raise ConnectionError
    assert [record.levelname for record in caplog.records if record.name == "stamina"] == ["WARNING"]


def test_the_server_answers_synchronously_too(api: BatchApi) -> None:
    """What a batch left over can be asked for at once, on the same server; it is billed apart."""
    with BatchClient(api_options(api.url)) as client:
        reply = client._client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "two words"}]
        )
    assert reply.choices[0].message.content == "ok"
    assert [line["custom_id"] for line in api.book.billed] == [None]
