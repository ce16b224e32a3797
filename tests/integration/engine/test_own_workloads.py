"""Workloads that files define, of each kind, on the real engine: what is published, and what cannot be is one line."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.engines.vllm.engine import VllmEngine
from models.errors import UsageError
from models.run import RunResult
from models.settings.check import load
from models.workloads import registry
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.integration.engine.conftest import PROJECT
from tests.integration.engine.harness import Counting
from tests.integration.pipeline.books import check_books
from tests.ledgers import new_sqlite
from tests.unit.workloads.test_answers_by_kind import SCHEMA

pytestmark = pytest.mark.engine

DAY = date(2026, 11, 1)
TICKETS: list[dict[str, object]] = [
    {"id": 1, "subject": "Wrong charge", "body": "You charged my card twice."},
    {"id": 2, "subject": "Where is it", "body": "My parcel is late again!"},
    {"id": 3, "subject": None, "body": "  "},
]
PRODUCTS: list[dict[str, object]] = [{"id": "p", "name": "Acme lamp", "price": 12.5}]
QUESTIONS: list[dict[str, object]] = [
    {"id": 1, "question": "When does the shop close?"},
    {"id": 2, "question": "Who owns the shop?"},
]
FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "brand": {"type": ["string", "null"], "maxLength": 20},
        "year": {"type": ["integer", "null"], "multipleOf": 5, "minimum": 1900, "maximum": 2100},
    },
    "required": ["brand"],
}
WORKLOADS = {
    "departments": """
        kind = "label"
        prompt = "Which department should read this ticket?"
        text = "{{ subject }}: {{ body }}"
        labels = { billing = "charges and refunds", delivery = "parcels", other = "" }
        examples = [{ subject = "Refund", body = "I want my money back", answer = "billing" }]
        input = "tickets.jsonl"
    """,
    "topics": """
        kind = "labels"
        prompt = "Which topics does the ticket touch?"
        labels = ["money", "parcel"]
        text = "{{ subject }}: {{ body }}"
        examples = [{ text = "My parcel cost too much", answer = ["money", "parcel"] }]
        input = "tickets.jsonl"
    """,
    "facts": """
        extends = "extraction"
        schema_file = "facts.json"
        grounded = ["brand"]
        text = "{{ name }} for {{ price }} dollars"
        max_tokens = 60
        input = "products.jsonl"
    """,
    "short": """
        extends = "rewriting"
        text_columns = ["body"]
        max_tokens = 48
        same_language = false
        copies_prompt = true
        input = "tickets.jsonl"
    """,
    "ask": """
        extends = "answering"
        max_tokens = 80
        input = "questions.jsonl"
        context_file = "passages.csv"
    """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Stand in a folder with five workloads and their inputs; return the ledger's URL."""
    url = new_sqlite(tmp_path / "ledger.db")
    settings = f'database_url = "{url}"\ncache_dir = "{PROJECT / ".cache"}"\nmax_model_len = 1024\n'
    (tmp_path / "breakeven.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "workloads").mkdir()
    for name, content in WORKLOADS.items():
        lines = "\n".join(line.strip() for line in content.strip().splitlines())
        (tmp_path / "workloads" / f"{name}.toml").write_text(lines, encoding="utf-8")
    (tmp_path / "workloads" / "facts.json").write_text(json.dumps(FIELDS), encoding="utf-8")
    (tmp_path / "passages.csv").write_text(
        "id,text\n1,It closes at five.\n1,It opens at nine.\n", encoding="utf-8"
    )
    for name, rows in (("tickets", TICKETS), ("products", PRODUCTS), ("questions", QUESTIONS)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return url


def run(name: str, engine: VllmEngine) -> tuple[RunResult, list[Mapping[str, Any]]]:
    """Run a workload of the folder; return what it came to and what is published."""
    settings = load()
    with shared_engine(settings, factory=lambda _settings: Counting(engine)):
        result = run_request(RunRequest(name, DAY), settings)
    frame = pl.read_parquet(result.output or "")
    return result, list(frame.iter_rows(named=True))


def test_every_kind_runs_from_a_file(project: str, engine: VllmEngine) -> None:
    """Answers keep grammar and checks; every row is published or set aside; the books balance."""
    results, rows = {}, {}
    for name in WORKLOADS:
        results[name], rows[name] = run(name, engine)
    assert all(one.records == one.published + one.quarantined for one in results.values())
    assert results["departments"].published == 2
    assert {row["label"] for row in rows["departments"]} <= {"billing", "delivery", "other"}
    assert all(0 < row["confidence"] <= 1 for row in rows["departments"])
    assert all(set(row["labels"]) <= {"money", "parcel"} for row in rows["topics"])
    for row in rows["facts"]:
        assert row["brand"] is None or row["brand"].casefold() in "acme lamp for 12.5 dollars"
        assert row["year"] is None or row["year"] % 5 == 0
    assert all(row["text"].strip() == row["text"] != "" for row in rows["short"])
    for row in rows["ask"]:
        assert row["answer"] == "not in the context" or row["quote"]
    assert project
    check_books(load())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": "Long words. " * 1500}, "the prompt alone has "),
        ({"labels": [f"department_{number}" for number in range(1500)]}, "the prompt alone has "),
    ],
)
def test_a_prompt_that_leaves_no_room_is_one_line(
    change: dict[str, object], says: str, project: str, engine: VllmEngine
) -> None:
    """It is said once, before any record is answered, and not once a record."""
    assert project
    table = {
        "kind": "label",
        "prompt": "Which?",
        "labels": ["a", "b"],
        "input": "tickets.jsonl",
        "text_columns": ["body"],
    }
    settings = load()
    own = type(settings).model_validate({"workloads": {"wide": table | change}}).workloads
    settings = settings.model_copy(update={"workloads": own})
    with (
        pytest.raises(UsageError, match=says) as caught,
        shared_engine(settings, factory=lambda _settings: Counting(engine)),
    ):
        run_request(RunRequest("wide", DAY), settings)
    assert "takes 1,024: shorten prompt, labels or examples" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_schema_of_many_fields_is_one_line(project: str, engine: VllmEngine) -> None:
    """Where the shortest object is longer than an answer may be, no record is asked about."""
    assert project
    names = [f"field_number_{number}" for number in range(200)]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}
    Path("workloads/wide.json").write_text(json.dumps(schema), encoding="utf-8")
    Path("workloads/wide.toml").write_text(
        'kind = "object"\nprompt = "x"\nschema_file = "wide.json"\nmax_tokens = 100\ninput = "products.jsonl"\n'
        'text_columns = ["name"]\n',
        encoding="utf-8",
    )
    with pytest.raises(
        UsageError, match=r"workloads/wide.toml, line 4: wide: the shortest answer .* 100: raise"
    ):
        run("wide", engine)


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 2},
            "minItems is greater than maxItems",
        ),
        ({"type": "integer", "minimum": 5, "maximum": 2}, "minimum greater than maximum"),
    ],
)
def test_a_schema_that_no_answer_can_keep_is_one_line(
    bounds: dict[str, object], says: str, project: str, engine: VllmEngine
) -> None:
    """It is said once, and not refused for each record."""
    assert project
    schema = {"type": "object", "properties": {"a": bounds}, "required": ["a"]}
    Path("workloads/facts.json").write_text(json.dumps(schema), encoding="utf-8")
    file = Path("workloads/facts.toml")
    file.write_text(file.read_text(encoding="utf-8").replace('grounded = ["brand"]\n', ""), encoding="utf-8")
    with pytest.raises(UsageError, match=f"the engine's grammar cannot hold the schema: .*{says}") as caught:
        run("facts", engine)
    assert "\n" not in str(caught.value)


def test_the_grammar_leaves_out_what_it_cannot_hold(project: str) -> None:
    """The engine would refuse every record otherwise; the check after holds the whole schema."""
    from vllm.v1.structured_output.backend_xgrammar import (  # noqa: PLC0415  slow to import
        has_xgrammar_unsupported_json_features,
    )

    assert project
    Path("workloads/facts.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    Path("workloads/facts.toml").write_text(
        'kind = "object"\nprompt = "x"\nschema_file = "facts.json"\n', encoding="utf-8"
    )
    shape: Any = registry.build("facts", load()).output_format
    assert has_xgrammar_unsupported_json_features(SCHEMA)
    assert not has_xgrammar_unsupported_json_features(json.loads(shape.schema))
