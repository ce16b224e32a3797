"""A classifier in its folder: the head as safetensors, and JSON that says what it belongs to."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from models.default_embedder import find_embedder
from models.engines.classifier.embedding import weights_digest_of
from models.engines.classifier.head import Head, HeadKind
from models.errors import OutputError, UsageError
from models.private_files import make_folder, renew_file

HEAD = "head.safetensors"
CARD = "classifier.json"


class ClassifierCard(BaseModel):
    """What the JSON holds: what the head answers, over which embedding model, and how it is calibrated.

    `labels` are the workload's, `classes` those that had examples. `embedder_folder` is None for the default embedding model.
    `threshold`: below it a record goes on to the next stage. `weights_digest` is that of all that decides an answer. `figures` is empty, but in
    files that were written before: its place is part of the digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: HeadKind
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    embedder: str
    embedder_digest: str
    embedder_folder: str | None
    temperature: float
    slope: float
    intercept: float
    threshold: float
    weights_digest: str = ""
    figures: dict[str, float | int | None] = {}

    def digest_with(self, head: bytes) -> str:
        """Return the SHA-256 of all that decides an answer: the head, and this card without what only reports or locates."""
        own = self.model_copy(update={"weights_digest": "", "figures": {}, "embedder_folder": None})
        return sha256(head + own.model_dump_json().encode()).hexdigest()


def write_classifier(folder: Path, head: Head, card: ClassifierCard) -> ClassifierCard:
    """Write both files, for this user alone and synced; return the card with its digest. Raises `OutputError`."""
    from safetensors.numpy import save  # noqa: PLC0415  the page and most commands know no weights

    content = save({"weights": head.weights, "bias": head.bias})
    whole = card.model_copy(update={"weights_digest": card.digest_with(content)})
    try:
        make_folder(folder)
        _write(folder / HEAD, content)
        _write(folder / CARD, whole.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        msg = f"cannot write the classifier to {folder}: {error.strerror}; free or change the output folder (BREAKEVEN_OUTPUT_DIR)"
        raise OutputError(msg) from error
    return whole


def read_classifier(folder: Path) -> tuple[Head, ClassifierCard]:
    """Return what `write_classifier` wrote. Raises `UsageError` for a folder that is gone, and one that is not as it was written."""
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        content = (folder / HEAD).read_bytes()
        card = ClassifierCard.model_validate_json((folder / CARD).read_bytes())
        tensors = load(content)
        weights, bias = tensors["weights"], tensors["bias"]
    except OSError as error:
        raise _unusable(folder, error.strerror or type(error).__name__) from error
    except (ValidationError, SafetensorError, KeyError, ValueError) as error:
        raise _unusable(folder, "its files are damaged") from error
    if card.digest_with(content) != card.weights_digest or weights.shape[:1] != (len(card.classes),):
        raise _unusable(folder, "its files are not as training wrote them")
    head = Head(
        kind=card.kind,
        classes=card.classes,
        weights=np.asarray(weights, dtype=np.float32),
        bias=np.asarray(bias, dtype=np.float32),
        temperature=card.temperature,
        platt=(card.slope, card.intercept),
    )
    return head, card


def embedder_of(card: ClassifierCard, cache_dir: Path) -> Path:
    """Return the folder of a classifier's embedding model. Raises `UsageError` where it is gone or another one now."""
    folder = find_embedder(cache_dir) if card.embedder_folder is None else Path(card.embedder_folder)
    if weights_digest_of(folder) != card.embedder_digest:
        msg = (
            f"the embedding model in {folder} is another one than the classifier was trained over; "
            "put the former one back, or train anew (`breakeven train WORKLOAD --kind classifier`)"
        )
        raise UsageError(msg)
    return folder


def _unusable(folder: Path, reason: str) -> UsageError:
    return UsageError(
        f"cannot use the classifier in {folder}: {reason}; train anew (`breakeven train WORKLOAD --kind classifier`), "
        "or run without it (`breakeven trained retire WORKLOAD NAME`)"
    )


def _write(path: Path, content: bytes) -> None:
    with renew_file(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
