"""Which records of a partition a run would not infer: what is done already, what it takes over, what waits for the API."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from db import attempts, parts
from db.partitions import PartitionVersion, find_open, find_published
from models.errors import OutputError
from models.records import Quarantined, Record
from tasks.planning.checks import Checked, fingerprint_of
from tasks.planning.input_facts import read_facts
from tasks.planning.late_data import load_published
from tasks.planning.retry import load_set_aside
from tasks.storage.output_folders import parts_folder
from tasks.storage.part_files import load_done
from tasks.storage.scratch_db import Scratch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """Says of some rows, by key, what an earlier run has left to do of them."""

    scratch: Scratch

    def passed_over(self, items: Sequence[Record | Quarantined]) -> Collection[str]:
        """Return those that cost nothing any more: done, taken over as they are, or paid for in a live batch."""
        done = self.scratch.done([item.key for item in items])
        return done | self.scratch.unchanged_rows.kept(items).keys()

    def waiting(self, items: Sequence[Record | Quarantined]) -> Collection[str]:
        """Return those that were escalated and still wait: they go to the API without being asked here again."""
        return self.scratch.waiting.among([item.key for item in items])


@contextmanager
def open_begun(checked: Checked, session: Session | None) -> Iterator[Begun]:
    """Give what says which rows a run would pass over, or send to the API at once; without a ledger, none.

    Output that is missing or damaged passes nothing over: the run will say what is wrong with it.
    """
    with Scratch() as scratch:
        if session is not None:
            try:
                _fill(checked, session, scratch)
            except OutputError as error:
                log.warning("quoted as if nothing of it were done: %s", error)
        yield Begun(scratch)


def _fill(checked: Checked, session: Session, scratch: Scratch) -> None:
    workload, partition = checked.workload, checked.request.partition
    published = find_published(session, workload.name, partition, checked.purpose)
    begun = find_open(session, workload.name, partition, checked.purpose)
    if begun is not None and _continues(checked, begun, published):
        folder = parts_folder(checked.settings.output_dir, workload.name, partition, checked.purpose)
        folder = folder / str(begun.id)
        registered = parts.list_registered(session, begun.id)
        load_done((folder / part.file_name for part in registered), scratch)
        scratch.add_done(one.record_key for one in attempts.list_pending_in_batches(session, begun.id))
    if published is not None and (checked.request.refresh or checked.request.retry_quarantined):
        path = Path(published.output_path or "")
        load_published(path, workload.output, scratch.unchanged_rows)
        if checked.request.retry_quarantined:
            load_set_aside(path, checked.request.reasons, scratch.unchanged_rows)


def _continues(checked: Checked, begun: PartitionVersion, published: PartitionVersion | None) -> bool:
    """Whether a run would go on with the begun version, as `db.partitions.open_version` decides."""
    if published is not None and (checked.request.refresh or checked.request.retry_quarantined):
        return begun.based_on == published.id and begun.input_digest == read_facts(checked.reader).digest
    return begun.based_on is None and begun.fingerprint == fingerprint_of(checked)
