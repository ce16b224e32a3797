"""Free answers are evaluated without labels: what the text states, what is well formed, how far two engines agree."""

import json
from pathlib import Path

from models.evaluation.figures import Evaluation
from models.requests import JsonValue, Request
from tasks.evaluation.run import EvaluationRequest, evaluate
from tests.fakes import Reply, ScriptedEngine, prompt
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import TODAY, settings_of
from tests.integration.evaluation.labelled_files import write_rows
from tests.integration.pipeline.books import check_sums, findings

FIELDS = ("title", "bullet_points", "category", "attributes")


def described(request: Request) -> Reply:
    """Name two attributes that the text states and one that it does not; answer nothing valid to one text."""
    words = prompt(request).split()
    if "broken" in words:
        return Reply("{}", {})
    value: JsonValue = {
        "title": "A red lamp",
        "bullet_points": ["It is a lamp", "It is red", "Light"],
        "category": "Lamps",
        "attributes": [
            {"name": "color", "value": "RED"},
            {"name": "number", "value": words[-1]},
            {"name": "material", "value": "oak"},
        ],
    }
    return Reply(json.dumps(value), value)


def evaluated(folder: Path, database_url: str, count: int) -> Evaluation:
    """Evaluate enrichment on so many products, one of which gets no valid answer; the API answers as it does."""
    rows = [
        {"id": f"p{n}", "name": f"Lamp, red, number {n}", "description": f"lamp {n}"} for n in range(count)
    ]
    rows.append({"id": "b", "name": "Lamp, broken", "description": "lamp x"})
    source = write_rows(folder / "products.csv", rows)
    with FaultyApi() as api:
        grounded = {"enrichment": {"grounded": ("attributes[].value",)}}
        settings = settings_of(folder, database_url, api.url, workloads=grounded)
        found = evaluate(
            EvaluationRequest("enrichment", str(source)),
            settings,
            today=TODAY,
            factory=lambda _: ScriptedEngine(handler=described),
        )
    check_sums(settings)
    assert findings(settings) == []
    return found


def test_what_is_invented_is_counted_before_it_is_dropped(tmp_path: Path, database_url: str) -> None:
    """The published output has no invented attribute, so the engine's own answer is what is looked at."""
    found = evaluated(tmp_path, database_url, 10)
    small = found.arm("small")
    assert small is not None
    assert small.scores is None
    counts = {check.name: (check.share.count, check.share.of) for check in small.checks}
    assert counts == {
        "valid outputs": (10, 11),
        "attributes[].value: values that the text states": (20, 30),
        "attributes[].value: records without an invented value": (0, 10),
        **{f"{name}: records in which it is filled": (10, 10) for name in FIELDS},
        "bullet_points: lists whose members all differ": (10, 10),
        "attributes: lists whose members all differ": (10, 10),
    }


def test_agreement_is_told_measure_by_measure_and_decides_nothing(tmp_path: Path, database_url: str) -> None:
    """There is no total score, no verdict and no threshold; the page says so."""
    found = evaluated(tmp_path, database_url, 10)
    agreement = {check.name: (check.share.count, check.share.of) for check in found.agreement}
    assert agreement["category: the same"] == (0, 10)
    assert agreement["attributes: members that the other gives too"] == (0, 30)
    assert agreement["attributes: members of the other that it gives too"] == (0, 0)
    assert (found.comparisons, found.threshold, found.calibration) == ((), None, None)
    assert found.viability == "undecided"
    assert any("decides nothing" in one for one in found.missing)
    assert found.measure == "none"
