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
from models.training.weights_note import ADAPTER, MERGED, WeightsNote


def write_adapter(base: BaseModel, folder: Path, name: str, prompt: str) -> WeightsNote:
    """Write the adapter of a base of this name, trained under a prompt of this fingerprint; return what was noted of its weights.

    Raises `OutputError` for a full disk.
    """
    noted = []

    def write(half: Path) -> None:
        base.network.save_pretrained(half)
        noted.append(WeightsNote(name, digest_of_weights(half), prompt))
        noted[0].write(half)

    _write_whole(folder / ADAPTER, write)
    return noted[0]


def digest_of_weights(adapter: Path) -> str:
    """Return the digest of an adapter's weights. Raises `OSError`."""
    with (adapter / LORA_WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def write_merged(base: BaseModel, folder: Path, note: WeightsNote) -> None:
    """Write the base model with the adapter in its weights; the base in memory is changed by it. Raises `OutputError`.

    vLLM's kernels for adapters copy their matrices for each token on a CPU: merged, a record costs a fifth
    (docs/training_adapter.md).
    """
    merged = base.network.merge_and_unload()

    def write(half: Path) -> None:
        merged.save_pretrained(half)
        base.tokenizer.save_pretrained(half)
        note.write(half)

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
