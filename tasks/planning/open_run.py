"""An open run: what was asked and found, its version of the partition and its keys in the ledger."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, parts, shards
from db.shards import Shard
from models.engines.batch.files import remove_unregistered as remove_request_files
from models.ledger.accounting import LineKeys
from models.records import EngineReason, EscalationReason, Quarantined, Record
from models.routing.policy import Policy
from models.settings import Settings
from models.shards import Share
from models.tokens import ChatTokenCounter
from models.workloads.base import Workload
from tasks.planning.checks import ApiPlan
from tasks.planning.classifier_in_force import ClassifierInForce
from tasks.planning.request import EngineChoice
from tasks.planning.triage_in_force import TriageInForce
from tasks.reading import PartitionReader
from tasks.reading.share import read_share
from tasks.runtime.lease import release_lease, take_lease
from tasks.runtime.leased_ledger import LeasedLedger
from tasks.runtime.ledger_access import close_ledger, connect_ledger
from tasks.storage.open_version import OpenVersion
from tasks.storage.output_folders import open_folder


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run infers: its records (`total`: how many, if that is known), and where they are first sent.

    `sent_because` is why they go to the API where `engine` sends them all there. `carry_from` is the published file
    whose rows are taken over where the text is unchanged, `begun` the parts of an outdated version of which they are; `retries` are the reasons for which records beside it are asked for
    again (none given: all that this can mend), None where what was set aside is not looked at. `classifier` is asked first,
    then `triage` of what it leaves.
    `digest` is that of the whole input, where it is known; of a shard, `share` says which records are its own.
    """

    reader: PartitionReader
    total: int | None
    engine: EngineChoice
    sent_because: EscalationReason
    carry_from: Path | None = None
    begun: Sequence[Path] = ()
    retries: Sequence[EngineReason] | None = None
    classifier: ClassifierInForce | None = None
    triage: TriageInForce | None = None
    digest: bytes | None = None
    share: Share | None = None

    def batches(self) -> Iterator[list[Record | Quarantined]]:
        """Yield the rows of the partition, or of one shard of it, in input order. Raises `InputError`."""
        return (
            self.reader.batches() if self.share is None else read_share(self.reader, self.share, self.digest)
        )


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is open in the ledger and owns its partition.

    `settings` are those of its workload. `input` is None for a run that only collects what waits; `api` is None where nothing may be sent.
    `input_read`: this run, or one before it, reads the input to its end, so that it may publish. `stopped`: what it said when it was
    stopped, since no answer could be used with the settings that are still in force. `shards`: into how many its version is cut, 1: it
    is not; `shard` is the one that the run answers, None for the whole run.
    """

    settings: Settings
    workload: Workload
    policy: Policy
    version: OpenVersion
    keys: LineKeys
    counter: ChatTokenCounter
    api: ApiPlan | None = None
    input: RunInput | None = None
    input_read: bool = True
    stopped: str | None = None
    shards: int = 1
    shard: Shard | None = None

    def given(self) -> RunInput:
        """Return the input, which a run that infers has."""
        if self.input is None:
            msg = "a run that collects what waits reads no input"
            raise ValueError(msg)
        return self.input


def open_ledger(undo: ExitStack, settings: Settings) -> sessionmaker[Session]:
    """Open the ledger, brought up to date; `undo` closes its connections."""
    make_session = connect_ledger(settings)
    undo.callback(close_ledger, make_session)
    return make_session


def own_partition(
    undo: ExitStack, make_session: sessionmaker[Session], settings: Settings, name: str, partition: date
) -> LeasedLedger:
    """Take the lease `name` of a partition; `undo` gives it back. Raises `PartitionLocked`."""
    lease = take_lease(make_session, name, partition, settings)
    undo.callback(release_lease, make_session, lease)
    return LeasedLedger(make_session, lease, settings.lease_seconds, settings.database_patience_seconds)


def clear_leftovers(session: Session, version: OpenVersion) -> None:
    """Make the folder of a version's parts, and clear up what a killed run left in it and in the ledger."""
    registered = [part.file_name for part in parts.list_registered(session, version.id)]
    cut = [one.share.folder for one in shards.list_shards(session, version.id)]
    open_folder(version.folder, registered, version.group, cut)
    attempts.resolve_unknown(session, version.workload, version.partition, purpose=version.purpose)
    remove_request_files(version.folder, [batch.id for batch in batches.list_live(session, version.id)])
