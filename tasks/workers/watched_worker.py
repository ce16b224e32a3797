"""One worker of this machine: started, looked at, started again when it died, stopped."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from tasks.display.table_layout import tell
from tasks.workers.groups import ask_to_end, end_at_once, list_members, list_runs
from tasks.workers.locks import DeviceLocks
from tasks.workers.places import WorkerPlace

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before a worker is started again: after its first death, its second in a row, and so on; then the last of them."""
STEADY_SECONDS = 60.0
"""A worker that was up for so long has not died in a row."""
TRIES = 5
"""How often in a row a worker may die before it is given up: then its output says more than another try."""
GONE_SECONDS = 10.0
"""How long what is killed is waited for: the kernel ends its processes one after the other, and one at a device last."""
KILL_SECONDS = 30.0
"""How long a run has to commit what has finished, as Prefect gives one that is cancelled."""


class WatchedWorker:
    """A worker in a process group of its own, with the devices of its place and its locks.

    `command` starts it. A run that outlives its worker keeps the device: until it has ended no other worker is
    started there, so that no two runs share a GPU.
    """

    def __init__(
        self, place: WorkerPlace, command: Sequence[str], locks: DeviceLocks, pauses: Sequence[float] = PAUSES
    ) -> None:
        self.place = place
        self.given_up = False
        self._command, self._locks, self._pauses = command, locks, pauses
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._next_start = 0.0
        self._deaths = 0
        self._told: set[int] = set()
        left = [one for device in place.takes if (one := locks.take(device)) is not None]
        self._group = next((one for one in left if list_runs(one)), None)
        self._waits_for_a_run = self._group is not None
        if self._waits_for_a_run:
            tell(
                f"{place.name}: a run of an earlier worker is still at work here; a worker is started when it ends"
            )

    def look(self, environment: Mapping[str, str], may_start: Callable[[], bool]) -> None:
        """See whether it has died, and start it where it is time. `may_start` is asked right before."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._note_death(code, now)
        elif not self.given_up and now >= self._next_start and self._is_free() and may_start():
            self._start(environment, now)

    def _is_free(self) -> bool:
        """Whether no run of an earlier worker has the device."""
        if self._group is not None and list_members(self._group):
            if not self._waits_for_a_run:
                tell(f"{self.place.name}: its run goes on; a worker is started again when it ends")
            self._waits_for_a_run = True
            return False
        self._group, self._waits_for_a_run = None, False
        return True

    def _start(self, environment: Mapping[str, str], now: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own words
            self._command,
            env={**environment, **self.place.environment},
            stdin=subprocess.DEVNULL,
            pass_fds=self._locks.of(self.place.takes),
            start_new_session=True,
        )
        self._group, self._began = self._process.pid, now
        for device in self.place.takes:
            self._locks.note(device, self._group)

    def _note_death(self, code: int, now: float) -> None:
        self._process = None
        self._deaths = 1 if now - self._began >= STEADY_SECONDS else self._deaths + 1
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if self._deaths >= TRIES:
            self.given_up = True
            tell(f"{self.place.name} {how}, the {self._deaths}th time in a row: given up, see what it said")
            return
        pause = self._pauses[min(self._deaths, len(self._pauses)) - 1]
        self._next_start = now + pause
        tell(f"{self.place.name} {how}: started again in {pause:g} s")

    def ask_to_stop(self) -> bool:
        """Let it take no more runs, and its run commit what has finished. Safe to repeat; return whether all have ended."""
        if self._process is not None:
            if self._process.pid not in self._told:
                self._told.add(self._process.pid)
                ask_to_end(self._process.pid)
            if self._process.poll() is not None:
                self._process = None
        if not self._is_ours:
            return True
        for run in list_runs(self._group or 0):
            if run not in self._told:
                self._told.add(run)
                ask_to_end(run)
        return self._process is None and not list_members(self._group or 0)

    def end_at_once(self) -> None:
        """Kill it and its run."""
        if self._is_ours and self._group is not None and list_members(self._group):
            end_at_once(self._group)
        if self._process is not None:
            self._process.wait()
        given = time.monotonic() + GONE_SECONDS
        while self._is_ours and list_members(self._group or 0) and time.monotonic() < given:
            time.sleep(0.01)

    @property
    def _is_ours(self) -> bool:
        """Whether the group is one that this process has started, not that of an earlier worker."""
        return self._began > 0

    @property
    def pid(self) -> int | None:
        """The worker's process, None where there is none."""
        return None if self._process is None else self._process.pid
