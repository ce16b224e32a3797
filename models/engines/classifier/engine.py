"""The classifier as an engine: texts in, guesses out, and the machine's time that they took."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from models.engines.classifier.guess import Guess
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


def load_classifier(folder: Path, name: str, cache_dir: Path) -> Classifier:
    """Load a classifier from the folder of a trained model, with its embedding model.

    Raises `UsageError` in one line for a folder that is gone or damaged, and an embedding model that is not there.
    """
    raise NotImplementedError
