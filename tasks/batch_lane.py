"""The way to the API in batches: what was escalated goes into request files, whose answers come later."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from db import attempts, batches, leases
from models.accounting import ApiKeys, closing_unserved
from models.engines.base import ClosedAttempt
from models.engines.batch_files import batch_path
from models.engines.batch_status import BatchApiRefused, BatchApiUnavailable
from models.engines.openai_batch import SETTLE_SECONDS, BatchClient
from models.records import Quarantined, QuarantineReason
from tasks.batch_writer import IN_BATCH, BatchWriter
from tasks.commit import Committer
from tasks.database import with_patience
from tasks.plan import ApiPlan, Plan
from tasks.scratch import Scratch
from tasks.settle import Settler

log = logging.getLogger(__name__)


class BatchLane:
    """Gathers escalated records until the local engine is done, then submits them in batches.

    Each step is written down before the next one is made: the records' texts lie in a registered part,
    then the request file on disk, then the batch and its pending lines in one transaction, then it is
    uploaded. A run that is killed anywhere leaves a batch that the next run, or the collecting flow,
    submits or finds again.
    """

    def __init__(
        self,
        plan: Plan,
        api: ApiPlan,
        keys: ApiKeys,
        scratch: Scratch,
        committer: Committer,
        settler: Settler,
        *,
        stop: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._api = api
        self._keys = keys
        self._waiting = scratch.waiting
        self._committer = committer
        self._settler = settler
        self._stop = stop

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Do nothing: a batch is made when all is known."""

    def drain(self) -> None:
        """Write request files for all that wait, and submit them as far as the provider takes them."""
        self._committer.keep(self._waiting)
        self._committer.flush()
        self.leave_out_batched()
        if self._stop():
            return
        writer = BatchWriter(self._plan, self._api, self._keys, self._waiting)
        for rejected in writer.write():
            self._settler.rejected(rejected)
        self.submit_intended()

    def close(self) -> None:
        """Do nothing: what is not submitted yet is written down."""

    def leave_out_batched(self) -> None:
        """Mark the records whose answer a live batch will bring."""
        with self._plan.sessions() as session:
            for one in attempts.pending_in_batches(session, self._plan.version_id):
                self._waiting.set_state(one.record_key, IN_BATCH)

    def submit_intended(self) -> None:
        """Submit the batches that are written down, oldest first, while there is room for their tokens."""
        with self._plan.sessions() as session:
            live = batches.live(session, self._plan.version_id)
        intended = [batch for batch in live if batch.state == "intended"]
        if not intended:
            return
        with BatchClient(self._api.options) as client:
            for batch in intended:
                if self._stop() or not self._room_for(batch):
                    return
                try:
                    if batch.deadline <= datetime.now(UTC):
                        self._too_late(client, batch)
                    else:
                        self._submit(client, batch)
                except BatchApiUnavailable as error:
                    log.warning("the batch is submitted later: %s", error)
                    return
                except BatchApiRefused as error:
                    log.warning("a batch of %s requests is given up: %s", batch.requests, error)
                    self.give_up(batch, error.failure)

    def give_up(self, batch: batches.Batch, failure: str) -> list[attempts.InBatch]:
        """Close a batch that was refused whole: nothing was answered or billed, its records are queued again.

        Returns its lines as they were.
        """
        plan = self._plan
        with plan.sessions() as session:
            lines = [
                one
                for one in attempts.pending_in_batches(session, plan.version_id)
                if one.batch_id == batch.id
            ]
        closings = [
            closing_unserved(
                ClosedAttempt(one.id, "failed", batch.created_at, failure=failure), self._keys.price, 0
            )
            for one in lines
        ]

        def write(session: Session) -> None:
            leases.renew(session, plan.lease, plan.settings.lease_seconds)
            attempts.close_attempts(session, closings)
            batches.close(session, batch.id, "failed", failure)

        self.note(write)
        batch_path(plan.folder, batch.id).unlink(missing_ok=True)
        for one in lines:
            self._waiting.again(one.record_key, one.attempt)
        return lines

    def set_aside(self, key: str, reason: QuarantineReason, detail: str) -> None:
        """Quarantine a record that waits."""
        escalated = self._waiting.get(key)
        if escalated is not None:
            self._waiting.finish(key)
            record = escalated.record
            self._settler.set_aside(Quarantined(record.key, record.id, record.ordinal, reason, detail))

    def _too_late(self, client: BatchClient, batch: batches.Batch) -> None:
        """Give up a batch that was not submitted in time, unless a submission got through unnoticed."""
        found = client.find(batch.id, batch.created_at)
        if found is None and batch.provider_file_id is not None:  # its creation may have been under way
            time.sleep(SETTLE_SECONDS)
            found = client.find(batch.id, batch.created_at)
        if found is None:
            self.give_up(batch, "deadline")
        else:
            self.note(lambda session: batches.set_submitted(session, batch.id, found.id))

    def note(self, write: Callable[[Session], None]) -> None:
        """Make one short transaction, waiting for a database that is away."""

        def transaction() -> None:
            with self._plan.sessions.begin() as session:
                write(session)

        with_patience(self._plan.settings.database_patience_seconds, transaction)

    def _room_for(self, batch: batches.Batch) -> bool:
        limit = self._plan.settings.batch_enqueued_tokens
        if limit is None:
            return True
        with self._plan.sessions() as session:
            live = batches.live(session)
        submitted = [one for one in live if one.state == "submitted" and one.model == batch.model]
        return sum(one.input_tokens for one in submitted) + batch.input_tokens <= limit

    def _submit(self, client: BatchClient, batch: batches.Batch) -> None:
        provider = client.submit(
            batch.id,
            self._plan.folder / batch.file_name,
            since=batch.created_at,
            known_file_id=batch.provider_file_id,
            uploaded=lambda file_id: self.note(lambda session: batches.set_file(session, batch.id, file_id)),
            description=f"{self._plan.workload.name} {self._plan.partition}",
        )
        self.note(lambda session: batches.set_submitted(session, batch.id, provider.id))
        log.info("batch %s of %s requests is submitted", provider.id, batch.requests)
