"""Embedding models that several heads share: one is in memory once, and reads a text once for them all."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.engines.classifier.embedding import Embedded, SentenceEmbedder, Vectors

REMEMBERED = 4_096
"""Texts whose vectors are kept: more than a run has in work between two heads; a few megabytes."""


class Embedders:
    """The embedding models of one process that are in use, by their folder."""

    def __init__(self) -> None:
        self._open: dict[Path, _Open] = {}

    def borrow(self, folder: Path) -> "Embedder":
        """Return an embedding model, loaded if nobody has it yet. Raises `UsageError` for a folder that holds none."""
        key = folder.resolve()
        found = self._open.get(key)
        if found is None or not found.users:
            found = self._open[key] = _Open(SentenceEmbedder(folder))
        found.users += 1
        return Embedder(found)


@dataclass(frozen=True, slots=True)
class _Read:
    """A text that was read: its vector, its tokens, and for which head."""

    vector: Vectors
    tokens: int
    by: "Embedder"


class _Open:
    """A loaded embedding model, how many use it, and what it read last."""

    def __init__(self, embedder: SentenceEmbedder) -> None:
        self.embedder = embedder
        self.users = 0
        self.known: OrderedDict[str, _Read] = OrderedDict()


class Embedder:
    """What one head has of an embedding model. It is used by one thread, as those that share it."""

    def __init__(self, shared: _Open) -> None:
        self._shared: _Open | None = shared
        self.dimension = shared.embedder.dimension

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of texts in their order, and their tokens: none of a text that was read for another head."""
        if (shared := self._shared) is None:
            msg = "this head was closed"
            raise ValueError(msg)
        known = shared.known
        new = [text for text in dict.fromkeys(texts) if text not in known]
        read = shared.embedder.embed(new)
        if not texts:
            return read
        for text, vector, tokens in zip(new, read.vectors, read.tokens, strict=True):
            known[text] = _Read(vector, tokens, self)
        for text in texts:
            known.move_to_end(text)
        found = [known[text] for text in texts]
        while len(known) > REMEMBERED:
            known.popitem(last=False)
        counted = tuple(one.tokens if one.by is self else 0 for one in found)
        return Embedded(np.stack([one.vector for one in found]), counted)

    def close(self) -> None:
        """Give it back; who has it last frees its memory."""
        if (shared := self._shared) is None:
            return
        self._shared = None
        shared.users -= 1
        if not shared.users:
            shared.embedder.close()
