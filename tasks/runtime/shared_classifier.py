"""One loaded classifier for all runs of a flow."""

from collections.abc import Callable
from pathlib import Path

from models.engines.classifier.engine import Classifier
from models.gpu_time import GpuTime

ClassifierFactory = Callable[[Path, str, Path], Classifier]
"""Loads a classifier: its folder, its name, and the folder of what is kept between runs."""


def load_trained(folder: Path, name: str, cache_dir: Path) -> Classifier:
    """Load a classifier that was trained here. Raises `UsageError` in one line where it cannot be used."""
    from models.engines.classifier.engine import load_classifier  # noqa: PLC0415  only a run that classifies needs it

    return load_classifier(folder, name, cache_dir)


class SharedClassifier:
    """At most one classifier in memory: that of the workload which asked last."""

    def __init__(self, factory: ClassifierFactory) -> None:
        self._factory = factory
        self._loaded: tuple[Path, Classifier] | None = None
        self._not_booked = GpuTime()

    def get(self, folder: Path, name: str, cache_dir: Path) -> Classifier:
        """Return the classifier of this folder, loaded if it is not yet. Raises `UsageError` where it cannot be used."""
        if self._loaded is not None and self._loaded[0] == folder:
            return self._loaded[1]
        self.close()
        loaded = self._factory(folder, name, cache_dir)
        self._loaded = folder, loaded
        return loaded

    def lap(self) -> GpuTime:
        """Return the time that classifiers took since the last lap; none if none is loaded."""
        before, self._not_booked = self._not_booked, GpuTime()
        return before if self._loaded is None else before + self._loaded[1].lap()

    def close(self) -> None:
        """Close what is loaded; what it took and no run has booked is the next one's to carry."""
        if self._loaded is not None:
            self._not_booked += self._loaded[1].lap()
            self._loaded[1].close()
            self._loaded = None
