"""Replies of an API, of an own server, and of who publishes prices: statuses, headers, bodies and framing, over a real connection."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from models.engines.api.backoff import Backoff
from models.engines.api.engine import OpenAIEngine
from models.engines.server.engine import ServerEngine
from models.engines.server.listing import check_server
from models.errors import BreakevenError
from models.requests import Completion, Request
from models.settings import Settings
from models.workloads.base import InvalidOutput, Workload
from tasks.setup.update_prices import update_prices
from tests.batch_answers import completion
from tests.fuzz.judge import SECRET, check_code, check_error, check_line, fail
from tests.fuzz.mutate import EDITS, EXCHANGES, TEXTS, VALUES, Edit, Exchange, Mutated, as_json, exchanged
from tests.fuzz.raw_server import USUAL, RawServer, Wire, raw_server
from tests.integration.api.harness import ENRICHMENT, KEY, SENTIMENT, Book, limits, options, request
from tests.integration.server.harness import options as server_options

SOON = Backoff(first=0.001, longest=0.01)
REQUESTS = 3
PROSE = f"{SECRET} the text of a record"
_BODIES = ("answer", "error", "listing", "prices", "other")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: a valid body of a kind, what is exchanged in it, what is done to its bytes, and how it is sent."""

    wire: Wire = USUAL
    body: str = "answer"
    exchanges: tuple[Exchange, ...] = ()
    edits: tuple[Edit, ...] = ()
    value: Any = None

    def content(self, asked: Any) -> bytes:  # noqa: ANN401  any JSON value
        """Return the body for a request."""
        return Mutated(as_json(exchanged(self._valid(asked), self.exchanges)), self.edits).content()

    def _valid(self, asked: Any) -> Any:  # noqa: ANN401
        if self.body == "answer" and isinstance(asked, dict):
            return completion(asked, plain='{"label": "positive"}')
        if self.body == "error":
            return {"error": {"message": PROSE, "type": f"{KEY}", "param": "temperature", "code": KEY}}
        if self.body == "listing":
            return {"object": "list", "data": [{"id": "test-model", "object": "model"}]}
        if self.body == "prices":
            prices = {"input_mtok": 1, "output_mtok": 2}
            models = [{"id": "gpt-4o-mini", "match": {"equals": "gpt-4o-mini"}, "prices": prices}]
            return [{"id": "openai", "name": "OpenAI", "api_pattern": "x", "models": models}]
        return self.value


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and the replies, which come again in turn."""

    who: str
    replies: tuple[Reply, ...]
    workload: str = "sentiment"
    structured: str = "json_schema"


_STATUSES = st.sampled_from(
    [b"200 OK"] * 8
    + [b"%d X" % one for one in (100, 201, 204, 206, 301, 307, 400, 401, 402, 403, 404, 408, 413, 418, 422, 429, 500, 502, 503, 504, 524, 599)]
    + [b"999 X", b"000 X", b"20 X", b"2000 X", b"abc", b"200", b"200 \xff\x1b[2J"]
)  # fmt: skip
_NAMES = st.sampled_from([
    b"Retry-After", b"retry-after-ms", b"x-ratelimit-reset-requests", b"x-ratelimit-reset-tokens", b"x-ratelimit-remaining-requests",
    b"x-ratelimit-limit-tokens", b"x-should-retry", b"x-request-id", b"x-litellm-response-cost", b"Location", b"Set-Cookie", b"Content-Type",
    b"Connection", b"Content-Length", b"Date", b"X-A", b"x\x00y", b"",
])  # fmt: skip
_HEADER_VALUES = st.sampled_from([
    b"", b"0", b"0.01", b"-1", b"1e400", b"nan", b"inf", b"9" * 400, b"9" * 5000, b"Wed, 21 Oct 2099 07:28:00 GMT", b"Wed, 99 Foo", b"1h2m", b"6m0s",
    b"\xff\xfe", b"\x1b[31m", b"http://127.0.0.1:9/", b"//evil\x1b", b"a" * 70_000, b"text/html", b"close", KEY.encode(), PROSE.encode(),
])  # fmt: skip
_HEADERS = st.lists(st.tuples(_NAMES, _HEADER_VALUES), max_size=3).map(tuple) | st.just(
    ((b"X-A", b"b"),) * 2_000
)
_FRAMINGS = st.sampled_from(
    ["length"] * 12 + ["chunked"] * 4 + ["short", "long", "torn", "none", "none", "flood"]
)
WIRES = st.builds(
    Wire,
    _STATUSES,
    _HEADERS,
    _FRAMINGS,
    st.sampled_from([""] * 6 + ["gzip", "deflate", "zstd"]),
    st.integers(0, 19).map(lambda drawn: drawn == 0),
    st.sampled_from([""] * 12 + ["gzip", "br", "zstd", "deflate", "gzip, gzip", "\x1b"]),
)
_VALID = st.builds(Reply, st.just(USUAL), st.just("answer"), EXCHANGES)
_REPLIES = _VALID | st.builds(
    Reply,
    WIRES,
    st.sampled_from(_BODIES),
    EXCHANGES,
    st.just(()) | st.lists(EDITS, max_size=2).map(tuple),
    VALUES | TEXTS.map(lambda text: {"choices": [{"message": {"content": text}}]}),
)
CASES = st.builds(
    Asked,
    st.sampled_from(["chat"] * 4 + ["server", "listing", "prices"]),
    st.lists(_REPLIES, min_size=1, max_size=4).map(tuple),
    st.sampled_from(["sentiment", "enrichment"]),
    st.sampled_from(["json_schema", "json_object", "none"]),
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Asked], None]]:
    """Run the server, and give what plays a case."""
    with raw_server() as server:

        def play(case: Asked) -> None:
            turn = cycle(case.replies)

            def answer(_: str, asked: Any, out: socket.socket) -> bool:  # noqa: ANN401
                reply = next(turn)
                return reply.wire.send(reply.content(asked), out)

            server.answer = answer
            _ASK[case.who](case, server, folder)

        yield play


def _chat(case: Asked, server: RawServer, _: Path) -> None:
    book = Book()
    fast = {"max_attempts": 3, "run_seconds": 1.0, "patience_seconds": 0.5, "breaker_seconds": 0.05}
    asked = options(server.url, timeout_seconds=0.5, structured_output=case.structured, concurrency=2, **fast)
    engine = OpenAIEngine(asked, book, limits(asked, SOON))
    failed = False
    done: list[Completion] = []
    try:
        texts = (request(f"text {place}", str(place), _workload(case)) for place in range(REQUESTS))
        for one in engine.stream(texts):
            done += [one]
        book.settle(done)
    except BreakevenError as error:
        _check_line(error)
        failed = True
    finally:
        engine.close()
    if not failed:
        if len(done) != REQUESTS:
            fail("requests without an end", len(done))
        if book.lines.keys() != book.closed.keys():
            fail("a line that was left open")
    for one in done:
        _check(one, _workload(case))
    for closed in book.closed.values():
        _check_code(closed.failure)


def _server(case: Asked, server: RawServer, _: Path) -> None:
    asked = server_options(server.url, timeout_seconds=0.5, structured_output=case.structured)
    replies = server.answer
    server.answer = lambda _, __, out: Wire().send(Reply(body="listing").content(None), out)
    engine = ServerEngine(asked, SOON)
    server.answer = replies
    try:
        made = [request(f"text {place}", str(place), _workload(case)) for place in range(REQUESTS)]
        plain = [Request(one.id, one.record_key, one.messages, one.output, one.max_tokens) for one in made]
        done = list(engine.stream(plain))
    except BreakevenError as error:
        _check_line(error)
    else:
        if len(done) != REQUESTS:
            fail("requests without an end", len(done))
        for one in done:
            _check(one, _workload(case))
    finally:
        engine.close()


def _listing(_: Asked, server: RawServer, __: Path) -> None:
    try:
        check_server(server_options(server.url), 0.5)
    except BreakevenError as error:
        check_error(error, may_quote=True)  # a model's name may be any word


def _prices(_: Asked, server: RawServer, folder: Path) -> None:
    try:
        update_prices(Settings(cache_dir=folder / "cache"), f"{server.url}/prices.json")
    except BreakevenError as error:
        check_error(error, may_quote=True)


_ASK: dict[str, Callable[[Asked, RawServer, Path], None]] = {
    "chat": _chat,
    "server": _server,
    "listing": _listing,
    "prices": _prices,
}


def _workload(case: Asked) -> Workload:
    return SENTIMENT if case.workload == "sentiment" else ENRICHMENT


def _check(done: Completion, workload: Workload) -> None:
    """Check an answer: it is one that the workload takes, or says in a code why not."""
    for code in (done.deferral, done.rejection):
        _check_code(code)
    if done.detail is not None:
        _check_key(done.detail)
        check_line(done.detail)
    if done.deferral or done.rejection:
        return
    json.dumps(done.value, allow_nan=False)
    if done.confidence is not None and not 0 <= done.confidence <= 1:
        fail("a confidence that is none", done.confidence)
    try:
        workload.parse("", done)
    except InvalidOutput as invalid:
        _check_key(str(invalid))


def _check_code(code: str | None) -> None:
    if code is not None:
        _check_key(code)
        check_code(code)


def _check_line(error: BreakevenError) -> None:
    _check_key(str(error))
    check_error(error)


def _check_key(text: str) -> None:
    if KEY in text:
        fail("the key is repeated", text)
