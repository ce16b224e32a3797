"""What tests of trainings need: labelled files, and one training in this process."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from models.settings import Settings
from models.training.trained import TrainedModel
from tasks.training.request import TrainingRequest
from tasks.training.train import train
from tests.trainers import FakeTrainers

TODAY = date(2026, 11, 20)
LABELS = ("negative", "neutral", "positive")


def texts(count: int) -> list[str]:
    """Make distinct texts."""
    return [f"message number {number}" for number in range(count)]


def write_labels(folder: Path, count: int = 60, more: Sequence[tuple[str, str]] = ()) -> Path:
    """Write a file of labelled records, whose labels take turns, and further rows."""
    rows = [(text, LABELS[number % 3]) for number, text in enumerate(texts(count))]
    path = folder / "labelled.jsonl"
    lines = (json.dumps({"text": text, "label": label}) for text, label in [*rows, *more])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def training(
    settings: Settings,
    labels: Path | None,
    fake: FakeTrainers | None = None,
    told: list[str] | None = None,
    today: date = TODAY,
    **ask: Any,  # noqa: ANN401  fields of TrainingRequest
) -> TrainedModel:
    """Train for sentiment in this process; `told` gets what is said."""
    request = TrainingRequest("sentiment", labels=None if labels is None else str(labels), **ask)
    said = [] if told is None else told
    return train(request, settings, said.append, today=today, trainers=(fake or FakeTrainers()).trainers())
