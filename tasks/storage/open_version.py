"""The version of a partition that a run writes."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from db import parts
from models.private_files import GroupAccess
from models.run import PRODUCTION, Purpose
from models.shards import Share
from tasks.runtime.leased_ledger import LeasedLedger


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """A version of a partition under its run's lease: its id in the ledger, and the folder of its parts.

    `group`: what the group of the folder may do with the parts, which hold texts of records. `share`: the shard that the run
    answers, whose parts lie in a folder of their own; None: the run is the whole one.
    """

    ledger: LeasedLedger
    id: UUID
    folder: Path
    workload: str
    partition: date
    purpose: Purpose = PRODUCTION
    group: GroupAccess = "none"
    share: Share | None = None

    def registered_parts(self) -> list[Path]:
        """Return the paths of the part files that are registered for this version, or for this shard of it."""
        registered = self.ledger.read(lambda session: parts.list_registered(session, self.id))
        root = self.folder if self.share is None else self.folder.parent
        paths = [root / part.file_name for part in registered]
        return paths if self.share is None else [path for path in paths if path.parent == self.folder]

    def name_part(self, path: Path) -> str:
        """Return the name under which a part in the folder is registered: from the version's folder on."""
        return path.name if self.share is None else f"{self.share.folder}/{path.name}"
