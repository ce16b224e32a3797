"""Records that are set aside: the file names field and rule, the terminal counts reasons, the ledger knows which were answered and paid."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from commands.terminal import print_result
from db import month
from models.economics.month import WorkloadUsage
from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible, prompt, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.harness import hybrid_settings
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import (
    any_share,
    good_rows,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite

PERSON = "Ada Lovelace, 12 Example Street"
TEXT_RULE = "must not be empty"
INPUT: list[tuple[object, str, str]] = [
    ({"id": "null", "text": None}, "text", TEXT_RULE),
    ({"id": "blank", "text": "  "}, "text", TEXT_RULE),
    ({"id": "number", "text": 5}, "text", "must be text"),
    ({"text": "no id"}, "id", TEXT_RULE),
    ({"id": 1.5, "text": "fine"}, "id", "must be text or an integer, at most 500 characters"),
    ({"id": "x" * 501, "text": "fine"}, "id", "must be text or an integer, at most 500 characters"),
    (b'{"id": "bytes", "text": "\xff\xfe"}', "text", "must be valid UTF-8"),
    (
        b'{"id": "a", "text": "b"',
        "(whole line)",
        "must be one JSON object: expecting ',' delimiter at column 24",
    ),
    (b"[1]", "(whole line)", "must be a JSON object"),
]
"""Rows of the input that are set aside: the field, and the rule."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make settings without an API."""
    return any_share(settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"), model="tests/scripted"))


def answer(request: Request) -> Reply:
    """Answer, or refuse to, as the text says."""
    text = prompt(request)
    if "TOOLONG" in text:
        return Reply(rejection="too_long", detail="5000 prompt tokens")
    if "NONSENSE" in text:
        return Reply(PERSON, None)
    return plausible(request)


def rows_by_key(settings: Settings) -> dict[str, dict[str, object]]:
    """Read the quarantine file by record."""
    return {row["record_key"]: row for row in quarantined(settings).iter_rows(named=True)}


def counted(settings: Settings) -> dict[str, tuple[int, int, int]]:
    """Read the ledger's counts by reason: records, those of them that were answered, and what these cost."""
    return {
        row.reason: (row._mapping["count"], row.answered, row.answered_nano)
        for row in table(settings, "quarantined_counts")
    }


def usage(settings: Settings) -> WorkloadUsage:
    """Read what the ledger knows of the workload, over all months."""
    with ledger(settings) as session:
        months = month.read_usage(session, date(2000, 1, 1), date(2100, 1, 1))
    (of_month,) = months.values()
    return of_month.workloads[0]


@pytest.mark.parametrize("kept", [False, True])
def test_each_kind_names_field_and_rule(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, kept: bool
) -> None:
    """Input and answer alike; the answer itself is there on request only, and never in the ledger."""
    rows = [row for row, _, _ in INPUT]
    rows += [{"id": "long", "text": "TOOLONG"}, {"id": "nonsense", "text": "NONSENSE"}, *good_rows(3)]
    settings = settings.model_copy(update={"quarantine_answers": kept})
    result = run(settings, write_records(tmp_path / "in.jsonl", rows), ScriptedEngine(handler=answer))
    aside = quarantined(settings)
    found = list(aside.select("field", "rule").iter_rows())
    assert found[: len(INPUT)] == [(field, rule) for _, field, rule in INPUT]
    by_key = rows_by_key(settings)
    assert [by_key["long"][name] for name in ("field", "rule", "detail", "engine")] == [
        "text",
        "prompt and answer must fit what the model takes",
        "5000 prompt tokens",
        "vllm",
    ]
    nonsense = by_key["nonsense"]
    assert (nonsense["field"], nonsense["rule"]) == ("label", "must be one of negative, neutral, positive")
    assert nonsense["answer"] == (PERSON if kept else None)
    assert aside["engine"].to_list() == [None] * len(INPUT) + ["vllm", "vllm"]
    assert PERSON.encode() not in (tmp_path / "ledger.db").read_bytes()
    print_result(result)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "set aside (" in line]
    assert (
        f"11 records set aside ({', '.join(f'{n} {r}' for r, n in sorted(result.reasons.items()))})" in line
    )
    assert str(Path(result.output or "").with_name("quarantine.parquet")) in line
    check_books(settings)


def test_timestamps(settings: Settings, tmp_path: Path) -> None:
    """A timestamp that cannot be read names its column and what it should have been."""
    rows: list[object] = [
        {"id": "a", "text": "x", "created_at": "2026-11-01T10:00:00Z"},
        {"id": "b", "text": "y", "created_at": "soon"},
    ]
    run(settings, write_records(tmp_path / "in.jsonl", rows))
    row = rows_by_key(settings)["b"]
    assert (row["reason"], row["field"]) == ("bad_timestamp", "created_at")
    assert row["rule"] == "must be a date, an ISO 8601 time or an epoch number"


def test_the_ledger_tells_what_was_answered(tmp_path: Path, database_url: str) -> None:
    """Unanswered: bad rows and what was refused before anything was billed. Answered: also those that were refused later, with all their attempts."""
    texts = ["REFUSE", "FILTERED", "NONSENSE", "CUT", "LOST", "fine"]
    rows: list[object] = [{"id": text, "text": text} for text in texts]
    rows += [{"id": "twin", "text": "NONSENSE"}, {"id": "null", "text": None}]
    rules = [
        Rule(("content_filter",), match="REFUSE", forever=True),
        Rule(("filtered",), match="FILTERED", forever=True),
        Rule(("nonsense",), match="NONSENSE", forever=True),
        Rule(("cut_short",), match="CUT", forever=True),
        Rule(("content_filter",), match="LOST", forever=True),
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    policy: dict[str, object] = {"min_confidence": 0.5, "complex_where": "id <> 'LOST'"}
    with FaultyApi(rules) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, policy)
        result = run(settings, source, ScriptedEngine(handler=unsure("LOST")))
    assert (result.published, result.quarantined) == (1, 7)
    by_key = rows_by_key(settings)
    assert {key: row["rule"] for key, row in by_key.items() if row["engine"] == "openai"} == {
        "REFUSE": "must pass the provider's content filter",
        "FILTERED": "must pass the provider's content filter",
        "NONSENSE": "must be one of negative, neutral, positive",
        "twin": "must be one of negative, neutral, positive",
        "CUT": "must end within 16 tokens",
        "LOST": "must pass the provider's content filter",
    }
    cost: dict[str, int] = {}
    for line in table(settings, "ledger_lines"):
        cost[line.record_key] = cost.get(line.record_key, 0) + line.cost_nano
    answered = ("FILTERED", "NONSENSE", "CUT", "LOST", "twin")
    assert cost["REFUSE"] == 0
    assert cost["twin"] > 0  # an answer that could not be read is never reused
    assert cost["LOST"] > 0  # the local engine answered it before the API refused it
    assert counted(settings) == {
        "missing_text": (1, 0, 0),
        "refused": (3, 2, cost["FILTERED"] + cost["LOST"]),
        "invalid_output": (3, 3, cost["NONSENSE"] + cost["CUT"] + cost["twin"]),
    }
    used = usage(settings)
    assert (used.quarantined, used.quarantined_answered) == (7, 5)
    assert used.quarantined_nano == sum(cost[key] for key in answered)


def test_parts_of_an_older_version_are_published_with_the_new_ones(
    settings: Settings, tmp_path: Path
) -> None:
    """A run that goes on with what an older version had set aside publishes it, without field and rule."""
    bad: list[object] = [{"id": f"bad{number}", "text": None} for number in range(20)]
    source = write_records(tmp_path / "in.jsonl", [*bad, *good_rows(40)])
    with pytest.raises(Exception, match="died"):
        run(settings, source, ScriptedEngine(dies_after=25))
    parts = sorted(settings.output_dir.rglob("*.parquet"))
    assert parts
    for part in parts:
        known = pl.read_parquet_metadata(part)
        about = {name: known[name] for name in ("first", "last", "records", "quarantined")}
        pl.read_parquet(part).drop("field", "rule").write_parquet(part, metadata=about)
    result = run(settings, source)
    assert (result.quarantined, result.reasons) == (20, {"missing_text": 20})
    aside = quarantined(settings)
    assert aside["reason"].to_list() == ["missing_text"] * 20
    assert aside["field"].null_count() > 0
    check_books(settings)
