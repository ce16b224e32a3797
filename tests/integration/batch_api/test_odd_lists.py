"""Lists of batches and of files that are none, or never end: found by fuzzing (`tests/fuzz`)."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tenacity

from models.engines.batch import client as batch_client
from models.engines.batch import http_calls
from models.engines.batch.client import BatchClient
from models.engines.batch.status import BatchApiUnavailable
from models.ids import new_id
from tests.batch_requests import api_options
from tests.fuzz.mutate import as_json
from tests.fuzz.raw_server import USUAL, raw_server

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
LATER = int(SINCE.timestamp()) + 1
ODD: list[Any] = [
    None,
    [],
    [1],
    7,
    "x",
    {},
    {"data": None},
    {"data": 5},
    {"data": [None]},
    {"data": {"a": 1}},
]
ASK: dict[str, Callable[[BatchClient, Path], object]] = {
    "batches": lambda client, _: client.find(new_id(), SINCE),
    "enqueued": lambda client, _: client.is_enqueued("gpt-4o-mini", None),
    "files": lambda client, path: client.find_file(path, SINCE),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=lambda _: None))  # stamina waits by it


def ask(what: str, path: Path, reply: Callable[[], Any]) -> tuple[object, int]:
    """Ask a server that answers with this; return what the client made of it, and how many requests it sent."""
    path.write_bytes(b"{}\n")

    def answer(_: str, __: Any, out: socket.socket) -> bool:  # noqa: ANN401  any JSON value
        return USUAL.send(as_json(reply()), out)

    with raw_server() as server, BatchClient(api_options(server.url)) as client:
        server.answer = answer
        try:
            return ASK[what](client, path), server.seen
        except BatchApiUnavailable as error:
            return str(error), server.seen


@pytest.mark.parametrize("what", ASK)
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_list_that_is_none(what: str, odd: Any, tmp_path: Path) -> None:  # noqa: ANN401  any JSON value
    """It is asked for again, and then said in one line; where it can be taken for an empty list of files, there is none."""
    found, _ = ask(what, tmp_path / "a.jsonl", lambda: odd)
    if found is not None:
        assert "does not answer as it should (garbled_reply)" in str(found)
    else:
        assert what == "files"


@pytest.mark.parametrize("what", ASK)
def test_a_list_that_begins_again_has_ended(what: str, tmp_path: Path) -> None:
    """A server that does not know pages, and says that there are more, is asked twice."""
    one = {"id": "one", "object": "batch", "status": "completed", "created_at": 4_000_000_000}
    found, seen = ask(what, tmp_path / "a.jsonl", lambda: {"data": [one], "has_more": True})
    assert (found, seen) == (False if what == "enqueued" else None, 2)


@pytest.mark.parametrize("what", ASK)
def test_a_list_without_end_is_given_up(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that always has one more is not asked for ever."""
    monkeypatch.setattr(batch_client, "MOST_PAGES", 5)
    monkeypatch.setattr(http_calls, "MOST_LISTED", 5)
    numbers = count()

    def page() -> Any:  # noqa: ANN401  any JSON value
        one = {
            "id": f"b{next(numbers)}",
            "object": "batch",
            "status": "completed",
            "created_at": 4_000_000_000,
        }
        return {"data": [one], "has_more": True}

    found, seen = ask(what, tmp_path / "a.jsonl", page)
    assert "garbled_reply" in str(found)
    assert seen <= 6 * http_calls.GET_ATTEMPTS
