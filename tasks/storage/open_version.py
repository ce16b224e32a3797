"""The version of a partition that a run writes."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from db import parts
from models.private_files import GroupAccess
from models.run import PRODUCTION, Purpose
from tasks.runtime.leased_ledger import LeasedLedger


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """A version of a partition under its run's lease: its id in the ledger, and the folder of its parts.

    `group`: what the group of the folder may do with the parts, which hold texts of records.
    """

    ledger: LeasedLedger
    id: UUID
    folder: Path
    workload: str
    partition: date
    purpose: Purpose = PRODUCTION
    group: GroupAccess = "none"

    def registered_parts(self) -> list[Path]:
        """Return the paths of the part files that are registered for this version."""
        registered = self.ledger.read(lambda session: parts.list_registered(session, self.id))
        return [self.folder / part.file_name for part in registered]
