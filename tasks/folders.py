"""The folders that a run writes to: made, cleared of what killed runs left, removed."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from models.errors import OutputError, OutputUnusable
from tasks.parts import output_errors, remove_unregistered


def open_folder(folder: Path, registered: list[str]) -> None:
    """Make the folder of a version's parts, without what a killed run left in it. Raises `OutputError`."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_unregistered(folder, registered)
    remove_folders(path for path in folder.iterdir() if path.is_dir())  # scratch files


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders that nobody needs any more; what cannot be removed stays and does no harm."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """See that the output folder can be written, before anything else is. Raises `OutputUnusable`."""
    try:
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
    except OutputError as error:
        raise OutputUnusable(str(error)) from error
