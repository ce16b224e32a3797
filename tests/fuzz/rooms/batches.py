"""Batches: how one stands, lists, files of results and of errors, whatever the provider writes into them."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import tenacity
from hypothesis import strategies as st

from models.engines.batch.client import BatchClient
from models.engines.batch.files import batch_path
from models.engines.batch.results import BatchResult, ResultReader
from models.engines.batch.status import ProviderBatch
from models.errors import BreakevenError
from tests.batch_answers import completion, error_body
from tests.batch_requests import KEY, api_options
from tests.fuzz.judge import SECRET, check_code, check_error, fail
from tests.fuzz.mutate import EDITS, EXCHANGES, VALUES, Edit, Exchange, Mutated, as_json, exchanged
from tests.fuzz.raw_server import USUAL, RawServer, Wire, raw_server
from tests.fuzz.rooms.replies import WIRES

IDS = tuple(UUID(f"01900000-0000-7000-8000-00000000000{number}") for number in range(4))
BATCH_ID = UUID("01900000-0000-7000-8000-0000000000ff")
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PROSE = f"{SECRET} the text of a record"
_ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}


def _line(number: int, status: int, body: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "b", "custom_id": IDS[number].hex, "response": response, "error": None}


_LINES: tuple[dict[str, Any], ...] = (
    _line(0, 200, completion(_ASKED, "positive")),
    _line(1, 400, error_body("context_length_exceeded", PROSE)),
    _line(2, 401, error_body(KEY, PROSE)),
    {
        "id": "b",
        "custom_id": IDS[3].hex,
        "response": None,
        "error": {"code": "batch_expired", "message": PROSE},
    },
)
_BATCH: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "status": "completed",
    "created_at": 1_790_000_000,
    "expires_at": 1_790_086_400,
    "input_file_id": "file-1",
    "output_file_id": "file-2",
    "error_file_id": "file-3",
    "completion_window": "24h",
    "request_counts": {"total": 4, "completed": 1, "failed": 3},
    "metadata": {"breakeven_batch": BATCH_ID.hex},
    "errors": {"data": [{"code": KEY, "message": PROSE, "line": 1, "param": "temperature"}]},
    "usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: a valid one, and what is exchanged in it."""

    number: int
    exchanges: tuple[Exchange, ...] = ()

    def content(self) -> bytes:
        """Return its bytes."""
        return as_json(exchanged(_LINES[self.number], self.exchanges))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the client, how the reply is sent, and what is in it."""

    what: str
    wire: Wire = USUAL
    exchanges: tuple[Exchange, ...] = ()
    lines: tuple[Line, ...] = ()
    edits: tuple[Edit, ...] = ()
    value: Any = None

    def content(self, line: str) -> bytes:
        """Return the body for a request."""
        if self.what == "download":
            return Mutated(b"\n".join(one.content() for one in self.lines), self.edits).content()
        body: Any = _BATCH
        if self.what == "odd":
            body = self.value
        elif "/files" in line:
            body = {
                "id": "file-1",
                "object": "file",
                "bytes": 3,
                "created_at": 1,
                "filename": "a",
                "purpose": "batch",
            }
        elif line.startswith("GET") and "/batches/" not in line:
            body = {"object": "list", "data": [_BATCH, _BATCH], "has_more": False}
        return Mutated(as_json(exchanged(body, self.exchanges)), self.edits).content()


_EDITS = st.just(()) | st.lists(EDITS, max_size=3).map(tuple)
CASES = st.builds(
    Asked,
    st.sampled_from(
        ["download"] * 6 + ["poll", "poll", "find", "enqueued", "file", "submit", "create", "cancel", "odd"]
    ),
    st.just(USUAL) | WIRES,
    EXCHANGES,
    st.lists(st.builds(Line, st.integers(0, len(_LINES) - 1), EXCHANGES), max_size=6).map(tuple),
    _EDITS,
    VALUES,
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Asked], None]]:
    """Run the server, and give what plays a case. Pauses take no time."""
    vars(tenacity.nap)["time"] = SimpleNamespace(sleep=lambda _: None)  # stamina waits by it
    path = batch_path(folder, BATCH_ID)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{}\n")
    with raw_server() as server:
        yield lambda case: _play(case, server, path)
    vars(tenacity.nap)["time"] = time


def _play(case: Asked, server: RawServer, path: Path) -> None:
    began = server.seen

    def answer(line: str, _: Any, out: socket.socket) -> bool:  # noqa: ANN401
        if server.seen > began + 200:  # a list that never ends
            return Wire(b"404 X").send(b"{}", out)
        return case.wire.send(case.content(line), out)

    server.answer = answer
    with BatchClient(api_options(server.url, 0.5), settle_seconds=1.0, sleep=lambda _: None) as client:
        try:
            _ASK[case.what](client, path)
        except BreakevenError as error:
            _check_key(str(error))
            check_error(error)
    if server.seen > began + 200:
        fail("a list without end is read on", server.seen - began)


def _download(client: BatchClient, _: Path) -> None:
    reader = ResultReader(IDS)
    results = list(reader.read(client.download("file-2")))
    if len({one.id for one in results}) != len(results):
        fail("two results of one attempt", results)
    if reader.missing != set(IDS) - {one.id for one in results}:
        fail("a result is lost", reader.missing)
    for one in results:
        _check_result(one)


def _check_result(one: BatchResult) -> None:
    for code in (one.failure, one.rejection):
        if code is not None:
            _check_key(code)
            check_code(code)
    if one.detail is not None:
        _check_key(one.detail)


def _check_batch(batch: ProviderBatch | None) -> None:
    if batch is None:
        return
    _ = (batch.standing, batch.final)
    if batch.failure is not None:
        for code in batch.failure.codes:
            _check_key(code)
            check_code(code)
    _check_key(str(batch.failure))


_ASK: dict[str, Callable[[BatchClient, Path], object]] = {
    "download": _download,
    "odd": _download,
    "poll": lambda client, _: _check_batch(client.poll("batch_1")),
    "cancel": lambda client, _: _check_batch(client.cancel("batch_1")),
    "find": lambda client, _: _check_batch(client.find(BATCH_ID, SINCE)),
    "enqueued": lambda client, _: client.is_enqueued("gpt-4o-mini", None),
    "file": lambda client, path: client.find_file(path, SINCE),
    "submit": lambda client, path: _check_batch(client.submit(BATCH_ID, path, since=SINCE)),
    "create": lambda client, _: _check_batch(client.create("file-1", BATCH_ID)),
}


def _check_key(text: str) -> None:
    if KEY in text:
        fail("the key is repeated", text)
    if PROSE in text:
        fail("a text is repeated", text)
