"""Taking a shard of a partition that another run, or this very process, has cut: its lease, its run's row and its folder."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import leases, partitions, parts, shards
from db.partitions import PartitionVersion
from db.shards import Shard
from models.errors import PartitionLocked, UsageError
from models.routing.policy import Policy
from models.run import lease_name
from models.settings import Settings
from models.shards import Share
from tasks.planning.checks import Checked, fingerprint_of
from tasks.planning.late_data import begun_parts, published_file
from tasks.planning.open_run import OpenRun, RunInput, open_ledger
from tasks.planning.shards import RunPlace
from tasks.planning.start_run import open_run
from tasks.runtime.lease import LeaseWatch, release_lease, try_lease
from tasks.runtime.leased_ledger import LeasedLedger
from tasks.runtime.ledger_access import database_errors, reading_ledger
from tasks.runtime.stop_signals import stoppable
from tasks.storage.open_version import OpenVersion
from tasks.storage.output_folders import open_folder, parts_folder


@dataclass(slots=True)
class ShardTaker:
    """Takes shards of one partition, one after the other, for this process. `first` is the one that it would have first.

    Where this process's engine fails at a shard, others are to have it first; where it fails at everything, they are to have all.
    That the policy sends to the API what the engine fails at holds where nobody else answers it: for the whole run, at the end.
    """

    checked: Checked
    first: int | None = None
    _watches: dict[Share, LeaseWatch] = field(default_factory=dict, init=False)
    _failed: Counter[int] = field(default_factory=Counter, init=False)
    _in_a_row: int = field(default=0, init=False)
    _is_last: bool = field(default=False, init=False)
    _hands_over: bool = field(default=False, init=False)

    @stoppable("nothing of a further shard was begun, the same command does it")
    def take(self) -> OpenRun | None:
        """Take a shard that nobody has: an open one, else one whose process is gone. None where there is none now.

        Raises `UsageError` where this process would answer otherwise than the one that cut the partition, `DatabaseUnavailable`.
        """
        with database_errors(), ExitStack() as undo:
            make_session = open_ledger(undo, self.settings)
            with make_session() as session:
                version = self._find_version(session)
                known = [] if version is None else shards.list_shards(session, version.id)
            self._is_last = sum(one.state not in ("done", "failed") for one in known) == 1
            for shard in self._in_order(known):
                run = None if version is None else self._try(make_session, version, shard)
                if run is not None:
                    undo.pop_all()  # whoever runs it closes it
                    return run
        return None

    def note(self, shard: Shard | None, *, engine_failed: bool) -> None:
        """Remember how a shard that was taken went."""
        self._in_a_row = self._in_a_row + 1 if engine_failed else 0
        if shard is not None:
            self._failed[shard.shard] += engine_failed

    @property
    def gives_up(self) -> bool:
        """Whether the engine failed so often in a row that this process takes nothing open any more."""
        return self._in_a_row >= shards.MOST_TRIES

    def hand_over(self) -> bool:
        """Take shards again, so that the API has what the engine fails at, where the policy says so. False where it does not."""
        if self._hands_over or self.checked.policy.engine_fails != "api":
            return False
        self._hands_over, self._in_a_row = True, 0
        return True

    def look(self) -> list[Shard]:
        """Return the shards as they are now; none where no version is open. Raises `DatabaseUnavailable`."""
        with reading_ledger(self.settings) as session:
            version = self._find_version(session)
            return [] if version is None else shards.list_shards(session, version.id)

    @property
    def settings(self) -> Settings:
        """The workload's settings."""
        return self.checked.settings

    def _find_version(self, session: Session) -> PartitionVersion | None:
        name, partition = self.checked.workload.name, self.checked.request.partition
        found = partitions.find_open(session, name, partition, self.checked.purpose)
        if found is not None and found.fingerprint != fingerprint_of(self.checked):
            msg = (
                f"{name} {partition} was cut with other settings (prompt, model, input or policy) than this process has: "
                "give all workers the same"
            )
            raise UsageError(msg)
        return found

    def _in_order(self, known: Sequence[Shard]) -> list[Shard]:
        """Order what may be taken: what nobody has had comes before what somebody may be at work on.

        What this process's engine failed at comes late, and not at all while others are at work.
        """
        busy = any(one.state == "running" for one in known)

        def is_free(one: Shard) -> bool:
            left_to_others = self.gives_up or (busy and self._failed[one.shard] > 0)
            return one.state == "running" or (one.state == "open" and not left_to_others)

        def place(one: Shard) -> tuple[bool, int, bool, int]:
            return one.state == "running", self._failed[one.shard], one.shard != self.first, one.shard

        return sorted(filter(is_free, known), key=place)

    def _try(
        self, make_session: sessionmaker[Session], version: PartitionVersion, shard: Shard
    ) -> OpenRun | None:
        """Take a shard, if its lease is to be had and there is something left to do."""
        watch = self._watches.setdefault(shard.share, LeaseWatch(self.settings.lease_seconds))
        name = lease_name(version.workload, version.purpose, shard.share)
        try:
            lease = try_lease(make_session, name, version.partition, watch)
        except PartitionLocked:
            return None
        if lease is None:
            return None
        with ExitStack() as undo:
            undo.callback(release_lease, make_session, lease)
            run = self._begin(make_session, version, shard, lease)
            if run is not None:
                undo.pop_all()
            return run

    def _begin(
        self,
        make_session: sessionmaker[Session],
        version: PartitionVersion,
        seen: Shard,
        lease: leases.Lease,
    ) -> OpenRun | None:
        """Write the run of a shard, under its lease, unless the shard is no more what was seen of it."""
        with make_session.begin() as session:
            leases.renew(session, lease, self.settings.lease_seconds)
            shard = shards.get(session, version.id, seen.shard)
            whole = shards.find_whole_run(session, version.id)
            if whole is None or shard is None or shard.share != seen.share:
                return None
            shard = shards.count_death(session, shard)
            if shard.state != "open":
                return None
            place = RunPlace(shard.shards, shard.share, whole)
            keys = open_run(session, version.id, replace(self.checked, api=None), place)
            shards.begin(session, shard, keys.run_id)
            ledger = LeasedLedger(
                make_session,
                lease,
                self.settings.lease_seconds,
                self.settings.database_patience_seconds,
                lambda session: shards.check_own(session, shard.share, version.id, keys.run_id),
            )
            own = self._open_folder(session, ledger, version, shard.share)
            given = self._input(session, partitions.get(session, version.id), shard.share)
        return OpenRun(
            self.settings,
            self.checked.workload,
            self._policy(),
            own,
            keys,
            self.checked.counter,
            None,
            given,
            shards=shard.shards,
            shard=shard,
        )

    def _policy(self) -> Policy:
        """Return the policy of the next shard: a helper, and whoever leaves others something to do, stops where its engine fails."""
        policy = self.checked.policy
        alone = self.first is None and (self._hands_over or self._is_last)
        if alone or policy.engine_fails != "api":
            return policy
        return policy.model_copy(update={"engine_fails": "stop"})

    def _open_folder(
        self, session: Session, ledger: LeasedLedger, version: PartitionVersion, share: Share
    ) -> OpenVersion:
        """Make the shard's folder, without what a killed run of it left there."""
        folder = self._folders(version) / str(version.id) / share.folder
        registered = [Path(part.file_name) for part in parts.list_registered(session, version.id)]
        own = [path.name for path in registered if path.parent.name == share.folder]
        group = self.settings.parts_access
        open_folder(folder, own, group)
        return OpenVersion(
            ledger, version.id, folder, version.workload, version.partition, version.purpose, group, share
        )

    def _input(self, session: Session, version: PartitionVersion, share: Share) -> RunInput:
        """Say what a shard reads, and what it takes over; `version` is as it is now."""
        checked, total = self.checked, self.checked.total
        return RunInput(
            checked.reader,
            None if total is None else total // share.shards,
            checked.engine,
            "not_viable",
            published_file(session, version),
            begun_parts(session, version, self._folders(version)),
            None,
            checked.classifier,
            checked.triage,
            version.input_digest,
            share,
        )

    def _folders(self, version: PartitionVersion) -> Path:
        return parts_folder(self.settings.output_dir, version.workload, version.partition, version.purpose)
