"""A small Batch API server that misbehaves when told to: in a thread, or `python -m tests.batch_api`.

It has files, batches and /v1/chat/completions of `tests.batch_state`, keeps a log of what it was asked,
and plays the faults it was given. As a process it prints its port and is steered by
`POST /_test/NAME` with the arguments of the method of `BatchApi` of that name as a JSON object.
"""

import argparse
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.batch_answers import Json, error_body
from tests.batch_state import BatchState, Refused, Rules

STEPS = (
    ("list_files", "GET", r"/v1/files"),
    ("upload_file", "POST", r"/v1/files"),
    ("get_file", "GET", r"/v1/files/([\w-]+)"),
    ("delete_file", "DELETE", r"/v1/files/([\w-]+)"),
    ("download", "GET", r"/v1/files/([\w-]+)/content"),
    ("list_batches", "GET", r"/v1/batches"),
    ("create_batch", "POST", r"/v1/batches"),
    ("get_batch", "GET", r"/v1/batches/(\w+)"),
    ("cancel_batch", "POST", r"/v1/batches/(\w+)/cancel"),
    ("chat", "POST", r"/v1/chat/completions"),
)
STEERED = ("fault", "release", "advance", "step", "work", "state")


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of a step.

    Nothing is done, and: `reset` (the connection), `refuse` (with `status`), `hold` (until `release`,
    then it is done, as a server does that has a request of a client which died), `late` (after
    `seconds`). It is done, and then: `reset_after`, `refuse_after`, `hold_after`, `slow` (answered after
    `seconds`), `cut` (in mid-body), `garbled` (half a JSON text), `empty` (`{}`).
    """

    step: str
    kind: str
    times: int = 1
    status: int = 503
    seconds: float = 0.0
    code: str | None = None
    retry_after: str | None = None
    location: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What goes with a refusal."""
        named = {"Retry-After": self.retry_after, "Location": self.location}
        return {name: value for name, value in named.items() if value is not None}


class BatchApi:
    """The server. Use it in a `with` block; `url` is the base URL for a client.

    `log` has one entry for each request: step, path, idempotency key, our batch's id, the uploaded file's
    name, how many bytes, and the fault it met. With `key` set, others are answered with 401. `root`: the path of the base URL.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        key: str | None = None,
        log: Path | None = None,
        root: str = "/v1",
    ) -> None:
        self.book = BatchState(rules or Rules())
        self.key = key
        self.root = root
        self.log: list[Json] = []
        self.held = threading.Event()
        self._released = threading.Event()
        self._faults: list[Fault] = []
        self._log_file = log
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.port}{self.root}"

    def fault(self, step: str, kind: str, **more: Any) -> None:  # noqa: ANN401  the fields of `Fault`
        """Let the next requests of a step go wrong; faults of one step follow each other."""
        with self._lock:
            self._faults.append(Fault(step, kind, **more))

    def release(self) -> None:
        """Let what is held go on."""
        self.held.clear()
        self._released.set()

    def advance(self, seconds: float) -> None:
        """Turn the clock."""
        with self._lock:
            self.book.advance(seconds)

    def step(self, batch_id: str | None = None) -> list[str]:
        """Move one batch, or every batch, to its next state; return the states."""
        with self._lock:
            ids = list(self.book.batches) if batch_id is None else [batch_id]
            return [self.book.step(one) for one in ids]

    def work(self, batch_id: str, number: int | None = None) -> None:
        """Answer so many requests of a batch that is in progress."""
        with self._lock:
            self.book.work(batch_id, number)

    def state(self) -> Json:
        """Return everything as plain values: log, batches, files (without content), billed answers."""
        with self._lock:
            batches = [batch.fields for batch in self.book.batches.values()]
            files = [file.view() for file in self.book.files.values()]
            return {"log": self.log, "batches": batches, "files": files, "billed": self.book.billed}

    def steps(self, name: str) -> int:
        """How many requests of a step it was asked."""
        return sum(entry["step"] == name for entry in self.log)

    def take_fault(self, step: str) -> Fault:
        """Return the fault that the next request of a step meets; its kind is empty where it meets none."""
        with self._lock:
            fault = next((one for one in self._faults if one.step == step), Fault(step, ""))
            fault.times -= 1
            if fault.times <= 0 and fault in self._faults:
                self._faults.remove(fault)
            return fault

    def hold(self) -> None:
        """Hold a request until it is released."""
        self._released.clear()
        self.held.set()
        self._released.wait(60)

    def note(self, entry: Json) -> None:
        """Write a request down."""
        with self._lock:
            self.log.append(entry)
            if self._log_file is not None:
                with self._log_file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")

    def do(self, step: str, found: str, request: "_Handler") -> tuple[int, bytes]:
        """Do what a request asks for; return status and body."""
        with self._lock:
            try:
                reply = getattr(self, f"_{step}")(found, request)
            except Refused as refused:
                return refused.status, json.dumps(
                    error_body(refused.code, str(refused), refused.param)
                ).encode()
        if isinstance(reply, tuple):
            return reply[0], json.dumps(reply[1]).encode()
        return 200, reply if isinstance(reply, bytes) else json.dumps(reply).encode()

    def _list_files(self, _: str, request: "_Handler") -> Json:
        files = [file.view() for file in self.book.files.values()]
        wanted = request.query.get("purpose")
        data = [file for file in reversed(files) if wanted in (None, file["purpose"])]
        return {"object": "list", "data": data, "has_more": False}

    def _upload_file(self, _: str, request: "_Handler") -> Json:
        purpose, filename, content = request.form()
        return self.book.store(filename, purpose, content).view()

    def _get_file(self, file_id: str, _: "_Handler") -> Json:
        return self.book.file(file_id).view()

    def _delete_file(self, file_id: str, _: "_Handler") -> Json:
        del self.book.files[self.book.file(file_id).id]
        return {"id": file_id, "object": "file", "deleted": True}

    def _download(self, file_id: str, _: "_Handler") -> bytes:
        return self.book.file(file_id).content

    def _list_batches(self, _: str, request: "_Handler") -> Json:
        return self.book.listed(request.query.get("after"), int(request.query.get("limit", 20)))

    def _create_batch(self, _: str, request: "_Handler") -> Json:
        return self.book.create(request.json(), request.headers.get("Idempotency-Key")).fields

    def _get_batch(self, batch_id: str, _: "_Handler") -> Json:
        self.book.advance(0)
        if self.book.rules.auto:
            self.book.step(batch_id)
        return self.book.polled(batch_id)

    def _cancel_batch(self, batch_id: str, _: "_Handler") -> Json:
        return self.book.cancel(batch_id).fields

    def _chat(self, _: str, request: "_Handler") -> tuple[int, Json]:
        body = request.json()
        status, reply = self.book.answers.reply(body)
        if status == 200:
            self.book.bill(None, body)
        return status, reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that went away in mid-answer is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    """One connection. Answers are written in one piece."""

    protocol_version = "HTTP/1.1"
    api: BatchApi

    def answer(self) -> None:
        """Find out what is asked, play the fault, do it, note it, answer."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/_test/"):
            self.steer(url.path.removeprefix("/_test/"))
            return
        if self.api.key is not None and self.headers.get("Authorization") != f"Bearer {self.api.key}":
            self.send(401, json.dumps(error_body("invalid_api_key")).encode())
            return
        path = f"/v1{url.path.removeprefix(self.api.root)}" if url.path.startswith(self.api.root) else ""
        for step, method, pattern in STEPS:
            if method == self.command and (found := re.fullmatch(pattern, path)):
                self.play(step, found[1] if found.groups() else "", self.api.take_fault(step))
                return
        self.send(404, json.dumps(error_body(None, "Invalid URL")).encode())

    def play(self, step: str, found: str, fault: Fault) -> None:
        """Do a step, and what goes wrong before and after it."""
        self.api.note(self.entry(step, fault.kind))
        self.wait(fault, "hold", "late")
        if self.failed(fault, "reset", "refuse"):
            return
        status, body = self.api.do(step, found, self)
        self.wait(fault, "hold_after", "slow")
        if self.failed(fault, "reset_after", "refuse_after"):
            return
        half = body[: len(body) // 2]
        if fault.kind == "cut":
            self.send(status, body, sent=half)
            self.close_connection = True
        else:
            self.send(status, {"garbled": half, "empty": b"{}"}.get(fault.kind, body))

    def wait(self, fault: Fault, hold: str, late: str) -> None:
        """Hold the request, or be slow."""
        if fault.kind == hold:
            self.api.hold()
        elif fault.kind == late:
            time.sleep(fault.seconds)

    def failed(self, fault: Fault, reset: str, refuse: str) -> bool:
        """Drop the connection, or answer with an HTTP error; return whether either was asked for."""
        if fault.kind == reset:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        elif fault.kind == refuse:
            error = json.dumps(error_body(fault.code)).encode()
            self.send(fault.status, error, headers=fault.headers)
        return fault.kind in (reset, refuse)

    def entry(self, step: str, fault: str) -> Json:
        """Describe a request for the log; never its key."""
        batch = self.json().get("metadata", {}).get("breakeven_batch") if step == "create_batch" else None
        return {
            "step": step,
            "path": self.path,
            "fault": fault,
            "bytes": len(self.body),
            "idempotency_key": self.headers.get("Idempotency-Key"),
            "batch": batch,
            "file": self.form()[1] if step == "upload_file" else None,
        }

    def steer(self, name: str) -> None:
        """Call a method of the server."""
        if name not in STEERED:
            self.send(404, b"{}")
            return
        reply = getattr(self.api, name)(**json.loads(self.body or b"{}"))
        self.send(200, json.dumps(reply).encode())

    def json(self) -> Json:
        """Return the body as a JSON object."""
        body: Json = json.loads(self.body)
        return body

    def form(self) -> tuple[str, str, bytes]:
        """Return purpose, file name and content of an upload."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        fields: dict[str, tuple[str, bytes]] = {}
        for part in self.body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            names = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
            fields[names["name"]] = (names.get("filename", ""), content.removesuffix(b"\r\n"))
        return fields["purpose"][1].decode(), *fields["file"]

    def send(
        self, status: int, body: bytes, *, sent: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Write an answer; with `sent`, only that part of the body."""
        asked = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{asked}Content-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + (body if sent is None else sent))

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  names that http.server looks for


def _handler(api: BatchApi) -> Callable[..., _Handler]:
    return type("Handler", (_Handler,), {"api": api})


def main() -> None:
    """Serve until killed; the first line of the output is the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path)
    parser.add_argument("--key")
    parser.add_argument("--rules", type=json.loads, default={}, help="fields of Rules, as a JSON object")
    given = parser.parse_args()
    with BatchApi(Rules(**given.rules), key=given.key, log=given.log) as api:
        print(api.port, flush=True)  # noqa: T201  whoever started it reads the port
        threading.Event().wait()


if __name__ == "__main__":
    main()
