"""What becomes of the batches of one partition, written down: each step is one transaction, and may be repeated."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from db import attempts, batches
from models.economics.pricing import Price
from models.engines.batch.files import BatchFile, batch_path, halve_file
from models.ids import new_id
from models.ledger.accounting import LinePrices
from models.ledger.api_accounting import closing_unserved
from models.ledger.line import Closing
from models.requests import ClosedAttempt
from tasks.storage.escalation_queue import QUEUED, EscalationQueue
from tasks.storage.open_version import OpenVersion


@dataclass(frozen=True, slots=True)
class BatchAttemptBook:
    """Closes attempts of batches that served no record: what was answered is charged at the line's prices."""

    prices: LinePrices
    upper_bound: int = 0

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""
        return closing_unserved(attempt, self.prices, self.upper_bound)

    def served(self, attempt: ClosedAttempt) -> int:
        """Nothing is held in memory for an attempt of a batch."""
        del attempt
        return 0


@dataclass(slots=True)
class BatchLedger:
    """The batches of one partition in the ledger, their lines, and the records that wait for them.

    `price` is that of an answer in a batch.
    """

    version: OpenVersion
    price: Price
    waiting: EscalationQueue

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

    def close(self, batch: batches.Batch, state: batches.Ending, error: str | None = None) -> None:
        """Close a batch; lines that it leaves open are of unknown outcome from then on."""
        version = self.version

        def write(session: Session) -> None:
            batches.close(session, batch.id, state, error)
            attempts.resolve_unknown(session, version.workload, version.partition, failure="no_answer")

        version.ledger.write(write)
        self.remove_file(batch)

    def lose(self, batch: batches.Batch, failure: str, state: str = QUEUED) -> None:
        """Give up a batch whose answers cannot be had any more, though they may be billed."""
        lines = self.lines(batch)
        self.close(batch, "abandoned", failure)
        for one in lines:
            self.waiting.requeue_after(one.record_key, one.attempt, state)

    def give_up(self, batch: batches.Batch, failure: str, state: str = QUEUED) -> None:
        """Close a batch that was refused whole, or never submitted: nothing of it was answered or billed.

        Its records, as far as they wait, get `state`.
        """
        lines = self.lines(batch)
        closings = [
            closing_unserved(
                ClosedAttempt(one.id, "failed", batch.created_at, failure=failure),
                LinePrices(self.price, self.price),
                0,
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

    def reissue(self, batch: batches.Batch, failure: str) -> batches.Batch | None:
        """Let a batch that was refused for now be submitted again under another id; None where that cannot be.

        Nothing of it was done, so its lines wait on as they are, and its deadline stays.
        """
        new = new_id()
        path = batch_path(self.version.folder, new)
        if not self._linked(batch, path):
            self.give_up(batch, failure)
            return None
        successor = _successor(batch, BatchFile(new, path, batch.requests, 0, batch.input_tokens, ()))

        def write(session: Session) -> None:
            batches.record_intent(session, successor)
            attempts.move_to_batch(session, batch.run_id, batch.id, new)
            batches.close(session, batch.id, "failed", failure)

        self.version.ledger.write(write)
        self.remove_file(batch)
        return successor

    def halve(self, batch: batches.Batch, failure: str) -> list[batches.Batch]:
        """Put two batches, of half its lines each, in the place of one that is too large; none where that cannot be.

        Nothing of it was done, so its lines wait on as they are, and its deadline stays. The files are on disk
        before the ledger names them; a process that is killed before that leaves the batch as it was.
        """
        path = self.version.folder / batch.file_name
        group = self.version.group
        files = halve_file(path, path.parent, batch.input_tokens, group) if path.exists() else None
        if files is None:
            return []
        halves = [_successor(batch, file) for file in files]

        def write(session: Session) -> None:
            for half, file in zip(halves, files, strict=True):
                batches.record_intent(session, half)
                attempts.move_to_batch(session, batch.run_id, batch.id, half.id, file.ids)
            batches.close(session, batch.id, "failed", failure)

        self.version.ledger.write(write)
        self.remove_file(batch)
        return halves

    def extend(self, batch: batches.Batch, deadline: datetime) -> batches.Batch:
        """Give a batch a later deadline; return it as it is then."""
        self.version.ledger.write(lambda session: batches.extend(session, batch.id, deadline))
        return replace(batch, deadline=deadline)

    def remove_file(self, batch: batches.Batch) -> None:
        """Remove the request file of a batch that is closed."""
        (self.version.folder / batch.file_name).unlink(missing_ok=True)

    def _linked(self, batch: batches.Batch, path: Path) -> bool:
        """Give the request file a second name; False if it is gone, or if the disk knows no second names."""
        try:
            path.hardlink_to(self.version.folder / batch.file_name)
        except OSError:
            return False
        return True


def _successor(batch: batches.Batch, file: BatchFile) -> batches.Batch:
    """Return what takes a batch's place, not submitted yet, with these of its lines."""
    return replace(
        batch,
        id=file.batch_id,
        file_name=file.path.name,
        requests=file.requests,
        input_tokens=file.tokens,
        state="intended",
        created_at=datetime.now(UTC),
        provider_file_id=None,
        provider_batch_id=None,
        submitted_at=None,
    )
