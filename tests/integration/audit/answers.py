"""Published objects and texts of a workload whose records must stay, for people to judge."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from models.requests import JsonValue
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine, prompt
from tests.integration.audit.harness import audit_settings
from tests.integration.pipeline.harness import DAY, write_records

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "colours": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "price", "colours"],
    "additionalProperties": False,
}
Answers = Mapping[str, JsonValue]
"""What is published, by text."""


def answer_settings(folder: Path, database_url: str, kind: str, answers: Answers) -> Settings:
    """Make settings of the workload `own` that people audit whole, with an input of these texts."""
    (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    rows: list[object] = [{"id": f"r{place}", "text": text} for place, text in enumerate(answers)]
    own: dict[str, object] = {
        "kind": kind,
        "prompt": "What is for sale?",
        "input": str(write_records(folder / "in.jsonl", rows)),
        "timestamp_column": "",
        "data_residency": "local",
        "audit": {"share": 1.0},
    }
    if kind == "object":
        own["schema_file"] = str(folder / "schema.json")
    return audit_settings(
        folder, database_url, "http://127.0.0.1:9/v1", workloads={"own": own}, api_mode="off"
    )


def publish(settings: Settings, answers: Answers, **options: bool) -> None:
    """Publish these answers."""
    engine = ScriptedEngine(handler=_answering(answers))
    with shared_engine(settings, lambda _: engine):
        result = run_request(RunRequest("own", DAY, **options), settings)  # type: ignore[arg-type]
    assert (result.state, result.published) == ("completed", len(answers))


def _answering(answers: Answers) -> Callable[..., Reply]:
    def answer(request) -> Reply:  # type: ignore[no-untyped-def]  # noqa: ANN001  a request of any workload
        (value,) = [one for text, one in answers.items() if text in prompt(request)]
        return Reply(value if isinstance(value, str) else json.dumps(value), value)

    return answer
