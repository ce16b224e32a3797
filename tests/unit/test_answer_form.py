"""What `workload show` says of an answer's form: who holds which bound of a schema, and what is checked after."""

import json
from pathlib import Path

import pytest

from models import workloads
from models.settings import Settings
from tasks.workload.answer_form import describe_form

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "mood": {"enum": ["bad", "good"]},
        "parts": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": True},
        "count": {"type": "integer", "minimum": 0, "multipleOf": 2},
    },
    "required": ["title", "mood", "parts", "count"],
}


def lines(folder: Path, **own: object) -> dict[str, str]:
    """Return what is said of a workload, by what it is said of."""
    settings = Settings.model_validate({"workloads": {"mine": {"prompt": "Say it.", **own}}})
    assert folder.is_dir()
    said = describe_form(workloads.build("mine", settings))
    return {one.partition(": ")[0]: one.partition(": ")[2] for one in said}


def test_each_bound_is_held_by_somebody(tmp_path: Path) -> None:
    """Lengths are for the grammar and not for the API; what neither holds is checked in both engines' answers."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    said = lines(tmp_path, kind="object", schema_file=str(path), grounded=["title"])
    assert said["held by the grammar"] == "count minimum, mood enum, parts maxItems, title maxLength"
    assert said["held by the API's strict mode"].startswith("count minimum")
    assert "maxLength" not in said["held by the API's strict mode"]
    assert said["checked after, in the local engine's answers"] == "count multipleOf, parts uniqueItems"
    assert "title maxLength" in said["checked after, in the API's answers"]
    assert said["checks of the settings"] == "grounded"


@pytest.mark.parametrize(("count", "end"), [(3, "l0, l1, l2"), (1500, "l11 and 1488 more")])
def test_labels_are_named_as_far_as_a_line_goes(tmp_path: Path, count: int, end: str) -> None:
    """A few are all named; of many the first twelve, and how many others there are."""
    said = lines(tmp_path, kind="label", labels=[f"l{number}" for number in range(count)])
    assert said["grammar"].startswith(f"one of {count} labels: ")
    assert said["grammar"].endswith(end)
    assert ("beyond strict mode" in said["API"]) == (count > 1000)


def test_text_has_no_form(tmp_path: Path) -> None:
    """Nothing holds it but its checks."""
    assert lines(tmp_path, kind="text") == {"grammar": "none, plain text"}
