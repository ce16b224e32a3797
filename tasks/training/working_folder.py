"""Where a training writes, how that gets its name, and what is done with a folder that no ledger came to know."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db import trained
from models.private_files import make_folder, renew_file
from models.settings import Settings
from tasks.runtime.atomic_files import output_errors, sync
from tasks.runtime.leased_ledger import LeasedLedger
from tasks.training.request import TrainingRequest

UNREGISTERED = ".unregistered"
"""A file in a trained folder that the ledger does not know yet. A folder without it is never removed."""


@dataclass(frozen=True, slots=True)
class WorkingFolder:
    """Where a training of a workload writes until it is done. A killed adapter's stays, and is gone on with."""

    path: Path

    @classmethod
    def make(cls, settings: Settings, ask: TrainingRequest) -> "WorkingFolder":
        """Make it, for this user alone. Raises `OutputError`."""
        path = _trained(settings, ask.workload) / f".{ask.kind}"
        if ask.kind != "adapter":  # it takes seconds: nothing of a killed one is worth keeping
            shutil.rmtree(path, ignore_errors=True)
        with output_errors(path):
            make_folder(path)
        return cls(path)

    def become(self, target: Path) -> None:
        """Give it its name by one rename; it is marked until `keep`. Raises `OutputError`."""
        with output_errors(target):
            renew_file(self.path / UNREGISTERED).close()
            for path in (*(one for one in self.path.rglob("*") if one.is_file()), self.path):
                sync(path)
            self.path.rename(target)
            sync(target.parent)


def keep(folder: Path) -> None:
    """Take the mark from a folder that the ledger knows. One that cannot be taken is taken by the next training."""
    with suppress(OSError):
        (folder / UNREGISTERED).unlink(missing_ok=True)


def clear_unregistered(settings: Settings, workload: str, ledger: LeasedLedger) -> None:
    """Remove what trainings of a workload left that ended between the rename and the ledger. The caller holds their lease.

    Raises the errors of a read.
    """
    marked = [path.parent for path in _trained(settings, workload).glob(f"[!.]*/{UNREGISTERED}")]
    if not marked:
        return
    known = {one.name for one in ledger.read(lambda session: trained.list_trained(session, workload))}
    for folder in marked:
        if folder.name in known:
            keep(folder)
        else:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, its mark last, so that a kill leaves nothing that is not found again."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != UNREGISTERED:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _trained(settings: Settings, workload: str) -> Path:
    return settings.output_dir / "trained" / workload
