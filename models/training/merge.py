"""Writes a trained adapter as peft does and, for a CPU, the base model with the adapter's product added to its weights."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.engines.vllm.options import LORA_WEIGHTS
from models.private_files import UMASK, make_folder
from models.training.base_model import BaseModel
from models.training.checkpoint import disk_errors

ADAPTER, MERGED = "adapter", "merged"
"""Folders of a trained adapter: as peft saves it, and merged into its base."""


def write_adapter(base: BaseModel, folder: Path) -> str:
    """Write the adapter; return the digest of its weights. Raises `OutputError` for a full disk."""
    _write_whole(folder / ADAPTER, base.network.save_pretrained)
    with (folder / ADAPTER / LORA_WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def write_merged(base: BaseModel, folder: Path) -> None:
    """Write the base model with the adapter in its weights; the base in memory is changed by it. Raises `OutputError`.

    vLLM's kernels for adapters copy their matrices for each token on a CPU: merged, a record costs a fifth
    (docs/training_adapter.md).
    """
    merged = base.network.merge_and_unload()

    def write(half: Path) -> None:
        merged.save_pretrained(half)
        base.tokenizer.save_pretrained(half)

    _write_whole(folder / MERGED, write)


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let libraries write a folder, for this user alone, that gets its name when it is whole."""
    half = path.with_name(f".{path.name}.half")
    with disk_errors(path), only_for_this_user():
        shutil.rmtree(half, ignore_errors=True)
        make_folder(half)
        try:
            write(half)
            shutil.rmtree(path, ignore_errors=True)
            half.rename(path)
        finally:
            shutil.rmtree(half, ignore_errors=True)


@contextmanager
def only_for_this_user() -> Iterator[None]:
    """Give what libraries write meanwhile to this user alone."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)
