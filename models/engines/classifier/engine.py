"""The classifier as an engine: texts in, guesses out, and the machine's time that they took."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Protocol

from models.engines.classifier.embedders import Embedder, Embedders
from models.engines.classifier.files import embedder_of, read_classifier
from models.engines.classifier.guess import Guess
from models.engines.classifier.head import Head
from models.errors import UsageError
from models.gpu_time import GpuTime


class Classifier(Protocol):
    """A loaded classifier. One process loads it once; it is used by one thread."""

    @property
    def model(self) -> str:
        """Its name on ledger lines (`TrainedModel.name`)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, as the workload spells them."""

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Return a guess for each text, in their order."""

    def lap(self) -> GpuTime:
        """Return its load and busy time since the last lap; it is never idle."""

    def close(self) -> None:
        """Free its memory."""


class SentenceClassifier:
    """A head over sentence embeddings, in memory."""

    def __init__(self, name: str, labels: tuple[str, ...], head: Head, embedder: Embedder) -> None:
        self.model = name
        self.labels = labels
        self._head = head
        self._embedder = embedder
        self._lap = GpuTime()

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Return a guess for each text, in their order; a text that is there several times is embedded once."""
        begun = perf_counter_ns()
        try:
            return self._head.guess(self._embedder.embed(texts))
        finally:
            self._lap += GpuTime(busy_ns=perf_counter_ns() - begun)

    def lap(self) -> GpuTime:
        """Return its load and busy time since the last lap."""
        found, self._lap = self._lap, GpuTime()
        return found

    def loaded_in(self, nanoseconds: int) -> None:
        """Count the time that loading took, in the lap that is open."""
        self._lap += GpuTime(load_ns=nanoseconds)

    def close(self) -> None:
        """Free its memory."""
        self._embedder.close()


def load_classifier(
    folder: Path, name: str, cache_dir: Path, embedders: Embedders | None = None
) -> Classifier:
    """Load a classifier, or a triage, from the folder of a trained model, with its embedding model, which it shares with others of `embedders`.

    Raises `UsageError` in one line for a folder that is gone or damaged, and an embedding model that is not there.
    """
    begun = perf_counter_ns()
    head, card = read_classifier(folder)
    embedder = (embedders or Embedders()).borrow(embedder_of(card, cache_dir))
    if embedder.dimension != head.weights.shape[1]:
        embedder.close()
        msg = f"the classifier in {folder} fits no vectors of {embedder.dimension} numbers; train anew"
        raise UsageError(msg)
    loaded = SentenceClassifier(name, card.labels, head, embedder)
    loaded.loaded_in(perf_counter_ns() - begun)
    return loaded
