"""An OpenAI-compatible server that misbehaves as it is told, down to the bytes on the wire.

In a test's own process: `with FaultyApi([Rule(("429:1",), match="some text")]) as api: … api.url`. In a
process of its own: `python -m tests.faulty_api --log requests.jsonl --script rules.json`, which prints its
address; rules.json is a list of objects with the fields of `Rule`. Each request it sees becomes one
`Seen`, noted before the reply goes out.

A fault is a word, some with an argument after a colon:

    ok, late:0.2         a valid answer for the request's response_format, with usage; that many seconds later
    429, 429:2, 429:date rate limited; with Retry-After in seconds, or as an HTTP date 2 s ahead
    500, 503:1, 400:word any other status, with Retry-After (a number) or an error code (a word)
    hang, drip           no byte at all; one byte every 50 ms, for ever
    close, cut, reset    closed without a byte; closed in mid-body; the connection reset in mid-body
    invalid_json, truncated_json, not_chat, empty_choices, wrong_schema, no_usage, bad_usage
                         a reply with status 200 that is broken in this way
    fenced, nonsense     an answer in a Markdown fence; an answer that is neither JSON nor a label
    blank, long          an answer without a character; each text of an object ten characters long
    filtered, refusal, cut_short, eaten
                         status 200, stopped by the content filter; refused; stopped at the token limit, the
                         last one before a word of the answer: all its tokens went into reasoning
    content_filter, too_long, too_long_vllm, bad_key, no_model, quota
                         the error bodies that providers send for these
    adds:{"model":"x"}   a valid answer with these members of the reply, and of its usage, beside its own (`say`)
    two_choices, twice   two choices in one answer; the whole HTTP response sent twice
    zero_usage, beside:named, think, prose, hiccup:502, ended:SAFETY, …
                         status 200 in the manner of one provider or another (`tests.faulty_answers`)
    json_validate_failed   Groq's 400 for an answer that is not the JSON that was asked for
    no_format:json_schema  400 for a request with this response_format, else ok
    reasoning:40           a model that reasons so many tokens before it answers (`tests.reasoning_model`)
    no_field:temperature   400 for a request with this field, else ok
    says:mistral_seed      an error as it was reported (`tests.reported_errors`), while it applies, else ok
    ignores_format         an answer that heeds what the prompt says of its shape, and not response_format
    vague:logprobs         400 that names nothing for a request with this field, else ok

`GET /v1/models` lists `models`, and is neither noted nor spoilt; any other GET gets a 404.
"""

import argparse
import asyncio
import json
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Self

from tests.faulty_replies import Json, Spoilt, listing, record_text, reply_to, text_hash

DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Rule:
    """Faults for the requests whose last message contains `match`, in the order in which they come.

    After the last one come valid answers, or the last one again and again (`forever`).
    """

    faults: tuple[str, ...]
    match: str = ""
    forever: bool = False

    def fault(self, used: int) -> str:
        """Return the fault for the request number `used`, from 0."""
        if used < len(self.faults):
            return self.faults[used]
        return self.faults[-1] if self.forever else "ok"


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it, and what it replied. `usage` is what it bills, None for nothing."""

    attempt: str
    text_hash: str
    fault: str
    status: int | None
    usage: Json | None
    at: float
    authorization: str
    body: Json
    path: str = ""
    headers: Json = field(default_factory=dict)

    def line(self) -> str:
        """Return what the log holds: no text of a record and no key."""
        kept = {
            "attempt": self.attempt,
            "text_hash": self.text_hash,
            "fault": self.fault,
            "status": self.status,
            "usage": self.usage,
            "at": self.at,
        }
        return json.dumps(kept) + "\n"


class FaultyApi:
    """The server, on an event loop in a thread. A context manager, which closes its port at the end."""

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        latency: float = 0.0,
        log: Path | None = None,
        port: int = 0,
        look: Callable[[Seen], None] | None = None,
        models: Sequence[str] | int = ("test-model",),
        quota: tuple[int, float] | None = None,
    ) -> None:
        """`latency` in seconds. `quota`: requests that are answered in each window of so many seconds, others get 429. `models` are those that it lists, or the status of its refusal to. `look` gets each request before it is answered, in the server's thread."""
        self.rules = list(rules)
        self.latency = latency
        self.models = models
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self._quota = quota
        self._window, self._in_window = -1, 0
        self._used: dict[Rule, int] = {}
        self._at_once = 0
        self._log = log
        self._look = look
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-api", daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port and all connections."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        await asyncio.sleep(0.01)  # asyncio loses a connection that it has accepted and not yet attached
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # some turns of the loop, in which closed sockets are let go

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    if not await self._answer(writer, *request):
                        return
                finally:
                    self._at_once -= 1
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the client is gone, or the server is closed
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, headers: dict[str, str], body: Json) -> bool:
        """Answer one request; return whether the connection can take another."""
        if not body:
            asks_models = "/models" in headers[":path"]
            return await _write(writer, "ok", listing(self.models if asks_models else HTTPStatus.NOT_FOUND))
        fault, reply = self._reply(headers, body)
        kind, _, argument = fault.partition(":")
        self._note(
            Seen(
                attempt=headers.get("x-client-request-id", ""),
                text_hash=text_hash(record_text(body)),
                fault=fault,
                status=reply.status,
                usage=reply.usage,
                at=time.monotonic(),
                authorization=headers.get("authorization", ""),
                body=body,
                path=headers.pop(":path"),
                headers=headers,
            )
        )
        await asyncio.sleep(self.latency + (float(argument) if kind == "late" else 0))
        return await _write(writer, kind, reply)

    def _reply(self, headers: dict[str, str], body: Json) -> tuple[str, Spoilt]:  # noqa: ARG002  for those that look at them
        """Choose the fault for a request and make the reply."""
        fault = self._fault(record_text(body))
        kind, _, argument = fault.partition(":")
        return fault, reply_to(body, kind, argument)

    def _fault(self, text: str) -> str:
        if self._quota is not None:
            most, seconds = self._quota
            window = int(time.monotonic() / seconds)
            self._in_window = self._in_window + 1 if window == self._window else 1
            self._window = window
            if self._in_window > most:
                return "429"
        for rule in self.rules:
            if rule.match in text:
                self._used[rule] = self._used.get(rule, 0) + 1
                return rule.fault(self._used[rule] - 1)
        return "ok"

    def _note(self, seen: Seen) -> None:
        self.seen.append(seen)
        if self._look is not None:
            self._look(seen)
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(seen.line())


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, str], Json] | None:
    """Read one request, its path and query as the header `:path`; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    headers[":path"] = first.split(" ")[1]
    if "content-length" not in headers:
        return headers, {}  # a GET
    return headers, json.loads(await reader.readexactly(int(headers["content-length"])))


async def _write(writer: asyncio.StreamWriter, kind: str, reply: Spoilt) -> bool:
    """Write a reply, or what the fault leaves of it; return whether the connection lives on."""
    if reply.status is None:
        if kind == "hang":
            await asyncio.sleep(3600)
        return False
    head = _head(reply)
    if kind == "drip":
        await _drip(writer, head)
    if kind in {"cut", "reset"}:
        writer.write(head + reply.payload[: len(reply.payload) // 2])
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)  # so that the half is read before the end is seen
        if kind == "reset" and not writer.is_closing():
            _reset(writer)
        return False
    writer.write((head + reply.payload) * (2 if kind == "twice" else 1))
    await writer.drain()
    return True


async def _drip(writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


def _head(reply: Spoilt) -> bytes:
    status = reply.status or HTTPStatus.OK
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(reply.payload)),
        **reply.headers,
    }
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Of A Gateway"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--log", type=Path, help="file that gets a JSON line for each request")
    parser.add_argument("--script", type=Path, help="JSON list of rules: faults, match, forever")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    asked = parser.parse_args()
    script = json.loads(asked.script.read_text("utf-8")) if asked.script else []
    rules = [Rule(tuple(r["faults"]), r.get("match", ""), r.get("forever", False)) for r in script]
    ended = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)
    with FaultyApi(rules, latency=asked.latency, log=asked.log, port=asked.port) as api:
        sys.stdout.write(f"{api.url}\n")
        sys.stdout.flush()
        signal.sigwait(ended)


if __name__ == "__main__":
    main()
