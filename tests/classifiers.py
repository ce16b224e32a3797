"""A stand-in for a trained classifier, and one put in force in a ledger."""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.engines.classifier.guess import Guess
from models.engines.vllm.gpu_clock import GpuClock
from models.gpu_time import GpuTime
from models.requests import JsonValue
from models.settings import Settings
from models.training.trained import TrainedModel, trained_folder
from models.training.triage import DIFFICULTIES
from models.workloads import build
from tests.trained_models import put_trained_in_force

SENTIMENT = ("negative", "neutral", "positive")
SURE, UNSURE, THRESHOLD = 0.97, 0.4, 0.8
Guesser = Callable[[str], tuple[JsonValue, float]]


def guess_by_hash(text: str) -> tuple[JsonValue, float]:
    """Guess a label that depends on the text alone; of one text in three it is unsure."""
    number = zlib.crc32(text.encode())
    return SENTIMENT[number % 2], UNSURE if number % 3 == 0 else SURE


@dataclass
class ScriptedClassifier:
    """Guesses what `guesser` says, `delay` seconds a call. `held` is the sum of all laps, `asked` the texts that it got."""

    guesser: Guesser = guess_by_hash
    delay: float = 0.0
    load_seconds: float = 0.0
    model: str = "classifier-scripted"
    labels: tuple[str, ...] = SENTIMENT
    asked: list[str] = field(default_factory=list)
    held: GpuTime = field(default_factory=GpuTime)
    closed: bool = False

    def __post_init__(self) -> None:
        """Load."""
        self._clock = GpuClock()
        with self._clock.loading():
            time.sleep(self.load_seconds)

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Guess each text."""
        assert not self.closed
        with self._clock.busy():
            time.sleep(self.delay)
            self.asked += texts
            found = [(text, *self.guesser(text)) for text in texts]
        return [
            Guess(value, confidence, {str(value): confidence}, len(text.split()))
            for text, value, confidence in found
        ]

    def lap(self) -> GpuTime:
        """Return load and busy time since the last lap; it is never idle."""
        lap = self._clock.lap()
        used = GpuTime(lap.load_ns, lap.busy_ns)
        self.held += used
        return used

    def close(self) -> None:
        """Take no more texts."""
        self.closed = True


class ScriptedTriage(ScriptedClassifier):
    """Says how probably the small model is right: 0.1 of texts that hold "hard", else 0.9."""

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Guess each text."""
        super().classify(texts)
        chances = [0.1 if "hard" in text else 0.9 for text in texts]
        return [
            Guess(
                "simple" if chance > 0.5 else "complex",
                max(chance, 1 - chance),
                {"simple": chance, "complex": 1 - chance},
                3,
            )
            for chance in chances
        ]


def load_scripted(_folder: Path, name: str, _cache_dir: Path) -> ScriptedClassifier:
    """Load a stand-in for the classifier, or the triage, of this name."""
    if name.startswith("triage"):
        return ScriptedTriage(model=name, labels=DIFFICULTIES)
    return ScriptedClassifier(model=name)


def put_in_force(
    settings: Settings,
    workload: str = "sentiment",
    threshold: float | None = THRESHOLD,
    weights: str = "ab12",
) -> TrainedModel:
    """Register a classifier as trained, with its folder, and put it in force."""
    model = put_trained_in_force(
        settings, workload, "classifier", threshold=threshold, weights_digest=weights
    )
    trained_folder(settings.output_dir, workload, model.name).mkdir(parents=True)
    return model


def put_triage_in_force(
    settings: Settings, workload: str = "sentiment", base: str = "tests/scripted", **changed: object
) -> TrainedModel:
    """Register a triage that learnt the errors of a model under the workload's prompt, with its folder, and put it in force."""
    fields = {"base": base, "prompt_fingerprint": build(workload, settings).fingerprint} | changed
    model = put_trained_in_force(settings, workload, "triage", **fields)
    trained_folder(settings.output_dir, workload, model.name).mkdir(parents=True)
    return model
