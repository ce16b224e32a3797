"""The folders that a run or a report writes to: made, filled, cleared of what killed runs left, removed."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from models.errors import OutputError, OutputUnusable
from models.run import PRODUCTION, Purpose
from tasks.parts import output_errors, remove_unregistered, replacing


def evaluations_folder(output_dir: Path, workload: str) -> Path:
    """Return where all that evaluations of a workload write lies."""
    return output_dir / ".evaluations" / workload


def parts_folder(output_dir: Path, workload: str, partition: date, purpose: Purpose = PRODUCTION) -> Path:
    """Return the folder of a partition's parts, with a folder for each of its versions in it."""
    if purpose == PRODUCTION:
        return output_dir / ".parts" / workload / str(partition)
    return evaluations_folder(output_dir, workload) / purpose / ".parts" / str(partition)


def output_folder(output_dir: Path, workload: str, partition: date, purpose: Purpose = PRODUCTION) -> Path:
    """Return the folder that a partition is published in; an evaluation's is not where readers look."""
    if purpose == PRODUCTION:
        return output_dir / workload / f"date={partition}"
    return evaluations_folder(output_dir, workload) / purpose / f"date={partition}"


def open_folder(folder: Path, registered: list[str]) -> None:
    """Make the folder of a version's parts, without what a killed run left in it. Raises `OutputError`."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_unregistered(folder, registered)
    remove_folders(path for path in folder.iterdir() if path.is_dir())  # scratch files


def put_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files by their names into a folder that is made where it lacks, each at once, in their order.

    What lies there under other names is left alone. Raises `OutputError`.
    """
    for name, content in files.items():
        with replacing(folder / name) as half:
            half.write_bytes(content)


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file's bytes. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


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
