"""Whether a partition is cut into shards, and the place of a run among them."""

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from db import leases, shards
from db.partitions import PartitionVersion, find_open
from models.default_model import uses_server
from models.economics.sharding import ShardedWork, choose_shards
from models.run import PRODUCTION, lease_name
from models.shards import Share
from tasks.planning.checks import Checked, fingerprint_of
from tasks.planning.examine import Examined
from tasks.planning.history import expect_records, is_paid_by_use
from tasks.planning.shards_in_words import describe_choice
from tasks.planning.workers import WorkersNotCounted, count_workers
from tasks.runtime.shared_engine import is_loaded

UNCOUNTED = "how many a Ray cluster can answer at once is not known before: set gpu_workers, or shards = N"

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


def cut_version(session: Session, version: PartitionVersion, wanted: int, examined: Examined) -> int:
    """Cut a version as is wanted, and return into how many it is cut; 1: it is not.

    Where its input has got more rows since it was begun, shards that were done are read again. Leases on shards of another cut
    are taken back: nobody would ever take one over from a process that was killed.
    """
    known = shards.list_shards(session, version.id)
    into = shards.cut(session, version.id, wanted)
    if known and into != len(known):
        names = [lease_name(version.workload, version.purpose, one.share) for one in known]
        leases.free(session, names, version.partition)
    if into > 1 and version.input_digest not in (None, examined.digest):
        shards.reopen(session, version.id)
    if into != wanted:
        how = f"into {into} shards" if into > 1 else "not at all"
        log.warning("%s %s was begun cut %s, and goes on like that", version.workload, version.partition, how)
    return into


def wanted_shards(checked: Checked, examined: Examined, make_session: sessionmaker[Session]) -> int:
    """Say into how many shards a partition is to be cut: never more than it has rows. Says in a line what `auto` comes to.

    Where little is read, or the API answers everything, nothing is gained; who asked for shards in so many words is told so.
    """
    request = checked.request
    asked = request.shards or checked.settings.workload(request.workload).shards or 1
    if asked == 1:
        return 1
    if (why := why_whole(checked, refreshes=examined.refreshes)) is not None:
        if request.shards is not None:
            log.warning("%s %s is not cut into shards: %s", request.workload, request.partition, why)
        return 1
    if examined.digest is None:  # nothing is to be done
        return 1
    if asked != "auto":
        return max(1, min(asked, examined.rows or asked))
    with make_session() as session:
        into, why = _choose(checked, examined, session)
    log.info("%s %s: %s", request.workload, request.partition, why)
    return into


def why_whole(checked: Checked, *, refreshes: bool) -> str | None:
    """Say why a run of this kind is not cut, whatever its size; None: it may be."""
    if checked.request.retry_quarantined:
        return "it only asks again for what was set aside"
    if refreshes:
        return "a refresh asks only for what is new or has changed"
    if checked.purpose != PRODUCTION:
        return f"its purpose is {checked.purpose}"
    if checked.engine == "openai":
        return "the API answers every record, and one run alone asks it"
    return None


def find_kept_cut(checked: Checked, session: Session, outdated: UUID | None = None) -> int | None:
    """Return into how many shards the version that was begun stays cut; None where there is none, or it may be cut anew."""
    begun = find_open(session, checked.workload.name, checked.request.partition, checked.purpose)
    if begun is None or begun.id == outdated or begun.fingerprint != fingerprint_of(checked):
        return None
    return shards.kept_cut(session, begun.id)


def _choose(checked: Checked, examined: Examined, session: Session) -> tuple[int, str]:
    """Say what `auto` comes to, and why."""
    if (kept := find_kept_cut(checked, session, examined.outdated)) is not None:
        return kept, f"goes on {f'in {kept} shards' if kept > 1 else 'uncut'}, as it was begun"
    if uses_server(checked.settings):
        return 1, "not cut: all workers would ask one server"
    try:
        workers = count_workers()
    except WorkersNotCounted as error:
        return 1, f"not cut: {error}"
    if workers == 1:
        on_ray = checked.settings.executor == "ray" and checked.settings.gpu_workers == "auto"
        return 1, f"not cut: {UNCOUNTED if on_ray else 'no other worker is there to take part'}"
    records = examined.rows or 0
    time = expect_records(checked, records, session)
    if time is None:
        return 1, (
            f"not cut: no earlier run of {checked.workload.name} tells how long it takes on {checked.machine.kind}; "
            "shards = N cuts it all the same"
        )
    work = ShardedWork(
        records,
        time.work_ns,
        time.load_ns,
        examined.read_ns,
        checked.machine.nano_usd_per_hour,
        is_paid_by_use(checked, session),
        is_loaded(checked.settings),
    )
    choice = choose_shards(work, workers)
    return choice.plan.shards, describe_choice(choice)
