"""Whether a partition is cut into shards, and the place of a run among them."""

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from db import shards
from db.partitions import PartitionVersion
from models.run import PRODUCTION
from models.shards import Share
from tasks.planning.checks import Checked
from tasks.planning.examine import Examined

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Into how many shards the version of a run is cut, which of them it answers, and the whole run that it is a part of."""

    shards: int = 1
    share: Share | None = None
    part_of: UUID | None = None

    @property
    def columns(self) -> tuple[int | None, int | None, UUID | None]:
        """What a run's row says of it: shard, shards, part_of."""
        shard = None if self.share is None else self.share.shard
        return shard, self.shards if self.shards > 1 else None, self.part_of


WHOLE = RunPlace()
"""The place of a run whose partition is not cut."""


def cut_version(session: Session, version: PartitionVersion, checked: Checked, examined: Examined) -> int:
    """Cut a version as was asked for, and return into how many shards it is cut; 1: it is not.

    Where its input has got more rows since it was begun, shards that were done are read again.
    """
    wanted = wanted_shards(checked, examined)
    into = shards.cut(session, version.id, wanted)
    if into > 1 and version.input_digest not in (None, examined.digest):
        shards.reopen(session, version.id)
    if into != wanted:
        how = f"into {into} shards" if into > 1 else "not at all"
        log.warning("%s %s was begun cut %s, and goes on like that", version.workload, version.partition, how)
    return into


def wanted_shards(checked: Checked, examined: Examined) -> int:
    """Say into how many shards a partition is to be cut: never more than it has rows.

    Where little is read, or the API answers everything, nothing is gained.
    """
    request = checked.request
    asked = request.shards or checked.settings.workload(request.workload).shards or 1
    few = examined.refreshes or request.retry_quarantined or checked.engine == "openai"
    if few or checked.purpose != PRODUCTION or examined.digest is None:
        return 1
    return max(1, min(asked, examined.rows or asked))
