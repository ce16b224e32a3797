"""The folders that a run or a report writes to: made, filled, cleared of what killed runs left, removed."""

import shutil
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path

from models.private_files import GroupAccess, make_folder
from models.run import PRODUCTION, Purpose
from tasks.runtime.atomic_files import output_errors
from tasks.storage.part_files import remove_unregistered


def evaluations_folder(output_dir: Path, workload: str) -> Path:
    """Return where all that evaluations and trials of a workload write lies."""
    return output_dir / ".evaluations" / workload


def parts_folder(output_dir: Path, workload: str, partition: date, purpose: Purpose = PRODUCTION) -> Path:
    """Return the folder of a partition's parts, with a folder for each of its versions in it."""
    if purpose == PRODUCTION:
        return output_dir / ".parts" / workload / str(partition)
    return evaluations_folder(output_dir, workload) / purpose / ".parts" / str(partition)


def output_folder(output_dir: Path, workload: str, partition: date, purpose: Purpose = PRODUCTION) -> Path:
    """Return the folder that a partition is published in; an evaluation's or a trial's is not where readers look."""
    if purpose == PRODUCTION:
        return output_dir / workload / f"date={partition}"
    return evaluations_folder(output_dir, workload) / purpose / f"date={partition}"


def open_folder(
    folder: Path, registered: list[str], group: GroupAccess = "none", keep: Collection[str] = ()
) -> None:
    """Make the folder of a version's parts, without what a killed run left in it. Raises `OutputError`.

    `keep`: the folders of its shards, in which others may be at work.
    """
    with output_errors(folder):
        make_folder(folder, group)
    remove_unregistered(folder, registered)
    remove_folders(
        path for path in folder.iterdir() if path.is_dir() and path.name not in keep
    )  # scratch files


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders that nobody needs any more; what cannot be removed stays and does no harm."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
