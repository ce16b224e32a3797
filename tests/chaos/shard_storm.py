"""A storm over days in shards: besides what storms have, workers that come and go, and stand still for longer than their lease."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.chaos.crew import Crew, Work
from tests.chaos.database import Database
from tests.chaos.disk import Disk
from tests.chaos.storm import MOST_AT_ONCE, Storm
from tests.integration.pipeline.books import table
from tests.live_folder import paths_below

IN_FLIGHT = 16 + 3 * 20
"""What a run may lose that is stopped: the engine's window, what is being gathered, what waits to be written."""
SHARDS = (2, 3, 4, 5, 6, 8, 2, 3, 4, 1)
PAUSE_SECONDS = 3.0
STILL_LEASES = 3.0
"""How long a worker stands still at most, in terms of its lease: others wait for two, since its process is there."""


class ShardStorm(Storm):
    """One storm. A whole run is of one day, cut as the seed says; once it is published the next day comes, then days again."""

    days, rows = 4, 500
    lease_seconds = 2.0
    workload: Mapping[str, object] = {"shards": 4}

    def __init__(self, seed: int, folder: Path, database: Database, disk: Disk, crew: Crew) -> None:
        super().__init__(seed, folder, database, disk, crew)
        self._wakes: dict[int, float] = {}
        self._work_of: dict[int, Work] = {}
        self._left = sorted(self._days)
        self._current = self._left[0]

    def _start(self) -> None:
        """Start a whole run, in another number of shards than the last one; 1: not cut."""
        again = not self._left
        self._current = self._random.choice(sorted(self._days)) if again else self._left[0]
        self._begin(replace(self._work, shards=self._random.choice(SHARDS), rerun=again))

    def _worker(self) -> None:
        if len(self._crew.pids) <= MOST_AT_ONCE:
            self._begin(replace(self._work, shard=self._random.randrange(1, 9)))

    def _begin(self, work: Work) -> None:
        work = replace(work, first=str(self._current), last=str(self._current))
        self._work_of[self._crew.start(work)] = work

    def _backfill(self) -> None:
        """Do all days as a backfill does, at the same time."""
        if len(self._crew.pids) < MOST_AT_ONCE:
            super()._start()

    def _faults(self) -> list[Callable[[], None]]:
        return [*super()._faults(), *[self._worker] * 6, *[self._stand_still] * 2, self._backfill]

    def _pause(self) -> None:
        """Wait until something was committed, on a machine of any speed; not for ever, since nobody may be at work."""
        until, before = time.monotonic() + self._random.uniform(1.0, PAUSE_SECONDS), self._files()
        super()._pause()
        while self._crew.pids and time.monotonic() < until and self._files() == before:
            self._gather()
            time.sleep(0.05)

    def _files(self) -> set[Path]:
        parts = self.settings.output_dir / ".parts"
        return {path for path, _ in paths_below(parts) if path.suffix == ".parquet"}

    def _stand_still(self) -> None:
        """Stop one, as a machine that hangs, for up to longer than its lease; meanwhile the others go on."""
        pid = self._anyone()
        self._crew.signal(pid, signal.SIGSTOP)
        self._wakes[pid] = time.monotonic() + self._random.uniform(0.2, STILL_LEASES) * self.lease_seconds

    def _gather(self) -> None:
        for pid in [pid for pid, at in self._wakes.items() if at <= time.monotonic()]:
            del self._wakes[pid]
            self._crew.signal(pid, signal.SIGCONT)
        super()._gather()

    def _note_end(self, pid: int, code: int) -> None:
        super()._note_end(pid, code)
        self._wakes.pop(pid, None)
        work = self._work_of.pop(pid, None)
        if work is not None and work.shards is not None and code == 0:
            self._left = [day for day in self._left if str(day) != work.first]

    def calm(self) -> None:
        """See also that nothing was asked again that was committed, and that nothing of a shard is left."""
        super().calm()
        runs = table(self.settings, "runs")
        version_of = {run.id: run.version_id for run in runs}
        asked = [line for line in table(self.settings, "ledger_lines") if line.engine == "vllm"]
        twice = Counter((version_of[line.run_id], line.request_hash) for line in asked)
        assert max(twice.values()) == 1, twice.most_common(3)
        calls = len(Path(self._work.calls).read_text(encoding="utf-8").split())
        broken = sum(run.state != "completed" for run in runs)
        assert calls <= len(asked) + IN_FLIGHT * broken, (calls, len(asked), broken)
        left = list((self.settings.output_dir / ".parts").rglob("shard-*"))
        assert left == [], left
        states = {row.state for row in table(self.settings, "shards")}
        assert states <= {"done"}, states

    def report(self) -> str:
        """Say also how much was answered in shards."""
        runs = table(self.settings, "runs")
        shards = Counter(run.state for run in runs if run.shard is not None)
        return f"{super().report()}\nruns of shards: {dict(shards)}"
