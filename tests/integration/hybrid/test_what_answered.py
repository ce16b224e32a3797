"""What a run shows as engine and model is what answered it: in `ledger runs`, on the page, in the view for BI tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import cli
from db.browse_filters import Filters
from db.ledger import insert_lines
from db.session import make_engine, migrate, sessions
from models.ids import new_id
from models.run import Purpose
from models.settings import Settings
from tasks.page.address import PageQuery
from tasks.page.lists import RUN_COLUMNS
from tasks.page.queries import Ledger
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.db.ledger_lines import line, seed
from tests.integration.hybrid.harness import hybrid_settings
from tests.integration.pipeline.books import ledger
from tests.integration.pipeline.harness import DAY, WORKLOAD, good_rows, run, write_records

LOCAL, API = "tests/scripted", "test-model"
Row = dict[str, Any]


def shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str
) -> list[Row]:
    """Return what `breakeven ledger runs` prints of the runs, the newest first."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", settings.database_url.get_secret_value())
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        cli.main(["ledger", "runs", "--format", "json", *more])
    assert end.value.code in (0, None)
    return list(json.loads(capsys.readouterr().out))


def in_the_view(settings: Settings) -> dict[str, tuple[str | None, str | None]]:
    """Read engine and model of each run from the view for BI tools."""
    with ledger(settings) as session:
        rows = session.execute(text("SELECT run_id, engine, model FROM run_costs")).all()
    return {str(row.run_id): (row.engine, row.model) for row in rows}


def on_the_page(settings: Settings) -> dict[str, tuple[object, object]]:
    """Read engine and model of each run as the page does."""
    pages = Ledger(settings.database_url.get_secret_value())
    try:
        rows = pages.runs(PageQuery(Filters())).rows
    finally:
        pages.close()
    assert "model" in {column.field for column in RUN_COLUMNS}
    return {str(row["id"]): (row["engine"], row["model"]) for row in rows}


def by_api(settings: Settings, source: Path, purpose: Purpose = "production") -> None:
    """Run the partition on the API alone."""
    run_request(RunRequest(WORKLOAD, DAY, str(source), engine="openai", purpose=purpose), settings)


def test_each_kind_of_run(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The API alone, both, the local engine alone, nothing to ask for, and nothing but a reuse of what a stopped run had."""
    few = write_records(tmp_path / "few.jsonl", good_rows(4))
    many = write_records(tmp_path / "many.jsonl", good_rows(12))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        expected: list[tuple[str | None, str | None]] = []
        by_api(settings, few)
        expected.append(("openai", API))
        run(settings, many, ScriptedEngine(handler=unsure("number 1")), rerun=True)  # 1, 10 and 11 of 12
        expected.append(("vllm, openai", f"{LOCAL}, {API}"))
        run(settings, many, ScriptedEngine(handler=unsure("number")), rerun=True)  # every one is sent on
        expected.append(("openai", API))
        run(settings, few, ScriptedEngine(), rerun=True)
        expected.append(("vllm", LOCAL))
        write_records(few, good_rows(3))
        run(settings, few, ScriptedEngine(), refresh=True)  # all are carried over
        expected.append((None, None))
    rows = shown(settings, monkeypatch, capsys)
    found = [(row["engine"], row["model"]) for row in reversed(rows)]
    assert found == expected
    by_id = {row["id"]: (row["engine"], row["model"]) for row in rows}
    assert in_the_view(settings) == by_id
    assert on_the_page(settings) == by_id
    assert len(shown(settings, monkeypatch, capsys, "--model", API)) == 3
    assert len(shown(settings, monkeypatch, capsys, "--engine", "vllm")) == 2
    assert len(shown(settings, monkeypatch, capsys, "--engine", "openai", "--model", LOCAL)) == 0


def test_a_run_of_nothing_but_reuse(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that goes on after another and reuses all its answers names the models that had given them."""
    settings = hybrid_settings(tmp_path, database_url, "http://127.0.0.1:9/v1")
    engine = make_engine(database_url)
    migrate(engine)
    with sessions(engine).begin() as session:
        keys = seed(session)
        reused = {"engine": "reuse", "reason": "identical", "reuses": new_id(), "cost_nano": 0}
        insert_lines(session, [line(keys, "a", **reused), line(keys, "b", model_id=keys.api, **reused)])
    engine.dispose()
    (row,) = shown(settings, monkeypatch, capsys)
    assert (row["engine"], row["model"]) == ("reuse", "gpt-4o-mini, small")
    assert in_the_view(settings) == {row["id"]: ("reuse", "gpt-4o-mini, small")}


def test_a_run_with_a_reuse_among_its_answers(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is found by the engine that it is shown with, which answered the others, and not as one of reuse."""
    settings = hybrid_settings(tmp_path, database_url, "http://127.0.0.1:9/v1")
    engine = make_engine(database_url)
    migrate(engine)
    reused = {"engine": "reuse", "reason": "identical", "reuses": new_id(), "cost_nano": 0}
    with sessions(engine).begin() as session:
        mixed = seed(session)
        insert_lines(session, [line(mixed, "a"), line(mixed, "b", **reused)])
        lost = seed(session, "enrichment")  # what an engine was asked served nobody: only reuse answered
        insert_lines(session, [line(lost, "a", outcome="failed"), line(lost, "b", **reused)])
        asked = seed(session, "classification")  # nothing served anybody yet
        insert_lines(session, [line(asked, "a", engine="openai", model_id=asked.api, outcome="failed")])
    engine.dispose()
    found = {
        name: [row["workload"] for row in shown(settings, monkeypatch, capsys, "--engine", name)]
        for name in ("vllm", "reuse", "openai")
    }
    assert found == {"vllm": ["sentiment"], "reuse": ["enrichment"], "openai": ["classification"]}
    rows = shown(settings, monkeypatch, capsys)
    engines = {row["workload"]: row["engine"] for row in rows}
    assert engines == {"sentiment": "vllm", "enrichment": "reuse", "classification": "openai"}


def test_an_evaluation_of_the_api(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The arm of an evaluation that asks the API shows the API's model, before any answer as well."""
    source = write_records(tmp_path / "in.jsonl", good_rows(3))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        by_api(settings, source, purpose="evaluation_api")
    (row,) = shown(settings, monkeypatch, capsys, "--purpose", "evaluation_api")
    assert (row["engine"], row["model"]) == ("openai", API)
