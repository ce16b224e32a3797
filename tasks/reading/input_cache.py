"""The folder of rows that were read once from CSV and JSON files: what lies there, and how large it may grow."""

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.private_files import make_folder
from models.settings import Settings

GIB = 2**30
_FOLDER = "inputs"
_KEPT, _HALF = ".rows", ".half"
_UNUSED_SECONDS = 30 * 86_400
"""What nobody read for so long is removed: an input may hold personal data."""
_DEAD_SECONDS = 3600
"""A file that is half written and was not written to for so long is of a process that was killed."""


@dataclass(frozen=True, slots=True)
class InputCache:
    """A folder of files of rows, for this user alone, that together take at most `max_bytes`.

    A file is whole or not there. Any of them may go at any time: what was read from it is then read anew.
    """

    folder: Path
    max_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Take the folder and the size that are set; None: nothing is to be kept."""
        size = int(settings.input_cache_gib * GIB)
        return cls(settings.cache_dir / _FOLDER, size) if size else None

    def find(self, name: str) -> Path | None:
        """Return the file of this name, None where there is none; it counts as used now."""
        path = self._path(name)
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def room(self) -> int:
        """Return how many bytes one more file may take: half of what is free on the disk is left to others."""
        make_folder(self.folder)
        return min(self.max_bytes, shutil.disk_usage(self.folder).free // 2)

    @contextmanager
    def add(self, name: str, spare: Collection[str]) -> Iterator[Path]:
        """Give a path to write; if the block succeeds, the file gets its name, and others make room for it.

        The part of the name before the first `-` is what the file was made of, the next part the state that
        this had: files of other states go. Of the others the one goes first that was used longest ago, and
        none of `spare`. If that is not enough, the new file is removed again. Raises `OSError`.
        """
        descriptor, half = tempfile.mkstemp(_HALF, dir=self.folder)  # mode 0600
        os.close(descriptor)
        try:
            yield Path(half)
            self._sweep(name)
            if self._make_room(Path(half).stat().st_size, spare):
                Path(half).replace(self._path(name))
        finally:
            Path(half).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove a file that turned out to be damaged."""
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_KEPT}"

    def _sweep(self, name: str) -> None:
        """Remove what can be of no use: other states of the same file, files long unused, and remains of the killed."""
        made_of, state, _ = name.split("-")
        now = time.time()
        for path in self.folder.iterdir():
            with suppress(OSError):
                age = now - path.stat().st_mtime
                of_old_state = path.name.startswith(f"{made_of}-") and path.name.split("-")[1] != state
                dead = path.suffix == _HALF and age > _DEAD_SECONDS
                useless = path.suffix == _KEPT and (of_old_state or age > _UNUSED_SECONDS)
                if dead or useless:
                    path.unlink()

    def _make_room(self, size: int, spare: Collection[str]) -> bool:
        """Remove files until `size` bytes more fit; whether they do."""
        kept = []
        for path in self.folder.glob(f"*{_KEPT}"):
            with suppress(OSError):
                found = path.stat()
                kept.append((found.st_mtime_ns, found.st_size, path))
        free = self.max_bytes - sum(one[1] for one in kept)
        for _, freed, path in sorted(one for one in kept if one[2].stem not in spare):
            if free >= size:
                break
            with suppress(OSError):
                path.unlink()
                free += freed
        return free >= size
