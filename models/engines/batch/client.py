"""OpenAI's Batch API, and every other that speaks it: submit a file exactly once, poll, download."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Self
from uuid import UUID

from openai import omit

from models.engines.api.options import ApiOptions
from models.engines.batch.files import ENDPOINT
from models.engines.batch.http_calls import (
    FIRST_PAUSE_SECONDS,
    Caller,
    attempts,
    listed,
    parse_id,
    parse_page,
    parse_reply,
)
from models.engines.batch.status import (
    METADATA_KEY,
    SETTLE_SECONDS,
    BatchApiRefused,
    BatchApiUnavailable,
    NoBatchApi,
    ProviderBatch,
    provider_batch,
)
from models.errors import OutputError

UPLOAD_SECONDS = 600.0
CLOCK_SKEW = timedelta(minutes=15)
"""How far the provider's clock may be behind ours when we stop looking for a batch."""

LONGEST_WINDOW = timedelta(hours=48)
"""No batch is under way for longer: its window is a day."""

_PAGE = 100
MOST_PAGES = 1000
"""Pages of the list of batches that are looked at."""
_NO_SUCH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class BatchClient:
    """Speaks to one endpoint's Batch API. Use it in a `with` block, or `close` it.

    Only requests that change nothing are retried here. Every method raises `ApiAccessError` (key, account
    or model refused), `BatchApiUnavailable` (call again later) and `BatchApiRefused` (do not).
    """

    def __init__(
        self,
        options: ApiOptions,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._caller = Caller(options)
        self._client = self._caller.client
        self._upload_seconds = max(UPLOAD_SECONDS, options.timeout_seconds)
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def submit(
        self,
        batch_id: UUID,
        path: Path,
        *,
        since: datetime,
        known_file_id: str | None = None,
        uploaded: Callable[[str], None] = lambda _: None,
        description: str = "",
    ) -> ProviderBatch:
        """Make sure that our batch `batch_id` exists at the provider, exactly once, and return it.

        It may be called again after a failure, or a kill, at any point. `since` is when the intent was
        recorded. `uploaded` is given the file's id and must have made it durable when it returns; the
        next call gets it as `known_file_id`. That closes the last gap: only a file that this very call
        uploaded can have no creation under way, so with any other the provider's list is watched for
        `settle_seconds` before a batch is created. Nobody else may submit the same batch meanwhile.
        """
        if found := self.find(batch_id, since):
            return found
        standing = self._standing_file(path, since, known_file_id)
        file_id = standing or self.upload(path)
        if file_id != known_file_id:
            uploaded(file_id)
        if (standing or known_file_id) and (found := self._settled(batch_id, since)):
            return found
        try:
            return self.create(file_id, batch_id, description)
        except BatchApiUnavailable as fault:
            if fault.sent and (found := self._settled(batch_id, since)):
                return found
            raise

    def find(self, batch_id: UUID, since: datetime) -> ProviderBatch | None:
        """Look through the provider's batches, newest first, for the one that carries our id.

        Stops at those that were created before `since`.
        """
        horizon = since - CLOCK_SKEW
        for page in self._pages():
            for batch in page:
                if batch.batch_id == batch_id:
                    return batch
            if page and page[0].created_at > page[-1].created_at < horizon:
                break
        return None

    def is_enqueued(self, model: str, besides: str | None) -> bool:
        """Whether the provider's list has a batch of this model, beside one, that has not ended, or may not have.

        A batch of which nothing says what model it is for counts. Looks back as far as a batch can be under way.
        """
        horizon = datetime.now(UTC) - LONGEST_WINDOW
        for page in self._pages():
            if any(batch.id != besides and not batch.final and _is_of(batch, model) for batch in page):
                return True
            if page and page[-1].created_at < horizon:
                break
        return False

    def find_file(self, path: Path, since: datetime) -> str | None:
        """Return the id of the uploaded file of this name and size, if the endpoint can tell.

        An endpoint that cannot list files (404, 405) gets the file again, which costs nothing.
        """
        horizon = (since - CLOCK_SKEW).timestamp()
        sought = (path.name, _size(path))

        def look() -> str | None:
            for file in listed(lambda: self._client.files.list(purpose="batch", order="desc", limit=1000)):
                if (file.get("filename"), file.get("bytes")) == sought and file.get("status") != "error":
                    return parse_id(file)
                if isinstance(created_at := file.get("created_at"), int) and created_at < horizon:
                    return None
            return None

        try:
            return self._caller.get("list the files", look)
        except BatchApiRefused as refusal:
            if refusal.status in _NO_SUCH:
                return None
            raise

    def upload(self, path: Path) -> str:
        """Upload a request file, streamed from disk; return its id. Raises `OutputError` as well."""
        _size(path)  # a file that is not there is no fault of the endpoint

        def send() -> str:
            with path.open("rb") as file:
                part = (path.name, file, "application/jsonl")
                reply = self._client.files.create(file=part, purpose="batch", timeout=self._upload_seconds)
                return parse_id(parse_reply(reply))

        return self._caller.ask("upload the batch file", send)

    def create(self, file_id: str, batch_id: UUID, description: str = "") -> ProviderBatch:
        """Create the batch of an uploaded file. Never repeat it blindly: `submit` does not.

        A `BatchApiUnavailable` that is `sent` leaves open whether the batch exists.
        """
        metadata = {METADATA_KEY: batch_id.hex}
        if description:
            metadata["description"] = description[:512]

        def send() -> ProviderBatch:
            batch = self._client.batches.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata=metadata,
                extra_headers={"Idempotency-Key": f"breakeven-{batch_id.hex}"},
            )
            return provider_batch(parse_reply(batch))

        return self._caller.ask("create the batch", send)

    def poll(self, provider_id: str) -> ProviderBatch:
        """Return how a batch stands."""
        return self._caller.get(
            "poll the batch", lambda: provider_batch(parse_reply(self._client.batches.retrieve(provider_id)))
        )

    def cancel(self, provider_id: str) -> ProviderBatch:
        """Ask once for the end of a batch; what it has answered stays and is billed. Return how it stands.

        It ends some minutes later. One that has ended already is left as it is, and one whose provider
        did not take the request goes on: ask again.
        """
        try:
            return self._caller.ask(
                "cancel the batch",
                lambda: provider_batch(parse_reply(self._client.batches.cancel(provider_id))),
            )
        except (BatchApiRefused, BatchApiUnavailable):
            return self.poll(provider_id)

    def download(self, file_id: str) -> Iterator[bytes]:
        """Yield the lines of a file, streamed, without their line feeds.

        After a fault it starts over and passes by the lines it has yielded.
        """
        done = 0
        for attempt in attempts():
            with attempt, closing(self._caller.lines(file_id)) as lines:
                for number, line in enumerate(lines, 1):
                    if number > done:
                        done = number
                        yield line

    def delete_file(self, file_id: str) -> None:
        """Delete an uploaded or a result file, which hold texts; one that is gone is fine."""
        try:
            self._caller.get("delete the file", lambda: self._client.files.delete(file_id))
        except BatchApiRefused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    def _standing_file(self, path: Path, since: datetime, known_file_id: str | None) -> str | None:
        """Return the id of the file if it was uploaded before and is still there."""
        if known_file_id is None:
            return self.find_file(path, since)
        try:
            return self._caller.get(
                "find the file", lambda: parse_id(parse_reply(self._client.files.retrieve(known_file_id)))
            )
        except BatchApiRefused:
            return None

    def _settled(self, batch_id: UUID, since: datetime) -> ProviderBatch | None:
        """Watch the list until a creation that may be under way would show."""
        waited, pause = 0.0, FIRST_PAUSE_SECONDS
        while waited < self._settle_seconds:
            pause = min(pause, self._settle_seconds - waited)
            self._sleep(pause)
            waited += pause
            pause *= 2
            if found := self.find(batch_id, since):
                return found
        return None

    def _pages(self) -> Iterator[list[ProviderBatch]]:
        """Yield the provider's batches, newest first, page by page. A list that begins again has ended; one without end is none."""
        seen: dict[str | None, None] = {None: None}
        while len(seen) <= MOST_PAGES:
            page, more = self._page(next(reversed(seen)))
            yield page
            if not more or page[-1].id in seen:
                return
            seen[page[-1].id] = None
        what, failure = "list the batches", "garbled_reply"
        raise BatchApiUnavailable(what, self._caller.host, failure, sent=False)

    def _page(self, after: str | None) -> tuple[list[ProviderBatch], bool]:
        """Return one page of the provider's batches and whether there are more."""

        def look() -> tuple[list[ProviderBatch], bool]:
            data, more = parse_page(lambda: self._client.batches.list(limit=_PAGE, after=after or omit))
            return [provider_batch(item) for item in data], more

        try:
            return self._caller.get("list the batches", look)
        except BatchApiRefused as refusal:
            if refusal.status not in _NO_SUCH:
                raise
            raise NoBatchApi(self._caller.host, refusal.failure) from None


def _is_of(batch: ProviderBatch, model: str) -> bool:
    """Whether a batch is for a model, as far as is said: its dated name begins with the other."""
    said = batch.model
    return said is None or said.startswith(model) or model.startswith(said)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        msg = f"cannot read the batch file {path}: {error.strerror}"
        raise OutputError(msg) from error
