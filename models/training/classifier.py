"""Trains a classifier: embeddings of texts, and a logistic head over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.evaluation.scores import Share
from models.training.examples import Example


@dataclass(frozen=True, slots=True)
class ClassifierJob:
    """What to train: `kind` and `labels` of the workload, examples of both sides, where to write, and the embedding model.

    `embedder`: folder of an embedding model, None: the default one (`models/default_embedder.py`). `keep`: the part of accuracy among served
    records that the threshold aims at.
    """

    kind: Literal["label", "labels"]
    labels: tuple[str, ...]
    train: Sequence[Example]
    holdout: Sequence[Example]
    folder: Path
    cache_dir: Path
    embedder: Path | None = None
    seed: int = 0
    precision: float = 0.95


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """What came of it: `accuracy` on the hold-out over all of it, `served` those above the threshold and `served_right` of them.

    `calibration_error`: the expected calibration error on the hold-out. `base`: name of the embedding model. `weights_digest` of what was written.
    """

    base: str
    weights_digest: str
    accuracy: Share
    threshold: float
    served: Share
    served_right: Share
    calibration_error: float


def train_classifier(
    job: ClassifierJob, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> TrainedClassifier:
    """Train, measure on the hold-out, and write head and figures into the job's folder.

    Raises `UsageError` in one line for one class only, too few examples of a class, and a full disk (`OutputError`); `Interrupted` where `stop` turns true.
    """
    raise NotImplementedError
