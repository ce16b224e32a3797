"""What lies below a folder while a run writes and removes there."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR


def paths_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield everything below a folder with its state; what goes between the listing and the look is passed over."""
    for root, folders, files in os.walk(folder):
        for path in (Path(root, name) for name in (*folders, *files)):
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file below a folder with its bytes; what goes meanwhile is passed over."""
    for path, state in sorted(paths_below(folder)):
        if not S_ISDIR(state.st_mode):
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:
                continue
