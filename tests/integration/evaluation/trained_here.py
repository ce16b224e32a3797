"""What tests of evaluations need of training: a row in the registry with its folder, and a classifier that needs no weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from db import trained
from models.engines.classifier.guess import Guess
from models.gpu_time import GpuTime
from models.requests import JsonValue
from models.settings import Settings
from models.training.trained import TrainedKind, TrainedModel, TrainedState, trained_folder
from tests.integration.evaluation.evaluating import api_label, number_of, other_label
from tests.integration.evaluation.labelled_files import SENTIMENT
from tests.integration.pipeline.books import ledger, table
from tests.trained_models import trained_model

MS = 1_000_000


def register(
    settings: Settings,
    workload: str = "sentiment",
    kind: TrainedKind = "classifier",
    state: TrainedState = "in_force",
) -> TrainedModel:
    """Write a trained model into the registry of a ledger that has a run, and make its folder."""
    run_id = table(settings, "runs")[0].id
    one = trained_model(run_id, workload, kind, state=state, labels_digest="0" * 32)
    with ledger(settings) as session:
        trained.add(session, one)
    trained_folder(settings.output_dir, workload, one.name).mkdir(parents=True)
    return one


@dataclass
class NumberedGuesser:
    """Knows what the API answers, but for every tenth text, of which it is less sure; a millisecond a text."""

    model: str
    labels: tuple[str, ...] = SENTIMENT
    asked: list[str] = field(default_factory=list)
    closed: bool = False
    _busy_ns: int = 0
    _load_ns: int = 5 * MS

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Guess, and note the texts."""
        self.asked += texts
        self._busy_ns += MS * len(texts)
        return [self._guess(text) for text in texts]

    def lap(self) -> GpuTime:
        """Return the time since the last lap."""
        found = GpuTime(self._load_ns, self._busy_ns, 0)
        self._load_ns = self._busy_ns = 0
        return found

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def _guess(self, text: str) -> Guess:
        wrong = number_of(text) % 10 == 0
        label: JsonValue = other_label(api_label(text)) if wrong else api_label(text)
        confidence = 0.3 if wrong else 0.95
        rest = (1 - confidence) / (len(self.labels) - 1)
        return Guess(label, confidence, {one: confidence if one == label else rest for one in self.labels}, 4)
