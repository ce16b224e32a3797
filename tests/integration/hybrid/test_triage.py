"""A trained triage before the local engine: what that would get wrong goes past it, on the ledger and under every policy."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from models.errors import UsageError
from models.evaluation.cascade import Gate
from models.evaluation.intervals import share
from models.settings import Settings
from models.training.trained import trained_folder
from tasks.runtime.shared_engine import shared_engine
from tests.classifiers import ScriptedTriage, guess_by_hash, load_scripted, put_in_force, put_triage_in_force
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.stored_cascade import Chosen, store_cascade
from tests.integration.hybrid.batch_harness import write_texts
from tests.integration.hybrid.harness import check_seen, collect, hybrid_settings
from tests.integration.hybrid.test_classifier import ways
from tests.integration.hybrid.test_kill import job_of, kill_again_and_again
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, no_engine, published, run, write_records
from tests.integration.pipeline.runner import Runner
from tests.trained_models import retire

COUNT = 60


def text_of(number: int) -> str:
    """Make a text that the small model gets wrong, by the triage, or right."""
    return f"{'hard' if number % 3 == 0 else 'easy'} number {number}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write the records."""
    return write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))


def settings_of(
    folder: Path, database_url: str, url: str = "http://127.0.0.1:9", **policy: object
) -> Settings:
    """Make settings that send out nothing but what is complex."""
    return hybrid_settings(folder, database_url, url, policy)


def test_what_it_would_get_wrong_goes_past_the_small_model(
    tmp_path: Path, database_url: str, source: Path
) -> None:
    """A line for each question, of the engine `classifier` and the triage's name; the one-token question is not asked as well."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url, triage=True)
        model = put_triage_in_force(settings)
        engine = ScriptedEngine()
        result = run(settings, source, engine)
        check_seen(settings, api.seen)
    assert (result.published, result.escalated) == (COUNT, COUNT // 3)
    assert ways(settings) == {
        ("classifier", "classifier", "complex", "triage", 1): 20,
        ("classifier", "classifier", None, "triage", 1): 40,
        ("classifier", "vllm", None, "ok", 2): 40,
        ("classifier", "openai", "complex", "ok", 2): 20,
    }
    names = {row.id: row.name for row in table(settings, "models")}
    lines = [line for line in table(settings, "ledger_lines") if line.engine == "classifier"]
    assert {names[line.model_id] for line in lines} == {model.name}
    assert all(line.cost_nano >= 0 and line.counterfactual_nano == 0 for line in lines)
    assert set(published(settings)["engine"]) == {"vllm", "openai"}
    check_books(settings)


def test_after_a_classifier(tmp_path: Path, database_url: str, source: Path) -> None:
    """It is asked of what the classifier leaves alone; attempts are numbered on, and the API's line says why."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        classifier, _ = put_in_force(settings), put_triage_in_force(settings)
        run(settings, source, ScriptedEngine())
    left = [n for n in range(COUNT) if guess_by_hash(text_of(n))[1] < 0.8]
    hard = sum(n % 3 == 0 for n in left)
    assert 0 < hard < len(left)
    assert ways(settings) == {
        ("classifier", "classifier", None, "ok", 1): COUNT - len(left),
        ("classifier", "classifier", "low_confidence", "escalated", 1): len(left),
        ("classifier", "classifier", "complex", "triage", 2): hard,
        ("classifier", "classifier", "low_confidence", "triage", 2): len(left) - hard,
        ("classifier", "vllm", "low_confidence", "ok", 3): len(left) - hard,
        ("classifier", "openai", "complex", "ok", 3): hard,
    }
    rows = set(published(settings).select("engine", "model").rows())
    assert ("classifier", classifier.name) in rows
    check_books(settings)


@pytest.mark.parametrize(
    "why", ["api off", "local", "not escalated", "cascade off", "retired", "other model", "other prompt"]
)
def test_where_it_is_not_asked(
    tmp_path: Path, database_url: str, source: Path, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Records that may not go out, and a triage of another model or prompt, are answered as without one."""
    policies: dict[str, dict[str, Any]] = {
        "not escalated": {"escalate": []},
        "cascade off": {"cascade": "off"},
    }
    settings = settings_of(tmp_path, database_url, **policies.get(why, {}))
    if why == "api off":
        settings = settings.model_copy(update={"api_mode": "off"})
    if why == "local":
        own = settings.workloads["sentiment"].model_copy(update={"data_residency": "local"})
        settings = settings.model_copy(update={"workloads": {"sentiment": own}})
    others: dict[str, dict[str, Any]] = {
        "other model": {"base": "another"},
        "other prompt": {"prompt_fingerprint": "f" * 16},
    }
    model = put_triage_in_force(settings, **others.get(why, {}))
    if why == "retired":
        retire(settings, model)
    run(settings, source, ScriptedEngine())
    assert ways(settings) == {("vllm", "vllm", None, "ok", 1): COUNT}
    assert ("is in force and not asked" in caplog.text) == why.startswith("other")


def test_a_gate_that_an_evaluation_chose(tmp_path: Path, database_url: str, source: Path) -> None:
    """Its threshold is that of the run; one that does not pay is not asked, and another one than was evaluated is refused."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url, cascade="evaluated")
        model = put_triage_in_force(settings)
        chosen: Chosen = (("small", 0.5), ("api", None))
        store_cascade(settings, chosen, "", Gate(model.name, None, share(0, 300)))
        run(settings, source, ScriptedEngine())
        assert {way[1] for way in ways(settings)} == {"vllm"}
        store_cascade(settings, chosen, "", Gate("triage-another", 0.95, share(300, 300)))
        with pytest.raises(
            UsageError, match=f"chose triage-another before the small model, while {model.name} is"
        ):
            run(settings, source, ScriptedEngine(), rerun=True)
        store_cascade(settings, chosen, "", Gate(model.name, 0.95, share(300, 300)))
        run(settings, source, no_engine, rerun=True)
        assert len(api.seen) == COUNT
    check_books(settings)


def test_a_folder_that_is_gone(tmp_path: Path, database_url: str, source: Path) -> None:
    """One line that says which, and how to go on without it; nothing was begun."""
    settings = settings_of(tmp_path, database_url)
    model = put_triage_in_force(settings)
    trained_folder(settings.output_dir, "sentiment", model.name).rmdir()
    with pytest.raises(UsageError, match=f"is gone: .*breakeven trained retire sentiment {model.name}"):
        run(settings, source, ScriptedEngine())


def test_a_budget_that_is_used_up(tmp_path: Path, database_url: str, source: Path) -> None:
    """What would go past the small model waits, as any escalation does, and is answered once there is money."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        put_triage_in_force(settings)
        poor = settings.model_copy(
            update={"budget": settings.budget.model_copy(update={"run_usd": Decimal(0)})}
        )
        result = run(poor, source, ScriptedEngine())
        assert (result.state, dict(result.waiting), len(api.seen)) == ("waiting", {"budget": COUNT // 3}, 0)
        result = collect(settings)
    assert (result.state, result.published) == ("completed", COUNT)
    assert ways(settings)["classifier", "openai", "complex", "ok", 2] == COUNT // 3
    check_books(settings)


def test_identical_texts_are_asked_once(tmp_path: Path, database_url: str) -> None:
    """Their lines are reuses that cost nothing, whichever way the text goes."""
    asked: list[ScriptedTriage] = []

    def load(folder: Path, name: str, cache: Path) -> ScriptedTriage:
        found = load_scripted(folder, name, cache)
        assert isinstance(found, ScriptedTriage)
        asked.append(found)
        return found

    source = write_texts(tmp_path, [text_of(number % 6) for number in range(COUNT)])
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        put_triage_in_force(settings)
        with shared_engine(settings, lambda _: ScriptedEngine(), classifiers=load):
            run(settings, source)
        assert len(api.seen) == 2
    assert [len(one.asked) for one in asked] == [6]
    assert ways(settings)["classifier", "reuse", "identical", "triage", 1] == COUNT - 6
    check_books(settings)


def test_killed_and_run_again(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """Killed again and again with records on their way past the small model: no request without a line, nobody left out."""
    random = Random(6)
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi(latency=0.05) as api:
        settings = settings_of(tmp_path, database_url, api.url).model_copy(
            update={"commit_records": 10, "commit_seconds": 0.1, "api_concurrency": 2}
        )
        put_triage_in_force(settings)
        kills = kill_again_and_again(runner, job_of(settings, source), api, random, 3, range(1, 5))
    assert kills >= 1
    assert published(settings).height == COUNT
    check_books(settings)
    check_seen(settings, api.seen)
