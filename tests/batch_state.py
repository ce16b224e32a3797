"""The state behind the Batch API server of the tests: files, batches and a clock that tests turn.

After OpenAI's public description (guide and reference of the Batch API, 2026-02): validating →
in_progress → finalizing → completed, or failed, expired, cancelled; results in any order; what was not
answered when a batch expires or is cancelled stands in the error file; answered requests are billed.
Error codes that the reference does not list are the ones users report (`token_limit_exceeded`,
`invalid_json_line`, `duplicate_custom_id`, `model_not_found`), else invented (`too_many_tasks`, …).
"""

import json
import random
import time
from dataclasses import dataclass, field
from uuid import uuid4

from tests.batch_answers import Answers, Json, error_line, input_tokens, prompt
from tests.batch_problems import problem, problems_of_file

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass
class Rules:
    """Limits of the account, and how the server behaves.

    `hidden_lists`: so many lists leave a new batch out, as eventually consistent ones do. `auto`: each
    poll moves a batch one step on, so that it completes without anybody's help. `limit_at_creation`: a batch above the
    enqueued tokens is refused when it is created, not when its file is checked. `nameless_polls`: so many polls of an
    ended batch do not name its files yet. `words` are what it calls states, `counts` what it calls counts of requests
    (None: it leaves that one out).
    """

    max_requests: int = 50_000
    max_bytes: int = 200_000_000
    enqueued_tokens: int | None = None
    window_seconds: int = 86_400
    models: tuple[str, ...] = ()
    idempotency: bool = True
    hidden_lists: int = 0
    auto: bool = False
    seed: int = 0
    limit_at_creation: bool = False
    nameless_polls: int = 0
    words: dict[str, str] = field(default_factory=dict)
    counts: dict[str, str | None] = field(default_factory=dict)


@dataclass
class StoredFile:
    """A file: a request file, or results."""

    id: str
    filename: str
    purpose: str
    content: bytes
    created_at: int

    def view(self) -> Json:
        """Return the file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass
class StoredBatch:
    """A batch: its object, what waits, and the lines of its result files so far."""

    fields: Json
    waiting: list[Json] = field(default_factory=list)
    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    model: str = ""
    tokens: int = 0
    hidden: int = 0
    nameless: int = 0

    @property
    def status(self) -> str:
        """The batch's state."""
        return str(self.fields["status"])


class Refused(Exception):
    """The request is answered with an HTTP error."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class BatchState:
    """Everything the server knows. Not safe for threads: the server holds a lock around each call.

    `billed` has a line for each answer that was worked out, with custom_id (None: synchronous), prompt
    and tokens: what the user pays for.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.files: dict[str, StoredFile] = {}
        self.batches: dict[str, StoredBatch] = {}
        self.billed: list[Json] = []
        self.answers = Answers()
        self._keys: dict[str, str] = {}
        self._ahead = 0.0
        self._random = random.Random(rules.seed)

    def now(self) -> int:
        """Return the server's time, Unix seconds."""
        return int(time.time() + self._ahead)

    def advance(self, seconds: float) -> None:
        """Turn the clock; what is then past its window expires."""
        self._ahead += seconds
        for batch in self.batches.values():
            if batch.status not in FINAL and self.now() >= batch.fields["expires_at"]:
                self._end(batch, "expired", "batch_expired")

    def store(self, filename: str, purpose: str, content: bytes) -> StoredFile:
        """Keep a file."""
        file = StoredFile(f"file-{uuid4().hex}", filename, purpose, content, self.now())
        self.files[file.id] = file
        return file

    def file(self, file_id: str) -> StoredFile:
        """Find a file, or refuse with 404."""
        if file_id not in self.files:
            msg = f"No such File object: {file_id}"
            raise Refused(404, msg, "id")
        return self.files[file_id]

    def create(self, body: Json, key: str | None) -> StoredBatch:
        """Create a batch of an uploaded file; the same idempotency key gives the same batch."""
        if self.rules.idempotency and key is not None and key in self._keys:
            return self.batches[self._keys[key]]
        if body.get("input_file_id") not in self.files:
            msg = f"Cannot find file {body.get('input_file_id')}"
            raise Refused(400, msg, "file_id")
        if body.get("completion_window") != "24h":
            msg = "completion_window must be 24h"
            raise Refused(400, msg, "completion_window")
        if self.rules.limit_at_creation:
            self._refuse_above_limit(self.files[body["input_file_id"]].content)
        batch = StoredBatch(self._fields(body), hidden=self.rules.hidden_lists)
        self.batches[batch.fields["id"]] = batch
        if key is not None:
            self._keys[key] = batch.fields["id"]
        return batch

    def polled(self, batch_id: str) -> Json:
        """Return a batch object as a poll sees it."""
        batch = self.batch(batch_id)
        shown = self._shown(batch.fields)
        if batch.status in FINAL and batch.nameless < self.rules.nameless_polls:
            batch.nameless += 1
            shown |= {"output_file_id": None, "error_file_id": None}
        return shown

    def _shown(self, fields: Json) -> Json:
        """Return a batch object in this provider's words."""
        rules, counts = self.rules, fields["request_counts"] or {}
        renamed = {rules.counts.get(name, name): count for name, count in counts.items()}
        renamed.pop(None, None)
        status = rules.words.get(fields["status"], fields["status"])
        return fields | {"status": status, "request_counts": renamed or None}

    def _refuse_above_limit(self, content: bytes) -> None:
        """Refuse to create a batch whose requests do not fit beside what is enqueued."""
        bodies = [json.loads(line)["body"] for line in content.splitlines()]
        files = [
            self.files.get(batch.fields["input_file_id"])
            for batch in self.batches.values()
            if batch.status not in FINAL
        ]
        others = [json.loads(line)["body"] for file in files if file for line in file.content.splitlines()]
        if sum(map(input_tokens, bodies + others)) > (self.rules.enqueued_tokens or 0):
            msg = "Enqueued token limit reached"
            raise Refused(400, msg, code="token_limit_exceeded")

    def listed(self, after: str | None, limit: int) -> Json:
        """Return one page of batches, the newest first."""
        seen = []
        for batch in reversed(self.batches.values()):
            if batch.hidden > 0:
                batch.hidden -= 1
            else:
                seen.append(self._shown(batch.fields))
        ids = [fields["id"] for fields in seen]
        rest = seen[ids.index(after) + 1 :] if after in ids else seen
        page = rest[: max(1, min(limit, 100))]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
        return {"object": "list", "data": page, "has_more": len(rest) > len(page)} | ends

    def batch(self, batch_id: str) -> StoredBatch:
        """Find a batch, or refuse with 404."""
        if batch_id not in self.batches:
            msg = f"No batch found with id '{batch_id}'."
            raise Refused(404, msg)
        return self.batches[batch_id]

    def cancel(self, batch_id: str) -> StoredBatch:
        """Begin to cancel; the next step ends it."""
        batch = self.batch(batch_id)
        if batch.status in FINAL:
            msg = f"Cannot cancel a batch with status '{batch.status}'."
            raise Refused(409, msg)
        self._enter(batch, "cancelling")
        return batch

    def step(self, batch_id: str) -> str:
        """Move a batch to its next state; return that."""
        batch = self.batch(batch_id)
        if batch.status == "validating":
            self._validate(batch)
        elif batch.status == "in_progress":
            self.work(batch_id)
            self._enter(batch, "finalizing")
        elif batch.status == "finalizing":
            self._end(batch, "completed", "")
        elif batch.status == "cancelling":
            self._end(batch, "cancelled", "batch_cancelled")
        return batch.status

    def work(self, batch_id: str, number: int | None = None) -> None:
        """Answer so many of the waiting requests (all), in no particular order; each is billed."""
        batch = self.batch(batch_id)
        self._random.shuffle(batch.waiting)
        taken = batch.waiting[:number]
        del batch.waiting[: len(taken)]
        for entry in taken:
            output, errors, answered = self.answers.lines(entry["custom_id"], entry["body"])
            batch.output += output
            batch.errors += errors
            batch.fields["request_counts"]["completed" if answered else "failed"] += 1
            if answered:
                self.bill(entry["custom_id"], entry["body"])

    def bill(self, custom_id: str | None, body: Json) -> None:
        """Note an answer that is paid for."""
        self.billed.append({"custom_id": custom_id, "prompt": prompt(body), "tokens": input_tokens(body)})

    def _fields(self, body: Json) -> Json:
        now = self.now()
        return {
            "id": f"batch_{uuid4().hex}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "errors": None,
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            "expires_at": now + self.rules.window_seconds,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": body.get("metadata"),
        }

    def _enter(self, batch: StoredBatch, status: str) -> None:
        batch.fields |= {"status": status, f"{status}_at": self.now()}

    def _validate(self, batch: StoredBatch) -> None:
        content = self.files[batch.fields["input_file_id"]].content
        problems = list(problems_of_file(content, batch, self.rules))
        if not problems and self.rules.enqueued_tokens is not None:
            others = (b.tokens for b in self.batches.values() if b.model == batch.model and b is not batch)
            if sum(others) + batch.tokens > self.rules.enqueued_tokens:
                text = f"Enqueued token limit reached for {batch.model}. Limit: {self.rules.enqueued_tokens}"
                problems = [problem("token_limit_exceeded", None, text)]
        if problems:
            batch.fields["errors"] = {"object": "list", "data": problems}
            batch.waiting, batch.tokens = [], 0
            self._enter(batch, "failed")
        else:
            batch.fields["request_counts"]["total"] = len(batch.waiting)
            self._enter(batch, "in_progress")

    def _end(self, batch: StoredBatch, status: str, code: str) -> None:
        """Write the result files; what still waits gets `code` in the error file."""
        batch.errors += [error_line(entry["custom_id"], code) for entry in batch.waiting]
        batch.fields["request_counts"]["failed"] += len(batch.waiting)
        batch.waiting, batch.tokens = [], 0
        for name, lines in (("output", batch.output), ("error", batch.errors)):
            if lines:
                self._random.shuffle(lines)
                content = b"".join(line + b"\n" for line in lines)
                filename = f"{batch.fields['id']}_{name}.jsonl"
                batch.fields[f"{name}_file_id"] = self.store(filename, "batch_output", content).id
        self._enter(batch, status)
