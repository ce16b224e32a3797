"""A classifier in force is the first stage of a run: what it is sure of is done, the rest goes on, and the ledger tells both."""

from collections.abc import Callable
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from models.engines.base import LocalEngine
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.run import RunResult
from models.settings import Settings, WorkloadSettings
from models.training.trained import trained_folder
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
from tests.trained_models import retire

ROWS = 60
ENGINES = ("classifier", "vllm")


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


def scripted_engine(_: Settings) -> LocalEngine:
    """Load the scripted engine."""
    return ScriptedEngine()


def with_policy(settings: Settings, **policy: object) -> Settings:
    """Return the settings with a policy of the workload."""
    own = WorkloadSettings.model_validate({"policy": policy})
    return settings.model_copy(update={"workloads": {"sentiment": own}})


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


def test_it_is_off_where_the_policy_says_so(settings: Settings, source: Path) -> None:
    """`cascade = "off"` asks the local engine alone, as does a classifier that is retired."""
    model = put_in_force(settings)
    off = with_policy(settings, cascade="off")
    run_with(off, source, ScriptedClassifier())
    assert {way[:3] for way in ways(settings)} == {("vllm", "vllm", None)}
    retire(settings, model)
    assert run_with(settings, source, ScriptedClassifier()).state == "skipped"  # the same partition


def test_an_evaluated_cascade_needs_its_evaluation(settings: Settings, source: Path) -> None:
    """One line before anything is begun."""
    put_in_force(settings)
    with pytest.raises(UsageError, match="run `breakeven evaluate sentiment --labels FILE`"):
        run(with_policy(settings, cascade="evaluated"), source, no_engine)
    assert {row.purpose for row in table(settings, "runs")} == {"training"}


def test_a_folder_that_is_gone(settings: Settings, source: Path) -> None:
    """One line that says which, and how to go on without it; nothing was begun."""
    model = put_in_force(settings)
    trained_folder(settings.output_dir, "sentiment", model.name).rmdir()
    with pytest.raises(UsageError, match=f"is gone: .*breakeven trained retire sentiment {model.name}"):
        run(settings, source, no_engine)
    assert {row.purpose for row in table(settings, "runs")} == {"training"}


def test_other_labels(settings: Settings, source: Path) -> None:
    """A classifier of another label set is refused in one line, before a record was asked."""
    put_in_force(settings)
    with pytest.raises(UsageError, match="trained for other labels"):
        run_with(settings, source, ScriptedClassifier(labels=("yes", "no")))
    assert table(settings, "ledger_lines") == []


def test_another_classifier_is_another_version(settings: Settings, source: Path) -> None:
    """Name, weights and threshold are part of the fingerprint; the rows of a rerun are the new one's."""
    put_in_force(settings)
    run_with(settings, source, ScriptedClassifier())
    new = put_in_force(settings, threshold=0.1)
    with pytest.raises(UsageError, match="already published with other settings"):
        run_with(settings, source, ScriptedClassifier(model=new.name))
    run_with(settings, source, ScriptedClassifier(model=new.name), rerun=True)
    assert set(published(settings).select("engine", "model").rows()) == {("classifier", new.name)}
    check_books(settings)


def test_late_data_keep_what_it_answered(settings: Settings, source: Path) -> None:
    """A refresh asks it for what is new alone; rows that are taken over keep engine and model."""
    model = put_in_force(settings)
    run_with(settings, source, ScriptedClassifier())
    before = published(settings)
    write_records(source, good_rows(ROWS + 20))
    classifier = ScriptedClassifier()
    result = run_with(settings, source, classifier, refresh=True)
    assert (result.carried, len(classifier.asked)) == (ROWS, 20)
    after = published(settings)
    assert_frame_equal(after.head(ROWS), before)
    assert set(after.filter(after["engine"] == "classifier")["model"]) == {model.name}
    write_records(source, good_rows(ROWS))  # now nobody is asked at all
    assert run_with(settings, source, ScriptedClassifier(), no_engine, refresh=True).carried == ROWS
    assert_frame_equal(published(settings), before)
    check_books(settings)


def test_identical_texts_are_classified_once(settings: Settings, tmp_path: Path) -> None:
    """A text that comes again takes the first one's answer, sure or not, and costs nothing, within a batch and beyond."""
    put_in_force(settings)
    source = write_records(tmp_path / "in.jsonl", good_rows(600, lambda n: f"text {n % 7}"))
    classifier = ScriptedClassifier()
    run_with(settings, source, classifier)
    assert sorted(classifier.asked) == [f"text {number}" for number in range(7)]
    lines = table(settings, "ledger_lines")
    assert {(line.engine, line.cost_nano == 0, line.counterfactual_nano == 0) for line in lines} >= {
        ("reuse", True, True)
    }
    check_books(settings)


def test_its_own_prior_is_not_taken_off(settings: Settings, source: Path) -> None:
    """What was measured of the local model's labels does not touch a classifier's; its confidence is published as it is."""
    put_in_force(settings)
    run_with(settings, source, ScriptedClassifier(lambda _: ("neutral", 0.91)), no_engine)
    assert set(published(settings).select("label", "confidence").rows()) == {("neutral", 0.91)}


def test_what_does_not_fit_goes_on(settings: Settings, source: Path) -> None:
    """A guess that is no label of the workload is no answer, however sure it is."""
    put_in_force(settings)
    run_with(settings, source, ScriptedClassifier(lambda _: ("angry", 1.0)))
    assert {way[1:4] for way in ways(settings)} == {
        ("classifier", "invalid_output", "escalated"),
        ("vllm", "invalid_output", "ok"),
    }
    check_books(settings)


def test_the_clock_is_counted_once(settings: Settings, tmp_path: Path) -> None:
    """While the classifier is at work the engine is not idle as well: the run has the clock's time, to the nanosecond (I10)."""
    put_in_force(settings)
    source = write_records(tmp_path / "in.jsonl", good_rows(1000))
    classifiers: list[ScriptedClassifier] = []
    engines: list[tuple[ScriptedEngine, GpuTime]] = []

    def load_classifier(*_: object) -> ScriptedClassifier:
        classifiers.append(ScriptedClassifier(delay=0.02, load_seconds=0.05))
        return classifiers[-1]

    def load(_: Settings) -> ScriptedEngine:
        before = classifiers[0].held
        engines.append((ScriptedEngine(load_seconds=0.02), before))
        return engines[-1][0]

    with shared_engine(settings, load, classifiers=load_classifier):
        run(settings.model_copy(update={"commit_records": 7}), source)
    row = next(row for row in table(settings, "runs") if row.purpose == "production")
    lines = table(settings, "ledger_lines")
    (classifier,), ((engine, before),) = classifiers, engines
    assert 0 < before.busy_ns < classifier.held.busy_ns
    assert row.load_ns + row.busy_ns + row.idle_ns == engine.held.total_ns + before.total_ns
    assert row.load_ns == engine.held.load_ns + classifier.held.load_ns
    assert row.busy_ns == engine.held.busy_ns + classifier.held.busy_ns
    carried = {engine: sum(line.gpu_ns for line in lines if line.engine == engine) for engine in ENGINES}
    assert carried["classifier"] == classifier.held.total_ns
    check_books(settings)


def test_one_load_for_the_runs_of_a_flow(settings: Settings, source: Path) -> None:
    """The first run carries it; another workload's classifier takes its place, and no time is lost."""
    put_in_force(settings)
    made: list[ScriptedClassifier] = []

    def load(*_: object) -> ScriptedClassifier:
        assert all(one.closed for one in made)
        made.append(ScriptedClassifier(load_seconds=0.01))
        return made[-1]

    with shared_engine(settings, scripted_engine, classifiers=load):
        run(settings, source)
        run(settings, source, rerun=True)
    assert len(made) == 1
    assert made[0].closed
    runs = sorted(table(settings, "runs"), key=lambda row: row.started_at)
    own = [row for row in runs if row.purpose == "production"]
    assert sum(made[0].held.load_ns for _ in own[:1]) <= own[0].load_ns
    check_books(settings)


def test_one_that_is_never_sure_is_not_asked(settings: Settings, source: Path) -> None:
    """Its training found no confidence from which it is right enough: it would look at every record for nothing."""
    put_in_force(settings, threshold=None)
    classifier = ScriptedClassifier()
    run_with(settings, source, classifier)
    assert {way[:3] for way in ways(settings)} == {("vllm", "vllm", None)}
