"""The way to the API in batches: what was escalated goes into request files, whose answers come later."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from db import attempts, batch_lines, partitions
from tasks.api.batch_submit import Submitter
from tasks.api.batch_writer import BatchWriter
from tasks.api.sync_lane import Lane, do_nothing
from tasks.storage.committer import Committer
from tasks.storage.escalation_queue import AT_ONCE, IN_BATCH, QUEUED, EscalationQueue
from tasks.storage.open_version import OpenVersion

log = logging.getLogger(__name__)


def leave_out_batched(version: OpenVersion, waiting: EscalationQueue) -> None:
    """Mark the records whose answer a live batch will bring, and note which requests it asks."""

    def mark(session: Session) -> None:
        for one in attempts.list_pending_in_batches(session, version.id):
            waiting.set_state(one.record_key, IN_BATCH)
            waiting.mark_asked(one.request_hash)

    waiting.clear_asked()
    version.ledger.read(mark)


@dataclass(slots=True)
class BatchLane:
    """Gathers escalated records until the local engine is done, then submits them in batches.

    Each step is written down before the next one is made: the records' texts lie in a registered part,
    then the request file on disk, then the batch and its pending lines in one transaction, then it is
    uploaded. A run that is killed anywhere leaves a batch that the next run, or the collecting flow,
    submits or finds again. What may not wait for a batch any more is asked for at once, where the settings say so.
    """

    version: OpenVersion
    waiting: EscalationQueue
    committer: Committer
    writer: BatchWriter
    submitter: Submitter
    at_once: Lane
    stop: Callable[[], bool]
    input_read: bool

    def pump(self, wait_seconds: float = 0.0) -> None:
        """Do nothing: a batch is made when all is known."""

    def drain(self, report: Callable[[], None] = do_nothing) -> None:
        """Write request files for all that wait, and submit them as far as the provider takes them."""
        self.committer.keep(self.waiting)
        self.committer.flush()
        if self.stop():
            return
        version = self.version
        if self.input_read:  # now all of it is done, or waits in a part: collecting can go on by itself
            version.ledger.write(lambda session: partitions.set_input_read(session, version.id))
        leave_out_batched(version, self.waiting)
        self._take_out_late()
        self._take_out_lost()
        self.writer.write()
        self.submitter.submit()
        self.waiting.defer_queued("api_unavailable")
        self.waiting.requeue(AT_ONCE)
        if count := self.waiting.queued():
            said = self.submitter.fallback.compare(self.waiting.keys(QUEUED))
            log.warning("%s records are asked at once instead of in a batch: %s", f"{count:,}", said)
            self.at_once.drain(report)

    def close(self) -> None:
        """Leave what was asked for at once to a later run; what is not submitted yet is written down."""
        self.at_once.close()

    def _take_out_late(self) -> None:
        """Let no new batch have the records that one had until its deadline, where they may be asked at once."""
        if not self.submitter.fallback.at_once:
            return

        def mark(session: Session) -> None:
            for key in attempts.list_past_deadline(session, self.version.id, datetime.now(UTC)):
                self.waiting.defer_queued(AT_ONCE, key)

        self.version.ledger.read(mark)

    def _take_out_lost(self) -> None:
        """Let no new batch have the records that were in `api_max_attempts` batches which never gave their answers.

        Each may have been billed: what a provider loses again and again is paid for no more.
        """
        version, submitter = self.version, self.submitter
        most = submitter.options.max_attempts
        keys = version.ledger.read(lambda session: batch_lines.list_lost(session, version.id, most))
        waiting = self.waiting.among(keys)
        for key in waiting:
            self.waiting.defer_queued(AT_ONCE if submitter.fallback.at_once else "api_unavailable", key)
        if waiting and not submitter.fallback.at_once:
            log.warning(
                "%s records were in %s batches that never gave their answers, and are asked in none any more; %s",
                len(waiting),
                most,
                submitter.fallback.offer(waiting),
            )
