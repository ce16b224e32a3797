"""Batches that are written down go to the provider; those that it refuses whole are taken back."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, batches
from models.economics.pricing import Price
from models.engines.api.options import ApiOptions
from models.engines.batch.files import batch_path
from models.engines.batch.status import SETTLE_SECONDS, BatchApiRefused, BatchApiUnavailable
from models.ids import new_id
from models.ledger.accounting import closing_unserved
from models.requests import ClosedAttempt
from tasks.storage.escalation_queue import AT_ONCE, QUEUED, EscalationQueue
from tasks.storage.open_version import OpenVersion

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)

settle_seconds = SETTLE_SECONDS
"""How long a creation that may be under way is waited for; tests have less time."""


@dataclass(slots=True)
class Submitter:
    """Submits the batches of one partition, each exactly once, wherever a run was killed before.

    `price` is that of an answer in a batch. `enqueued_tokens` is how many the provider takes of a model at a time,
    None where it has no limit.
    """

    version: OpenVersion
    options: ApiOptions
    price: Price
    enqueued_tokens: int | None
    waiting: EscalationQueue
    stop: Callable[[], bool]
    _not_now: set[UUID] = field(default_factory=set, init=False)

    def open_client(self) -> "BatchClient":
        """Make a client of the provider's Batch API."""
        from models.engines.batch.client import BatchClient  # noqa: PLC0415  a second, and few runs need it

        return BatchClient(self.options, settle_seconds=settle_seconds)

    def submit(self) -> None:
        """Submit the batches that are written down, oldest first, while there is room for their tokens."""
        intended = [
            batch for batch in self.live() if batch.state == "intended" and batch.id not in self._not_now
        ]
        if not intended:
            return
        with self.open_client() as client:
            for batch in intended:
                if self.stop():
                    return
                try:
                    if not self._tried(client, batch):
                        return
                except BatchApiUnavailable as error:
                    log.warning("a batch is submitted later: %s", error)
                    return
                except BatchApiRefused as error:
                    log.warning("a batch of %s requests is given up: %s", batch.requests, error)
                    self.give_up(batch, error.failure, AT_ONCE)

    def live(self) -> list[batches.Batch]:
        """Return the partition's batches that are not closed, oldest first."""
        version = self.version
        return version.ledger.read(lambda session: batches.list_live(session, version.id))

    def lines(self, batch: batches.Batch) -> list[attempts.InBatch]:
        """Return the lines that wait for a batch."""
        version = self.version
        return version.ledger.read(
            lambda session: list(attempts.list_pending_in_batches(session, version.id, batch.id))
        )

    def give_up(self, batch: batches.Batch, failure: str, state: str = QUEUED) -> None:
        """Close a batch that was refused whole, or never submitted: nothing of it was answered or billed.

        Its records, as far as they wait, get `state`.
        """
        lines = self.lines(batch)
        closings = [
            closing_unserved(
                ClosedAttempt(one.id, "failed", batch.created_at, failure=failure), self.price, 0
            )
            for one in lines
        ]

        def write(session: Session) -> None:
            attempts.close_attempts(session, closings)
            batches.close(session, batch.id, "failed", failure)

        self.version.ledger.write(write)
        self.remove_file(batch)
        for one in lines:
            self.waiting.requeue_after(one.record_key, one.attempt, state)

    def reissue(self, batch: batches.Batch, failure: str) -> None:
        """Let a batch that was refused for now be submitted again, in a later round and under another id.

        Nothing of it was done, so its lines wait on as they are, and its deadline stays.
        """
        new = new_id()
        path = batch_path(self.version.folder, new)
        if not self._linked(batch, path):
            self.give_up(batch, failure)
            return
        successor = replace(
            batch,
            id=new,
            file_name=path.name,
            state="intended",
            created_at=datetime.now(UTC),
            provider_file_id=None,
            provider_batch_id=None,
            submitted_at=None,
        )

        def write(session: Session) -> None:
            batches.record_intent(session, successor)
            attempts.move_to_batch(session, batch.run_id, batch.id, new)
            batches.close(session, batch.id, "failed", failure)

        self.version.ledger.write(write)
        self._not_now.add(new)
        self.remove_file(batch)

    def remove_file(self, batch: batches.Batch) -> None:
        """Remove the request file of a batch that is closed."""
        (self.version.folder / batch.file_name).unlink(missing_ok=True)

    def _tried(self, client: "BatchClient", batch: batches.Batch) -> bool:
        """Submit a batch, or give it up; False where there is no room for its tokens, nor for the next ones."""
        if batch.deadline <= datetime.now(UTC):
            self._unless_found(client, batch, "deadline", AT_ONCE)
        elif not (self.version.folder / batch.file_name).exists():
            self._unless_found(client, batch, "no_file", QUEUED)
        elif not self._room_for(batch):
            return False
        else:
            self._submit(client, batch)
        return True

    def _submit(self, client: "BatchClient", batch: batches.Batch) -> None:
        provider = client.submit(
            batch.id,
            self.version.folder / batch.file_name,
            since=batch.created_at,
            known_file_id=batch.provider_file_id,
            uploaded=lambda file_id: self.version.ledger.write(
                lambda session: batches.set_file(session, batch.id, file_id)
            ),
            description=f"{self.version.workload} {self.version.partition}",
        )
        self.version.ledger.write(lambda session: batches.set_submitted(session, batch.id, provider.id))
        log.info("batch %s of %s requests is submitted", provider.id, batch.requests)

    def _unless_found(self, client: "BatchClient", batch: batches.Batch, failure: str, state: str) -> None:
        """Give up a batch that cannot be submitted any more, unless a submission got through unnoticed."""
        found = client.find(batch.id, batch.created_at)
        if found is None and batch.provider_file_id is not None:  # its creation may have been under way
            time.sleep(settle_seconds)
            found = client.find(batch.id, batch.created_at)
        if found is None:
            log.warning("a batch of %s requests was not submitted (%s)", batch.requests, failure)
            self.give_up(batch, failure, state)
        else:
            self.version.ledger.write(lambda session: batches.set_submitted(session, batch.id, found.id))

    def _room_for(self, batch: batches.Batch) -> bool:
        limit = self.enqueued_tokens
        if limit is None:
            return True
        enqueued = self.version.ledger.read(lambda session: batches.sum_enqueued_tokens(session, batch.model))
        return enqueued + batch.input_tokens <= limit

    def _linked(self, batch: batches.Batch, path: Path) -> bool:
        """Give the request file a second name; False if it is gone, or if the disk knows no second names."""
        try:
            path.hardlink_to(self.version.folder / batch.file_name)
        except OSError:
            return False
        return True
