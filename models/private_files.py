"""Files and folders for this user alone, from the moment they are there and whatever the umask says.

What the product writes holds texts of records, prompts, answers and costs. So a file gets its mode when it is made, never
afterwards; only what a setting opens to a group is widened, which leaves no moment in which more people can read it.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal

GroupAccess = Literal["none", "read", "write"]
"""What the group of a folder may do with what is written there."""

UMASK: Final = 0o077
"""Of our processes, for what libraries write: Prefect's database, compiled kernels, caches."""

_FILE, _FOLDER = 0o600, 0o700
_FILE_BITS: Final = {"none": 0, "read": 0o040, "write": 0o060}
_FOLDER_BITS: Final = {"none": 0, "read": 0o050, "write": 0o070}


def make_folder(folder: Path, group: GroupAccess = "none") -> None:
    """Make a folder, and those above it that are missing, all for this user and, as far as it may, the group.

    A folder that is there keeps its mode. Raises `OSError`.
    """
    missing = []
    path = folder
    while not path.is_dir():
        missing.append(path)
        if path.parent == path:
            break
        path = path.parent
    for path in reversed(missing):
        try:
            path.mkdir(_FOLDER)
        except FileExistsError:
            if not path.is_dir():  # another process was quicker, or it is a file
                raise
            continue
        if group != "none":
            _widen_folder(path, _FOLDER_BITS[group])


def create_file(path: Path, group: GroupAccess = "none") -> BinaryIO:
    """Make a file that was not there and open it for writing. Raises `FileExistsError`, also for a link, and `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)
    if group != "none":
        os.fchmod(descriptor, _FILE | _FILE_BITS[group])
    return os.fdopen(descriptor, "wb")


def renew_file(path: Path, group: GroupAccess = "none") -> BinaryIO:
    """Make a file in the place of what is left of an earlier one, or of a link that somebody laid there. Raises `OSError`."""
    while True:
        path.unlink(missing_ok=True)
        with suppress(FileExistsError):
            return create_file(path, group)


def open_to_add(path: Path, group: GroupAccess = "none") -> int:
    """Open a file to add to its end and to read it, making it where it lacks; a link is refused. Raises `OSError`."""
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FILE)
    except FileExistsError:
        return os.open(path, flags)
    if group != "none":
        os.fchmod(descriptor, _FILE | _FILE_BITS[group])
    return descriptor


def open_lock(path: Path) -> int:
    """Open a file that is there to be locked, making it where it lacks; a link is refused. Raises `OSError`."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE)


def read_by_others(path: Path) -> str | None:
    """Say who else may read a file, or look into a folder: `everybody`, or its group; None: nobody, or it is not there.

    A group of one, such as that which most systems make for each user, is nobody else. A folder above it that others
    may not enter keeps them out.
    """
    place = path.absolute().resolve()
    try:
        modes = {one: one.stat() for one in (place, *place.parents)}
    except OSError:
        return None
    wanted = modes.pop(place)
    for_all, for_group = stat.S_IROTH, stat.S_IRGRP
    if stat.S_ISDIR(wanted.st_mode):  # what lies in a folder that cannot be listed has names that are known
        for_all, for_group = for_all | stat.S_IXOTH, for_group | stat.S_IXGRP
    if wanted.st_mode & for_all and all(found.st_mode & stat.S_IXOTH for found in modes.values()):
        return "everybody"
    entered = all(found.st_mode & (stat.S_IXGRP | stat.S_IXOTH) for found in modes.values())
    if wanted.st_gid != wanted.st_uid and wanted.st_mode & for_group and entered:
        return f"group {wanted.st_gid}"
    return None


def _widen_folder(path: Path, bits: int) -> None:
    """Open a folder that was just made to its group; not one to which somebody laid a link in its place."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | bits)
    finally:
        os.close(descriptor)
