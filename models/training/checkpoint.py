"""A training's state on disk, from which one that was killed goes on."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import OutputError
from models.private_files import make_folder, renew_file

NAME = "checkpoint.safetensors"
EVERY_SECONDS = 60.0
"""Seconds of the clock between two checkpoints."""


@dataclass(slots=True)
class TrainingProgress:
    """How far a training has come: steps, examples, seconds by the clock of its budget and by that on the wall, mean loss a token of each step."""

    steps: int = 0
    seen: int = 0
    spent: float = 0.0
    spent_by_clock: float = 0.0
    losses: list[float] = field(default_factory=list)

    def mean_of_tenth(self, *, last: bool) -> float:
        """Return the mean loss of the first or the last tenth of the steps; 0 of none."""
        if not self.losses:
            return 0.0
        tenth = max(len(self.losses) // 10, 1)
        chosen = self.losses[-tenth:] if last else self.losses[:tenth]
        return sum(chosen) / len(chosen)


def write_checkpoint(
    folder: Path, digest: str, progress: TrainingProgress, tensors: Mapping[str, Any]
) -> None:
    """Write a state in the place of the one before, whole or not at all. `digest`: what it is the state of. Raises `OutputError`."""
    from safetensors.torch import save  # noqa: PLC0415  brings torch

    path = folder / NAME
    with disk_errors(path):
        make_folder(folder)
        told = {"digest": digest, "progress": json.dumps(asdict(progress))}
        content = save({name: one.detach().contiguous() for name, one in tensors.items()}, metadata=told)
        half = path.with_name(NAME + ".half")
        try:
            with renew_file(half) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)


def read_checkpoint(folder: Path, digest: str, device: str) -> tuple[TrainingProgress, dict[str, Any]] | None:
    """Return the state that was written last of the same training, None where there is none, another's or a damaged one."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    path = folder / NAME
    try:
        with safe_open(path, "pt", device=device) as file:
            told = file.metadata() or {}
            if told.get("digest") != digest:
                return None
            progress = TrainingProgress(**json.loads(told["progress"]))
            return progress, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dictionary
    except (OSError, SafetensorError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a full or closed disk does to a write into one `OutputError` that names the place."""
    from safetensors import SafetensorError  # noqa: PLC0415

    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        msg = f"cannot write {path}: {reason}; free the disk or change output_dir (BREAKEVEN_OUTPUT_DIR), the same command goes on"
        raise OutputError(msg) from error
