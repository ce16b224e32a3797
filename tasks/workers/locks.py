"""What a `breakeven worker` of this machine holds, so that a second one gives no device to another worker.

A lock is one file for each device. It is held as long as the process that took it, or a worker that it started, is
there: a worker outlives whoever watches it until its run has ended.
"""

import errno
import fcntl
import os
import re
from pathlib import Path

from models.errors import UsageError
from models.private_files import make_folder, open_lock

_CONTENT = re.compile(r"(\d{1,9}) (\d{1,9})\n")
"""Who watches, and the process group of his worker; 0: none yet."""


class DeviceLocks:
    """Locks that this process takes, in a folder of the installation. Files are for this user alone."""

    def __init__(self, folder: Path, host: str) -> None:
        self._folder, self._host = folder, host
        self._held: dict[str, int] = {}

    def take(self, device: str) -> int | None:
        """Take a device; return the process group of the worker that had it before, None where nobody had.

        Raises `UsageError` where another process has it, or where no file can be written.
        """
        path = self._folder / f"{self._host}-{device}.lock"
        try:
            make_folder(self._folder)
            descriptor = open_lock(path)
        except OSError as error:
            msg = f"{path} cannot be written ({error.strerror}): it keeps two workers from one device"
            raise UsageError(msg) from error
        before = _CONTENT.fullmatch(os.pread(descriptor, 100, 0).decode("ascii", "replace"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                msg = f"{path} cannot be locked ({error.strerror}): it keeps two workers from one device"
                raise UsageError(msg) from error
            raise UsageError(_describe(device, int(before[1]) if before else None)) from error
        self._held[device] = descriptor
        self.note(device, 0)
        return int(before[2]) or None if before else None

    def note(self, device: str, group: int) -> None:
        """Write down which process group has a device, for who comes after this process."""
        os.ftruncate(self._held[device], 0)
        os.pwrite(self._held[device], f"{os.getpid()} {group}\n".encode(), 0)

    def of(self, devices: tuple[str, ...]) -> tuple[int, ...]:
        """Return the descriptors of some devices."""
        return tuple(self._held[one] for one in devices)

    def close(self) -> None:
        """Let go of everything that no worker holds."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()


def _describe(device: str, watcher: int | None) -> str:
    if watcher is None or not Path(f"/proc/{watcher}").exists():
        return f"{device} of this machine still has a worker, whose `breakeven worker` is gone: it ends with its run"
    return f"{device} of this machine has a worker already, of process {watcher}: stop that one, or name other GPUs with --gpus"
