"""What tests of whole evaluations need: records whose right label is known, engines that are right about some of them."""

import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from models.engines.base import LocalEngine
from models.engines.classifier.engine import load_classifier
from models.evaluation.figures import Evaluation
from models.requests import Request
from models.settings import Settings
from tasks.evaluation.arms import ClassifierLoader
from tasks.evaluation.run import EvaluationRequest, evaluate
from tests.fakes import Reply, ScriptedEngine, prompt
from tests.integration.evaluation.labelled_files import SENTIMENT, Rows, write_rows
from tests.integration.hybrid.harness import hybrid_settings

TODAY = date(2026, 11, 20)
MESSAGES = (
    ("Thank you, the crew was wonderful and we landed early", "positive"),
    ("My bag is lost and nobody answers the phone", "negative"),
    ("When does gate 22 open tomorrow?", "neutral"),
    ("Three hours late again, worst airline ever", "negative"),
    ("Best flight I have had in years", "positive"),
    ("Do you fly from Oslo to Rome on Sundays?", "neutral"),
)
"""For the real engine."""
MONTH = date(2026, 11, 1)


def api_label(text: str) -> str:
    """Return what the API of these tests answers to a text."""
    return SENTIMENT[zlib.crc32(text.encode()) % len(SENTIMENT)]


def other_label(label: str) -> str:
    """Return a wrong label."""
    return SENTIMENT[(SENTIMENT.index(label) + 1) % len(SENTIMENT)]


def texts(count: int, start: int = 0) -> list[str]:
    """Make distinct texts."""
    return [f"message number {number}" for number in range(start, start + count)]


def labelled(count: int, start: int = 0, *, api_wrong: int = 0) -> Rows:
    """Make records whose label the API knows, but for every `api_wrong`-th."""
    rows = []
    for number, text in enumerate(texts(count, start), start=start):
        label = api_label(text)
        wrong = bool(api_wrong) and number % api_wrong == 0
        rows.append({"id": f"r{number}", "text": text, "label": other_label(label) if wrong else label})
    return rows


def number_of(text: str) -> int:
    """Return the number of a text."""
    return int(text.rsplit(" ", 1)[1])


def right_unless(wrong: Callable[[int], bool]) -> Callable[[Request], Reply]:
    """Make a handler that answers as the API does, but for some numbers, of which it is less sure."""

    def answer(request: Request) -> Reply:
        number, label = number_of(prompt(request)), api_label(prompt(request))
        if wrong(number):
            label = other_label(label)
            return Reply(label, label, confidence=0.40 + number % 20 / 100)
        return Reply(label, label, confidence=0.70 + number % 20 / 100)

    return answer


def settings_of(folder: Path, database_url: str, url: str, **more: Any) -> Settings:  # noqa: ANN401  fields of Settings
    """Make settings whose API is the server at `url`; no answer goes there but for an evaluation."""
    return hybrid_settings(folder, database_url, url, **({"workloads": {}} | more))


def run_evaluation(
    settings: Settings,
    source: Path,
    engine: LocalEngine | None = None,
    load: ClassifierLoader = load_classifier,
    **ask: Any,  # noqa: ANN401  fields of EvaluationRequest
) -> Evaluation:
    """Evaluate sentiment in this process; the small model answers as this engine does."""
    chosen = engine or ScriptedEngine(handler=right_unless(lambda number: number % 4 == 0))
    return evaluate(
        EvaluationRequest("sentiment", str(source), **ask),
        settings,
        today=TODAY,
        factory=lambda _: chosen,
        load=load,
    )


def write_labelled(folder: Path, rows: Rows, name: str = "labelled.jsonl") -> Path:
    """Write labelled records."""
    return write_rows(folder / name, rows)
