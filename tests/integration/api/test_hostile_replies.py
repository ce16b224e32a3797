"""Replies that have no end, unfold to gigabytes or come a byte at a time: each attempt ends, in bounded memory, at its bound."""

import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.engines.api.reply_limits import ACCEPTED
from tests.faulty_api import FaultyApi
from tests.hostile_server import WIRES, HostileServer, chat, whole
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import Book, request
from tests.sampling import sampled

LIMITED = 500
"""MiB that a process may grow by, whatever comes: 64 replies of 8 MB are as much."""
IN_FLIGHT = 64
TOO_LARGE = (
    *("plain", "plain_length", "until_close", "error", "unauthorised", "limited", "redirect", "no_content"),
    *("gzip", "gzip_error", "deflate", "raw_deflate", "empty_blocks", "behind_the_end", "values", "text"),
)
UNDECODABLE = ("zstd", "wide_zstd", "brotli", "unknown", "twice", "many_folds")
CUT_OFF = ("head", "long_header", "trailers", "chunk_extension")
TIMEOUT = ("informs", "drip_head", "drip_body", "small_chunks")
SHORT = {
    "plain",
    "gzip",
    "gzip_error",
    "unauthorised",
    "zstd",
    "many_folds",
    "head",
    "drip_head",
    "values",
    "digits",
}
FAILURES = {
    **dict.fromkeys(TOO_LARGE, "too_large"),
    **dict.fromkeys(UNDECODABLE, "undecodable"),
    **dict.fromkeys(CUT_OFF, "cut_off"),
    **dict.fromkeys(TIMEOUT, "timeout"),
    "digits": "invalid_json",
    "fraction": "wrong_schema",
}
ASK = """
import asyncio, resource, sys
from uuid import uuid4
from models.engines.api.chat_client import ChatClient
from models.engines.api.replies import judge
from tests.integration.api.harness import options

def memory(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) // 1024

async def main():
    client = ChatClient(options(sys.argv[1], timeout_seconds=30.0, concurrency=int(sys.argv[2])))
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    async def ask():
        return judge(await client.ask(body, uuid4())).outcome
    before = memory("VmRSS")
    print(set(await asyncio.gather(*[ask() for _ in range(int(sys.argv[2]))])), memory("VmHWM") - before)
    await client.close()

resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30,) * 2)
asyncio.run(main())
"""


@contextmanager
def served(kind: str) -> Iterator[str]:
    """Serve a kind of reply from a process of its own, so that its memory is no part of what is measured."""
    command = [sys.executable, "-m", "tests.hostile_server", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.mark.parametrize("kind", sampled(sorted(FAILURES), SHORT))
def test_a_hostile_reply_ends_as_an_attempt_of_unknown_outcome(make_engine: MakeEngine, kind: str) -> None:
    """Whatever its status: it was sent, nobody knows what it said, and its bound counts; little more than the limit was taken."""
    book = Book()
    with HostileServer(WIRES[kind]()) as server:
        engine = make_engine(server.url, book, timeout_seconds=3.0, max_attempts=1, breaker_failures=99)
        (done,) = engine.stream([request("some text")])
        engine.close()
    book.settle([done])
    assert done.deferral == "api_unavailable"
    assert book.of_record("k") == [f"unknown_outcome:{FAILURES[kind]}"]


@pytest.mark.parametrize("kind", sampled(["gzip", "plain", "values", "wide_text", "marks"], ["gzip"]))
def test_memory_is_bounded_for_many_at_once(kind: str) -> None:
    """Sixty-four endless replies at once take no more memory than their limits allow."""
    with served(kind) as url:
        done = subprocess.run(
            [sys.executable, "-c", ASK, url, str(IN_FLIGHT)],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, grown = done.stdout.split()
    assert int(grown) < LIMITED


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw_deflate", "identity"])
def test_an_answer_that_is_compressed_as_asked_for_is_read(make_engine: MakeEngine, encoding: str) -> None:
    """What a server compresses in a way that it was told of is an answer as any other."""
    body = chat('{"label": "positive"}')
    if (window := {"gzip": 31, "deflate": 15, "raw_deflate": -15}.get(encoding)) is not None:
        fold = zlib.compressobj(9, zlib.DEFLATED, window)
        body = fold.compress(body) + fold.flush()
    named = encoding.removeprefix("raw_")
    book = Book()
    with HostileServer(whole(body, Content_Encoding=named)) as server:
        (done,) = make_engine(server.url, book).stream([request("some text")])
    book.settle([done])
    assert (done.value, book.of_record("k")) == ("positive", ["ok"])


def test_a_large_answer_within_the_limits_is_read(make_engine: MakeEngine) -> None:
    """A reply of megabytes, such as one with the probabilities of thousands of tokens, is an answer as any other."""
    token = {"token": "word", "logprob": -0.1, "bytes": [119, 111, 114, 100], "top_logprobs": []}
    said = json.loads(chat('{"label": "positive"}'))
    said["choices"][0]["logprobs"] = {"content": [token] * 20_000}
    body, book = json.dumps(said).encode(), Book()
    with HostileServer(whole(body)) as server:
        (done,) = make_engine(server.url, book).stream([request("some text")])
    book.settle([done])
    assert (len(body) > 10**6, done.value) == (True, "positive")


def test_no_encoding_is_asked_for_that_is_not_read(make_engine: MakeEngine) -> None:
    """Requests name the encodings that replies may have."""
    with FaultyApi() as api:
        list(make_engine(api, Book()).stream([request("some text")]))
        (seen,) = api.seen
    assert seen.headers["accept-encoding"] == ACCEPTED


def test_no_cookie_of_an_endpoint_is_kept(make_engine: MakeEngine) -> None:
    """One that no request could carry would fail every later one of the connection."""
    book = Book()
    with HostileServer(whole(chat('{"label": "positive"}'), Set_Cookie="ÿþ=ÿ")) as server:
        engine = make_engine(server.url, book, max_attempts=1)
        done = [one for text in ("some text", "another") for one in engine.stream([request(text, text)])]
    book.settle(done)
    assert [one.value for one in done] == ["positive", "positive"]
