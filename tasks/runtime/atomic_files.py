"""Files that are whole or not there: written beside, synced, renamed."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from models.errors import OutputError, OutputUnusable
from models.private_files import GroupAccess, make_folder, renew_file

TEMPORARY = ".tmp"


@contextmanager
def replace_file(
    path: Path, setting: str = "BREAKEVEN_OUTPUT_DIR", group: GroupAccess = "none"
) -> Iterator[Path]:
    """Give a temporary file in the same folder that becomes `path`, synced, if the block succeeds.

    The folder is made where it is missing; `setting` is what chose it. The file is there, empty and for this user
    and as far as it may for the `group`, before it is written to. Raises `OutputError`; the temporary file is
    then removed.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    with output_errors(path, setting):
        make_folder(path.parent, group)
        renew_file(temporary, group).close()
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path, setting: str = "BREAKEVEN_OUTPUT_DIR") -> Iterator[None]:
    """Turn an I/O failure into one clear `OutputError` that names the file, and the setting of its folder."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        msg = f"cannot write {path}: {reason}; free or change the output folder ({setting})"
        raise OutputError(msg) from error


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_files(
    files: Mapping[str, bytes],
    folder: Path,
    setting: str = "BREAKEVEN_OUTPUT_DIR",
    group: GroupAccess = "none",
) -> None:
    """Write files by their names into a folder that is made where it lacks, each at once, in their order.

    What lies there under other names is left alone. Raises `OutputError`.
    """
    for name, content in files.items():
        with replace_file(folder / name, setting, group) as half:
            half.write_bytes(content)


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file's bytes. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def check_writable(folder: Path, group: GroupAccess = "none") -> None:
    """See that the output folder can be written, before anything else is. Raises `OutputUnusable`."""
    try:
        with output_errors(folder):
            make_folder(folder, group)
            tempfile.TemporaryFile(dir=folder).close()
    except OutputError as error:
        raise OutputUnusable(str(error)) from error
