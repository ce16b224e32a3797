"""An open run: what was asked and found, its version of the partition and its keys in the ledger."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, parts
from models.engines.batch.files import remove_unregistered as remove_request_files
from models.ledger.accounting import LineKeys
from models.records import EngineReason, EscalationReason
from models.routing.policy import Policy
from models.settings import Settings
from models.tokens import ChatTokenCounter
from models.workloads.base import Workload
from tasks.planning.checks import ApiPlan
from tasks.planning.classifier_in_force import ClassifierInForce
from tasks.planning.request import EngineChoice
from tasks.planning.triage_in_force import TriageInForce
from tasks.reading import PartitionReader
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


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is open in the ledger and owns its partition.

    `settings` are those of its workload. `input` is None for a run that only collects what waits; `api` is None where nothing may be sent.
    `input_read`: this run, or one before it, reads the input to its end, so that it may publish. `stopped`: what it said when it was
    stopped, since no answer could be used with the settings that are still in force.
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
    open_folder(version.folder, registered, version.group)
    attempts.resolve_unknown(session, version.workload, version.partition, purpose=version.purpose)
    remove_request_files(version.folder, [batch.id for batch in batches.list_live(session, version.id)])
