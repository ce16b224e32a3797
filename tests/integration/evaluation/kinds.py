"""Workloads of each kind for tests of evaluations, and both engines told what to answer to which text."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from models.evaluation.figures import Evaluation
from models.requests import JsonValue, Request
from models.settings import Settings
from tasks.evaluation.run import EvaluationRequest, evaluate
from tests import faulty_replies
from tests.fakes import Reply, ScriptedEngine, prompt
from tests.faulty_api import FaultyApi
from tests.faulty_replies import record_text
from tests.integration.evaluation.evaluating import TODAY, settings_of

TOPICS = ("billing", "delivery", "refund")
SCHEMA = {
    "type": "object",
    "properties": {
        "brand": {"type": "string"},
        "price": {"type": "number"},
        "colors": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["brand", "price", "colors"],
    "additionalProperties": False,
}
Answers = Callable[[str], str]
"""From a record's text to what an engine answers."""


def workloads(folder: Path) -> dict[str, dict[str, object]]:
    """Describe a workload of each kind by settings; the schema of the object lies in the folder."""
    schema = folder / "product.schema.json"
    schema.write_text(json.dumps(SCHEMA), "utf-8")
    return {
        "topics": {"kind": "labels", "prompt": "Which topics does it have?", "labels": TOPICS},
        "products": {"kind": "object", "prompt": "What is for sale?", "schema_file": str(schema)},
        "summaries": {"kind": "text", "prompt": "Sum it up in one sentence."},
    }


@dataclass
class Engines:
    """Both engines of an evaluation, and what the API was asked."""

    settings: Settings
    api: FaultyApi
    small: Answers
    judged: list[str] = field(default_factory=list)

    def evaluate(self, workload: str, source: Path, **ask: Any) -> Evaluation:  # noqa: ANN401  fields of EvaluationRequest
        """Evaluate a workload in this process."""
        request = EvaluationRequest(workload, str(source), **ask)
        return evaluate(
            request, self.settings, today=TODAY, factory=lambda _: ScriptedEngine(handler=self._handle)
        )

    def _handle(self, request: Request) -> Reply:
        text = self.small(prompt(request))
        return Reply(text, _value(text))


@contextmanager
def engines(
    folder: Path,
    database_url: str,
    patch: pytest.MonkeyPatch,
    *,
    small: Answers,
    api: Answers,
    more: Mapping[str, Mapping[str, object]] | None = None,
    judge: Callable[[str], str] = lambda _: "tie",
) -> Iterator[Engines]:
    """Serve an API that answers as `api` does, and as `judge` where it is asked which answer is better."""
    judged: list[str] = []

    def answered(body: dict[str, Any]) -> str:
        text = record_text(body)
        if "<answer_a>" in text:
            judged.append(text)
            return json.dumps({"label": judge(text)})
        return api(text)

    patch.setattr(faulty_replies, "answer", answered)
    given = workloads(folder)
    for name, changes in (more or {}).items():
        given[name] = {**given.get(name, {}), **changes}
    with FaultyApi() as server:
        yield Engines(settings_of(folder, database_url, server.url, workloads=given), server, small, judged)


def _value(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except ValueError:
        return text
    return found
