"""Batches that are written down go to the provider; what it does not take is halved, tried again, or told of."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from db import batches
from models.engines.api.options import ApiOptions
from models.engines.batch.provider_words import over_limit, too_large
from models.engines.batch.status import (
    SETTLE_SECONDS,
    BatchApiRefused,
    BatchApiUnavailable,
    NoBatchApi,
)
from models.errors import ApiAccessError
from tasks.api.batch_fallback import BatchFallback
from tasks.api.batch_ledger import BatchLedger
from tasks.storage.escalation_queue import AT_ONCE, QUEUED

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)

settle_seconds = SETTLE_SECONDS
"""How long a creation that may be under way is waited for; tests have less time."""


@dataclass(slots=True)
class Submitter:
    """Submits the batches of one partition, each exactly once, wherever a run was killed before.

    `enqueued_tokens` is how many the provider takes of a model at a time, None where it has no limit. `deadline` is
    what a batch gets that was not submitted within its own.
    """

    ledger: BatchLedger
    options: ApiOptions
    fallback: BatchFallback
    enqueued_tokens: int | None
    deadline: timedelta
    stop: Callable[[], bool]
    _not_now: set[UUID] = field(default_factory=set, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def open_client(self) -> "BatchClient":
        """Make a client of the provider's Batch API."""
        from models.engines.batch.client import BatchClient  # noqa: PLC0415  a second, and few runs need it

        return BatchClient(self.options, settle_seconds=settle_seconds)

    def submit(self) -> None:
        """Submit the batches that are written down, oldest first, while there is room for their tokens.

        Raises `ApiAccessError`, also where the endpoint has no Batch API and nothing may be asked at once.
        """
        intended = [
            batch
            for batch in self.ledger.live()
            if batch.state == "intended" and batch.id not in self._not_now
        ]
        if not intended:
            return
        try:
            with self.open_client() as client:
                self._submit_all(client, intended)
        except NoBatchApi as error:
            self._go_without(error)

    def refused(
        self, client: "BatchClient", batch: batches.Batch, codes: tuple[str, ...], why: str
    ) -> list[batches.Batch] | None:
        """Take back a batch that the provider refused whole and that is halved, or waits; return its halves.

        None where nothing more can be submitted now: what else is enqueued has to end first. A batch of one request,
        and one that is refused for another reason than its size, waits, or its records are asked at once.
        """
        failure = ", ".join(codes) or "failed"
        if over_limit(codes) and self._is_full(client, batch):
            self.put_off(batch, failure)
            return None
        if (over_limit(codes) or too_large(codes)) and (halves := self.ledger.halve(batch, failure)):
            self._tell_of_size(batch, failure, by_tokens=over_limit(codes))
            self._forget_file(client, batch)
            return halves
        if self.fallback.at_once:
            log.warning("a batch of %s requests is given up: %s", batch.requests, why)
            self.ledger.give_up(batch, failure, AT_ONCE)
            return []
        self._tell(failure, f"a batch of {batch.requests} requests is not taken: {why}", batch)
        self.put_off(batch, failure)
        return None if over_limit(codes) else []

    def put_off(self, batch: batches.Batch, failure: str) -> None:
        """Let a batch wait for a later round: as it is, or, if it was created and refused then, under another id."""
        if batch.state == "submitted" and (successor := self.ledger.reissue(batch, failure)) is not None:
            self._not_now.add(successor.id)

    def tell_late(self, provider_id: str, batch: batches.Batch) -> None:
        """Say, once a run, that a batch is past its deadline, and what comes of its records."""
        said = f"batch {provider_id} is past its deadline and is cancelled"
        if self.fallback.at_once:
            log.warning("%s", said)
        else:
            self._tell("deadline", f"{said}; what it did not answer goes into a new batch", batch)

    def _submit_all(self, client: "BatchClient", intended: list[batches.Batch]) -> None:
        """Submit batches; one of a single request, which is as small as it can be, shows first if there is room at all."""
        left = deque(sorted(intended, key=lambda batch: (batch.requests > 1, batch.id)))
        while left and not self.stop():
            batch = left.popleft()
            try:
                if not self._tried(client, batch):
                    return
            except (BatchApiUnavailable, BatchApiRefused) as error:
                if isinstance(error, BatchApiUnavailable) and (
                    error.sent or not over_limit((error.failure,))
                ):
                    log.warning("a batch is submitted later: %s", error)
                    return
                too_much = (
                    isinstance(error, BatchApiRefused) and error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                )
                halves = self.refused(client, batch, ("http_413" if too_much else error.failure,), str(error))
                if halves is None:
                    return
                left.extendleft(reversed(halves))

    def _tried(self, client: "BatchClient", batch: batches.Batch) -> bool:
        """Submit a batch, or give it up; False where there is no room for its tokens, nor for the next ones."""
        late = batch.deadline <= datetime.now(UTC)
        if late and self.fallback.at_once:
            self._unless_found(client, batch, "deadline", AT_ONCE)
        elif not (self.ledger.version.folder / batch.file_name).exists():
            self._unless_found(client, batch, "no_file", QUEUED)
        elif not self._room_for(batch):
            return False
        else:
            self._submit(client, self._with_time(batch) if late else batch)
        return True

    def _with_time(self, batch: batches.Batch) -> batches.Batch:
        """Give a batch that was not submitted in time another deadline: nothing of it was sent."""
        self._tell("deadline", f"a batch of {batch.requests} requests was not submitted in time", batch)
        return self.ledger.extend(batch, datetime.now(UTC) + self.deadline)

    def _submit(self, client: "BatchClient", batch: batches.Batch) -> None:
        version = self.ledger.version
        provider = client.submit(
            batch.id,
            version.folder / batch.file_name,
            since=batch.created_at,
            known_file_id=batch.provider_file_id,
            uploaded=lambda file_id: version.ledger.write(
                lambda session: batches.set_file(session, batch.id, file_id)
            ),
            description=f"{version.workload} {version.partition}",
        )
        version.ledger.write(lambda session: batches.set_submitted(session, batch.id, provider.id))
        log.info("batch %s of %s requests is submitted", provider.id, batch.requests)

    def _unless_found(self, client: "BatchClient", batch: batches.Batch, failure: str, state: str) -> None:
        """Give up a batch that cannot be submitted any more, unless a submission got through unnoticed."""
        found = client.find(batch.id, batch.created_at)
        if found is None and batch.provider_file_id is not None:  # its creation may have been under way
            time.sleep(settle_seconds)
            found = client.find(batch.id, batch.created_at)
        if found is None:
            log.warning("a batch of %s requests was not submitted (%s)", batch.requests, failure)
            self.ledger.give_up(batch, failure, state)
        else:
            self.ledger.version.ledger.write(
                lambda session: batches.set_submitted(session, batch.id, found.id)
            )

    def _room_for(self, batch: batches.Batch) -> bool:
        limit = self.enqueued_tokens
        if limit is None:
            return True
        enqueued = self.ledger.version.ledger.read(
            lambda session: batches.sum_enqueued_tokens(session, batch.model)
        )
        return enqueued + batch.input_tokens <= limit

    def _is_full(self, client: "BatchClient", batch: batches.Batch) -> bool:
        """Whether another batch of the model is under way, by the ledger or by the provider: it may be that one's tokens."""
        own = self.ledger.version.ledger.read(
            lambda session: batches.is_enqueued(session, batch.model, batch.id)
        )
        return own or client.is_enqueued(batch.model, batch.provider_batch_id)

    def _forget_file(self, client: "BatchClient", batch: batches.Batch) -> None:
        """Delete the uploaded file of a batch that was refused at its creation: it holds texts."""
        file_id = self.ledger.version.ledger.read(
            lambda session: batches.get(session, batch.id).provider_file_id
        )
        try:
            if file_id is not None and batch.state == "intended":
                client.delete_file(file_id)
        except (BatchApiUnavailable, BatchApiRefused, ApiAccessError) as error:
            log.warning("the file of a refused batch was not deleted: %s", error)

    def _go_without(self, error: NoBatchApi) -> None:
        """Do as the settings say where the endpoint has no Batch API."""
        intended = [batch for batch in self.ledger.live() if batch.state == "intended"]
        if not self.fallback.at_once:
            said = f"{error.host} has no Batch API ({error.failure})"
            msg = f"{said}: {self.fallback.offer(self._keys(intended))}"
            raise ApiAccessError(msg)
        log.warning("%s has no Batch API (%s)", error.host, error.failure)
        for batch in intended:
            if batch.provider_file_id is None:
                self.ledger.give_up(batch, error.failure, AT_ONCE)
            else:  # it had one when the file was uploaded
                self.ledger.lose(batch, error.failure, AT_ONCE)

    def _tell_of_size(self, batch: batches.Batch, failure: str, *, by_tokens: bool) -> None:
        """Say, once a run, that a batch is too large by itself, and which setting makes such ones no more."""
        if failure in self._told:
            return
        self._told.add(failure)
        most, setting = (
            ("the account may have at a time", f"BREAKEVEN_BATCH_ENQUEUED_TOKENS below {batch.input_tokens}")
            if by_tokens
            else (
                "the provider takes in one",
                "BREAKEVEN_BATCH_MAX_REQUESTS or BREAKEVEN_BATCH_MAX_BYTES lower",
            )
        )
        log.warning(
            "a batch of %s requests and %s input tokens is more than %s (%s): it is halved; set %s",
            batch.requests,
            f"{batch.input_tokens:,}",
            most,
            failure,
            setting,
        )

    def _tell(self, topic: str, said: str, batch: batches.Batch) -> None:
        """Say, once a run and topic, what is wrong with a batch, and how its records could be asked at once."""
        if topic not in self._told:
            self._told.add(topic)
            log.warning("%s; %s", said, self.fallback.offer(self._keys([batch])))

    def _keys(self, some: list[batches.Batch]) -> Iterator[str]:
        """Yield the records that wait for batches."""
        return (line.record_key for batch in some for line in self.ledger.lines(batch))
