"""Files of a batch's results, and replies of the Batch API, that are made to keep us busy: each is given up at a limit."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from models.engines.batch.client import BatchClient
from models.engines.batch.http_calls import OVERLONG, split_lines
from models.engines.batch.status import BatchApiUnavailable, BatchResultsTooLarge
from tests.batch_api import BatchApi
from tests.batch_requests import api_options
from tests.hostile_server import WIRES, HostileServer
from tests.sampling import sampled

LONGEST = 100_000


class Counted(bytes):
    """Bytes of which it is known how many were copied."""

    copied = 0

    def __radd__(self, other: bytes) -> bytes:
        """Count what is put together with what came before."""
        Counted.copied += len(self) + len(other)
        return other + bytes(self)


def test_a_long_line_is_read_in_time_that_grows_with_its_length() -> None:
    """However many pieces a line comes in, none is copied again for each that follows."""
    pieces = [Counted(b"x" * 1000)] * 5000 + [Counted(b"\n")]
    Counted.copied = 0
    (line,) = split_lines(pieces, 10**7)
    assert (len(line), Counted.copied) == (5_000_000, 0)


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_lines_are_the_same_however_they_come(size: int) -> None:
    """A line that is too long is passed over, wherever it is cut, and the others are read as they are."""
    lines = [b"first", b"", b"x" * 99, b"y" * 100, b"z" * 101, "\u2028 line".encode(), b"last " * 300, b"end"]
    whole = b"\n".join(lines)
    pieces: Iterable[bytes] = [whole[at : at + size] for at in range(0, len(whole), size)]
    expected = [line if len(line) <= 100 else OVERLONG for line in lines]
    assert list(split_lines(pieces, 100)) == expected


@pytest.fixture
def small_client(api: BatchApi) -> Iterator[BatchClient]:
    """Return a client that takes little."""
    options = replace(
        api_options(api.url),
        max_reply_bytes=LONGEST,
        max_batch_result_bytes=10 * LONGEST,
        batch_download_seconds=5.0,
    )
    with BatchClient(options, sleep=lambda _: None) as client:
        yield client


def test_a_line_that_is_too_long_is_a_damaged_one(api: BatchApi, small_client: BatchClient) -> None:
    """It stands for none of the attempts; the lines around it are read."""
    file = api.book.store(
        "results.jsonl", "batch_output", b'{"a":1}\n' + b"x" * LONGEST + b"y\n" + b'{"b":2}\n'
    )
    assert list(small_client.download(file.id)) == [b'{"a":1}', OVERLONG, b'{"b":2}']


def test_a_file_that_is_too_long_is_given_up(api: BatchApi, small_client: BatchClient) -> None:
    """It is refused in one line which names the setting; it is not asked for again."""
    file = api.book.store("results.jsonl", "batch_output", b"{}\n" * 10 * LONGEST)
    with pytest.raises(BatchResultsTooLarge, match="BREAKEVEN_BATCH_MAX_RESULT_BYTES") as caught:
        list(small_client.download(file.id))
    assert "\n" not in str(caught.value)
    assert api.steps("download") == 1


ENDLESS = (
    *(
        "plain",
        "gzip",
        "drip_head",
        "drip_body",
        "informs",
        "zstd",
        "error",
        "head",
        "small_chunks",
        "until_close",
    ),
    *(
        "many_folds",
        "empty_blocks",
        "behind_the_end",
        "limited",
        "unauthorised",
        "redirect",
        "values",
        "digits",
    ),
)


@pytest.mark.parametrize("kind", sampled(ENDLESS, {"plain", "gzip", "drip_head", "informs"}))
@pytest.mark.parametrize("ask", [lambda client: client.poll("b"), lambda client: list(client.download("f"))])
def test_no_reply_of_the_batch_api_keeps_us(
    pauses: list[float], kind: str, ask: Callable[[BatchClient], object]
) -> None:
    """Whatever it sends, and however slowly, each call ends within its deadline with one line."""
    del pauses
    with HostileServer(WIRES[kind]()) as server:
        options = replace(
            api_options(server.url, 0.5), batch_download_seconds=0.5, max_batch_result_bytes=2 * 10**7
        )
        client = BatchClient(options, sleep=lambda _: None)
        with client, suppress(BatchApiUnavailable, BatchResultsTooLarge):
            ask(client)


def test_a_list_without_an_end_is_no_list(
    api: BatchApi, client: BatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that follow each other for ever are given up; nothing is submitted on their word."""
    numbers = count()

    def listed(*_: object) -> dict[str, object]:
        batch = {"object": "batch", "status": "completed", "created_at": 4_000_000_000}
        return {"object": "list", "data": [{"id": f"batch_{next(numbers)}", **batch}], "has_more": True}

    monkeypatch.setattr("models.engines.batch.client.MOST_PAGES", 5)
    monkeypatch.setattr(api.book, "listed", listed)
    with pytest.raises(BatchApiUnavailable, match="garbled_reply"):
        client.is_enqueued("test-model", None)
