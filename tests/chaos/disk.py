"""A disk that can be filled: a small tmpfs where we may mount one, else a limit on the size of files."""

import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE = 24 * 2**20
BLOCK = b"\0" * 2**16
TINY = 100


class Disk:
    """A folder that can be full. `kind` says how that is done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        self._mounted = (
            os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
        )
        self.kind = "a small tmpfs" if self._mounted else "a limit on the size of files"

    @contextmanager
    def full(self, processes: Iterable[int]) -> Iterator[None]:
        """Let the disk be full inside the block, for these processes."""
        if self._mounted:
            self._fill()
            try:
                yield
            finally:
                (self.folder / "filler").unlink()
            return
        limited = [pid for pid in processes if _limit(pid, TINY)]
        try:
            yield
        finally:
            for pid in limited:
                _limit(pid, resource.RLIM_INFINITY)

    def _fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(BLOCK)

    def close(self) -> None:
        """Unmount."""
        if self._mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


def _limit(pid: int, size: int) -> bool:
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    except (ProcessLookupError, PermissionError):
        return False
    return True
