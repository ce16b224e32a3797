"""One loaded classifier, and one trained triage, for all runs of a flow."""

from collections.abc import Callable
from pathlib import Path

from models.engines.classifier.engine import Classifier
from models.gpu_time import GpuTime

ClassifierFactory = Callable[[Path, str, Path], Classifier]
"""Loads a classifier or a triage: its folder, its name, and the folder of what is kept between runs."""


class TrainedLoader:
    """Loads what was trained here; heads over the same embedding model share it."""

    def __init__(self) -> None:
        self._embedders: object = None

    def __call__(self, folder: Path, name: str, cache_dir: Path) -> Classifier:
        """Load one. Raises `UsageError` in one line where it cannot be used."""
        from models.engines.classifier.embedders import Embedders  # noqa: PLC0415  only a run that classifies
        from models.engines.classifier.engine import load_classifier  # noqa: PLC0415  needs them

        if not isinstance(self._embedders, Embedders):
            self._embedders = Embedders()
        return load_classifier(folder, name, cache_dir, self._embedders)


class SharedClassifier:
    """At most one classifier and one triage in memory: those of the workload which asked last."""

    def __init__(self, factory: ClassifierFactory | None = None) -> None:
        """Load by `factory`; None: what was trained here."""
        self._factory = TrainedLoader() if factory is None else factory
        self._loaded: dict[str, tuple[Path, Classifier]] = {}
        self._not_booked = GpuTime()

    def get(self, folder: Path, name: str, cache_dir: Path) -> Classifier:
        """Return the classifier, or the triage, of this folder, loaded if it is not yet. Raises `UsageError` where it cannot be used."""
        kind = name.partition("-")[0]
        found = self._loaded.get(kind)
        if found is not None and found[0] == folder:
            return found[1]
        for other, (place, _) in list(self._loaded.items()):
            if other == kind or place.parent != folder.parent:
                self._close(other)
        loaded = self._factory(folder, name, cache_dir)
        self._loaded[kind] = folder, loaded
        return loaded

    def lap(self) -> GpuTime:
        """Return the time that they took since the last lap; none if none is loaded."""
        before, self._not_booked = self._not_booked, GpuTime()
        return sum((one.lap() for _, one in self._loaded.values()), before)

    def close(self) -> None:
        """Close what is loaded; what it took and no run has booked is the next one's to carry."""
        for kind in list(self._loaded):
            self._close(kind)

    def _close(self, kind: str) -> None:
        _, loaded = self._loaded.pop(kind)
        self._not_booked += loaded.lap()
        loaded.close()
