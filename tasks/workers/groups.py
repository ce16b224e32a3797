"""Processes of a group: a worker, the flow runs that it started, and what these have started.

A worker begins a group of its own, which its runs stay in; so a run that has outlived its worker is found there.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

_RUN = b"prefect.engine"
"""The module that is a flow run's process."""


def list_members(group: int) -> list[int]:
    """Return the processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):  # it ends while it is looked at
            state, _, of_group = stat.read_bytes().rpartition(b")")[2].split()[:3]
            if int(of_group) == group and state not in {b"Z", b"X"}:
                found.append(int(stat.parent.name))
    return found


def list_runs(group: int) -> list[int]:
    """Return the processes of a group that are flow runs."""
    found = []
    for process in list_members(group):
        with suppress(OSError):
            if _RUN in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0"):
                found.append(process)
    return found


def ask_to_end(process: int) -> None:
    """Send SIGTERM: a run then commits what has finished, a worker takes no more runs."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)


def end_at_once(group: int) -> None:
    """Kill all processes of a group."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
