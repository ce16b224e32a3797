"""Before the engine starts: everything that can be wrong is found, then the run is opened."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db import leases, parts
from models.ledger.accounting import LineKeys
from models.policy import Policy
from models.records import EscalationReason
from models.run import PRODUCTION, Purpose
from models.settings import Settings
from models.tokens import ChatTokenCounter
from models.workloads.base import Workload
from tasks.planning.checks import ApiPlan
from tasks.planning.request import EngineChoice
from tasks.reading import PartitionReader
from tasks.runtime.ledger_access import with_patience

Found = TypeVar("Found")

LOCAL_PROVIDER = "vllm"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """An open run: its workload, its input, its keys and its lease.

    `reader` is None for a run that only takes up what waits; `api` is None where nothing may be sent.
    `input_read`: this run, or one before it, reads the input to its end, so that it may publish.
    `carry_from`: the published file whose rows are taken over where the text is unchanged. `sent_because`: why
    the records go to the API where `engine` sends them all there.
    """

    settings: Settings
    workload: Workload
    partition: date
    reader: PartitionReader | None
    total: int | None
    sessions: sessionmaker[Session]
    lease: leases.Lease
    version_id: UUID
    keys: LineKeys
    counter: ChatTokenCounter
    folder: Path
    target: Path
    model: str
    api: ApiPlan | None = None
    policy: Policy = field(default_factory=Policy)
    engine: EngineChoice = "vllm"
    input_read: bool = True
    carry_from: Path | None = None
    purpose: Purpose = PRODUCTION
    sent_because: EscalationReason = "chosen"

    def open_reader(self) -> PartitionReader:
        """Return the input, which a run that infers has."""
        if self.reader is None:
            msg = "a run that takes up what waits reads no input"
            raise ValueError(msg)
        return self.reader

    def read(self, look: Callable[[Session], Found]) -> Found:
        """Look something up in the ledger, waiting for a database that is away."""

        def transaction() -> Found:
            with self.sessions() as session:
                return look(session)

        return with_patience(self.settings.database_patience_seconds, transaction)

    def registered_parts(self) -> list[Path]:
        """Paths of the part files that are registered for this version of the partition."""

        def read() -> list[Path]:
            with self.sessions.begin() as session:
                return [self.folder / part.file_name for part in parts.registered(session, self.version_id)]

        return with_patience(self.settings.database_patience_seconds, read)

    def close(self) -> None:
        """Close the connections to the database."""
        with self.sessions() as session:
            bind = session.get_bind()
        if isinstance(bind, Engine):
            bind.dispose()
