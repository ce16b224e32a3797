"""Files of the Batch API: requests written within its limits, results read in any order. No network."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson

from models.engines.api.permit import ApiRequest
from models.errors import OutputError
from models.ids import new_id
from models.private_files import GroupAccess, make_folder, renew_file
from models.requests import Completion, JsonValue

ENDPOINT: Final = "/v1/chat/completions"
PREFIX = "breakeven-"
SUFFIX = ".jsonl"
TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one request file may hold.

    `max_tokens` is the model's whole limit of enqueued input tokens, not what is left of it just now: a
    file within it can be submitted once enough of the others have ended. None: no limit is known.
    """

    max_requests: int
    max_bytes: int
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A request file that stands on disk, synced: one batch to be.

    `batch_id` is our own UUIDv7; it names the file and goes into the provider's metadata. `bytes` is
    the file's size, `tokens` the sum of what its requests were said to hold, `ids` are the attempts in
    the order of the lines.
    """

    batch_id: UUID
    path: Path
    requests: int
    bytes: int
    tokens: int
    ids: tuple[UUID, ...]


def batch_path(folder: Path, batch_id: UUID) -> Path:
    """Where the request file of a batch stands; its name is also the uploaded file's."""
    return folder / f"{PREFIX}{batch_id.hex}{SUFFIX}"


def write_batches(
    requests: Iterable[ApiRequest],
    folder: Path,
    limits: BatchLimits,
    *,
    body: Callable[[ApiRequest], Mapping[str, JsonValue]],
    tokens: Callable[[ApiRequest], int],
    group: GroupAccess = "none",
) -> Generator[BatchFile | Completion]:
    """Write requests to files within the limits, in order; yield each file once it is synced.

    `body` renders a request, `tokens` says how many input tokens it counts for. Takes requests lazily
    and holds one rendered request at a time. A request that no file can hold is yielded as a completion,
    rejected as `too_long`; it took no attempt. A generator that is closed leaves the files it yielded
    and nothing else. Raises `OutputError`.
    """
    writer: _Writer | None = None
    try:
        for request in requests:
            line = _line(request, body(request))
            size = tokens(request)
            if detail := _too_long(len(line), size, limits):
                yield Completion(request, rejection="too_long", detail=detail, attempts=0)
                continue
            if writer is not None and not writer.fits(len(line), size, limits):
                yield writer.finish()
                writer = None
            if writer is None:
                writer = _Writer(folder, group)
            writer.add(request.id, line, size)
        if writer is not None:
            yield writer.finish()
    finally:
        if writer is not None:
            writer.discard()


def file_ids(path: Path) -> Iterator[UUID]:
    """Yield the attempts of a request file in the order of its lines, reading a line at a time.

    A provider that refuses a file names the lines by number, from 1. Raises `OutputError`.
    """
    with _output_errors(path), path.open("rb") as file:
        for line in file:
            yield UUID(orjson.loads(line)["custom_id"])


def halve_file(
    path: Path, folder: Path, tokens: int, group: GroupAccess = "none"
) -> tuple[BatchFile, BatchFile] | None:
    """Write the first half of a file's lines, and the rest, to files of their own; None for fewer than two lines.

    The file itself stays. `tokens`, those of the whole, are shared by bytes. Raises `OutputError`.
    """
    ids = list(file_ids(path))
    halves = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    if not halves[0]:
        return None
    made: list[BatchFile] = []
    with _output_errors(path), path.open("rb") as lines:
        for half in halves:
            writer = _Writer(folder, group)
            try:
                for id_ in half:
                    writer.add(id_, next(lines), 0)
                made.append(writer.finish())
            finally:
                writer.discard()
    first, second = made
    share = tokens * first.bytes // (first.bytes + second.bytes)
    return replace(first, tokens=share), replace(second, tokens=tokens - share)


def rendered_body(path: Path) -> Mapping[str, JsonValue]:
    """Return the body of a file's first request: how its requests were rendered. Raises `OutputError`."""
    with _output_errors(path), path.open("rb") as file:
        body: Mapping[str, JsonValue] = orjson.loads(file.readline())["body"]
    return body


def remove_unregistered(folder: Path, registered: Iterable[UUID]) -> list[str]:
    """Remove request files of no registered batch, and temporary files, of one folder; return their names.

    Other people's files stay. Call it only while nobody else writes batches here. Raises `OutputError`.
    """
    keep = {batch_path(folder, batch_id).name for batch_id in registered}
    ours = sorted(folder.glob(f"{PREFIX}*{SUFFIX}")) + sorted(folder.glob(f"{PREFIX}*{SUFFIX}{TEMPORARY}"))
    removed = [path for path in ours if path.name not in keep]
    with _output_errors(folder):
        for path in removed:
            path.unlink(missing_ok=True)
    return [path.name for path in removed]


class _Writer:
    """One request file while it grows, under a temporary name until it is whole."""

    def __init__(self, folder: Path, group: GroupAccess) -> None:
        self._batch_id = new_id()
        self._path = batch_path(folder, self._batch_id)
        self._temporary = self._path.with_name(self._path.name + TEMPORARY)
        self._ids: list[UUID] = []
        self._bytes = 0
        self._tokens = 0
        with _output_errors(self._path):
            make_folder(folder)
            self._file = renew_file(self._temporary, group)

    def fits(self, size: int, tokens: int, limits: BatchLimits) -> bool:
        """Whether one more line of `size` bytes keeps the file within the limits."""
        return (
            len(self._ids) < limits.max_requests
            and self._bytes + size <= limits.max_bytes
            and (limits.max_tokens is None or self._tokens + tokens <= limits.max_tokens)
        )

    def add(self, attempt_id: UUID, line: bytes, tokens: int) -> None:
        """Append one line."""
        with _output_errors(self._path):
            self._file.write(line)
        self._ids.append(attempt_id)
        self._bytes += len(line)
        self._tokens += tokens

    def finish(self) -> BatchFile:
        """Give the file its name, after its content and before the folder's entry is synced."""
        with _output_errors(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
            _sync_folder(self._path.parent)
        ids = tuple(self._ids)
        return BatchFile(self._batch_id, self._path, len(ids), self._bytes, self._tokens, ids)

    def discard(self) -> None:
        """Remove what is not finished; a finished file stays."""
        with _output_errors(self._path):
            try:
                self._file.close()  # writes what is buffered, which a full disk refuses
            finally:
                self._temporary.unlink(missing_ok=True)


def _line(request: ApiRequest, body: Mapping[str, JsonValue]) -> bytes:
    """Render one line, line feed included."""
    entry = {"custom_id": request.id.hex, "method": "POST", "url": ENDPOINT, "body": body}
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def _too_long(size: int, tokens: int, limits: BatchLimits) -> str | None:
    """Say why no file can hold a line of this size, if that is so."""
    if size > limits.max_bytes:
        return f"{size} bytes are more than a batch file may hold ({limits.max_bytes})"
    if limits.max_tokens is not None and tokens > limits.max_tokens:
        return f"{tokens} tokens are more than the model's batches may hold ({limits.max_tokens})"
    return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turn an I/O failure into one clear `OutputError` that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        msg = f"cannot use {path}: {reason}; free or change the output folder (BREAKEVEN_OUTPUT_DIR)"
        raise OutputError(msg) from error
