"""A classifier in force is the first stage of a run: what it is sure of is done, the rest goes on, and the ledger tells both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.engines.base import LocalEngine
from models.run import RunResult
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.classifiers import SENTIMENT, ScriptedClassifier, guess_by_hash, put_in_force
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    good_rows,
    no_engine,
    published,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite

ROWS = 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make settings over a new ledger."""
    return settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write an input."""
    return write_records(tmp_path / "in.jsonl", good_rows(ROWS))


def run_with(
    settings: Settings,
    source: Path,
    classifier: ScriptedClassifier,
    engine: ScriptedEngine | Callable[[Settings], LocalEngine] | None = None,
    *,
    refresh: bool = False,
    rerun: bool = False,
) -> RunResult:
    """Run the partition with this classifier before the engine."""
    chosen = engine or ScriptedEngine()
    factory = (lambda _: chosen) if isinstance(chosen, ScriptedEngine) else chosen
    with shared_engine(settings, factory, classifiers=lambda *_: classifier):
        return run(settings, source, refresh=refresh, rerun=rerun)


def ways(settings: Settings) -> set[tuple[str, str, str | None, str, int]]:
    """Return the ways that lines went: requested, engine, reason, outcome and attempt."""
    lines = table(settings, "ledger_lines")
    return {(line.requested, line.engine, line.reason, line.outcome, line.attempt) for line in lines}


def test_what_is_sure_stays_and_the_rest_goes_on(settings: Settings, source: Path) -> None:
    """Rows, lines and run name who answered; unsure records have two lines; the books are right."""
    model = put_in_force(settings)
    engine, classifier = ScriptedEngine(), ScriptedClassifier(model=model.name)
    result = run_with(settings, source, classifier, engine)
    texts = {f"r{number}": f"message number {number}" for number in range(ROWS)}
    sure = {key for key, text in texts.items() if guess_by_hash(text)[1] > 0.8}
    assert 0 < len(sure) < ROWS == result.published
    assert set(engine.started) == set(texts) - sure
    rows = {row["record_key"]: row for row in published(settings).to_dicts()}
    for key, row in rows.items():
        by_classifier = ("classifier", model.name, guess_by_hash(texts[key])[0])
        assert ((row["engine"], row["model"], row["label"]) == by_classifier) == (key in sure)
    assert ways(settings) == {
        ("classifier", "classifier", None, "ok", 1),
        ("classifier", "classifier", "low_confidence", "escalated", 1),
        ("classifier", "vllm", "low_confidence", "ok", 2),
    }
    assert len(table(settings, "ledger_lines")) == ROWS + len(texts) - len(sure)
    check_books(settings)


def test_sure_records_alone_load_no_engine(settings: Settings, source: Path) -> None:
    """A run that the classifier answers whole never loads vLLM."""
    put_in_force(settings)
    result = run_with(settings, source, ScriptedClassifier(lambda _: (SENTIMENT[0], 1.0)), no_engine)
    assert result.published == ROWS
    check_books(settings)
