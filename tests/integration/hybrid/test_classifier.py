"""Classifier, local engine, API: each record stops where it is surely answered, and every attempt is on the ledger."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from models.routing.policy import Policy
from models.routing.rules import keep_local
from models.settings import Settings
from tasks.planning import checks
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.classifiers import guess_by_hash, put_in_force
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.stored_cascade import Chosen, store_cascade
from tests.integration.hybrid.batch_harness import batch_settings, steps, write_texts
from tests.integration.hybrid.harness import KEY, check_seen, collect, hybrid_settings
from tests.integration.hybrid.test_engine_fails import never_starts
from tests.integration.hybrid.test_kill import job_of, kill_again_and_again
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, no_engine, published, run, write_records
from tests.integration.pipeline.runner import Runner
from tests.trained_models import retire

COUNT = 90
Way = tuple[str, str, str | None, str, int]


def text_of(number: int) -> str:
    """Make a text of which the local engine is unsure, or sure."""
    return f"{'unsure' if number % 2 else 'sure'} number {number}"


def expected() -> Counter[Way]:
    """Return the ways of the lines of a run over all three."""
    ways: Counter[Way] = Counter()
    for number in range(COUNT):
        sure = guess_by_hash(text_of(number))[1] > 0.8
        ways["classifier", "classifier", *(None, "ok") if sure else ("low_confidence", "escalated"), 1] += 1
        if sure:
            continue
        if number % 2 == 0:
            ways["classifier", "vllm", "low_confidence", "ok", 2] += 1
        else:
            ways["classifier", "vllm", "low_confidence", "escalated", 2] += 1
            ways["classifier", "openai", "low_confidence", "ok", 3] += 1
    return ways


def ways(settings: Settings) -> Counter[Way]:
    """Count lines by the way that they went."""
    return Counter(
        (line.requested, line.engine, line.reason, line.outcome, line.attempt)
        for line in table(settings, "ledger_lines")
    )


def test_three_stages(tmp_path: Path, database_url: str) -> None:
    """Lines say where each record was asked and why it went on; published rows name who answered."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        model = put_in_force(settings)
        result = run(settings, source, ScriptedEngine(handler=unsure("unsure")))
    assert (result.published, result.escalated) == (COUNT, len(api.seen))
    assert ways(settings) == expected()
    rows = Counter(published(settings).select("engine", "model").rows())
    assert rows == {
        (engine, name): sum(n for way, n in expected().items() if way[1] == engine and way[3] == "ok")
        for engine, name in (
            ("classifier", model.name),
            ("vllm", "tests/scripted"),
            ("openai", "test-model"),
        )
    }
    check_books(settings)
    check_seen(settings, api.seen)


def test_without_a_local_engine(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small model that is not good enough is not asked: what the classifier is not sure of goes to the API at once."""
    monkeypatch.setattr(checks, "apply_evaluation", lambda policy, *_: policy)
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, {"not_viable": "api"})
        put_in_force(settings)
        run(settings, source, no_engine)
    left = sum(guess_by_hash(text_of(number))[1] < 0.8 for number in range(COUNT))
    assert ways(settings) == {
        ("classifier", "classifier", None, "ok", 1): COUNT - left,
        ("classifier", "classifier", "low_confidence", "escalated", 1): left,
        ("classifier", "openai", "not_viable", "ok", 2): left,
    }
    check_books(settings)


@pytest.mark.parametrize("small", [True, False])
def test_stages_that_an_evaluation_chose(tmp_path: Path, database_url: str, small: bool) -> None:
    """Its thresholds are those of the run; a small model that does not pay is never loaded."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi() as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, {"cascade": "evaluated", "min_confidence": None}
        )
        model = put_in_force(settings)
        middle: Chosen = (("small", 0.5),) if small else ()
        store_cascade(settings, (("classifier", 0.9), *middle, ("api", None)), model.name)
        run(settings, source, ScriptedEngine(handler=unsure("unsure")) if small else no_engine)
        seen = len(api.seen)
    left = sum(guess_by_hash(text_of(number))[1] < 0.9 for number in range(COUNT))
    by_engine = Counter(way[1] for way in ways(settings).elements())
    assert by_engine["classifier"] == COUNT
    assert by_engine["vllm"] == (left if small else 0)
    assert by_engine["openai"] == seen
    assert 0 < seen <= left
    assert (seen < left) == small
    check_books(settings)


def test_an_engine_that_fails(tmp_path: Path, database_url: str) -> None:
    """What the classifier had answered stays; of the others the line of the API says that the engine failed."""
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, {"engine_fails": "api"})
        put_in_force(settings)
        run(settings, source, never_starts)
    reasons = {(line.engine, line.reason, line.attempt) for line in table(settings, "ledger_lines")}
    assert reasons == {
        ("classifier", None, 1),
        ("classifier", "low_confidence", 1),
        ("openai", "engine_failed", 2),
    }
    check_books(settings)


def test_rules_and_triage_stay(tmp_path: Path, database_url: str) -> None:
    """What a rule calls complex goes to the API before the classifier; triage is asked of what that passed on."""
    texts = [f"text {number}" for number in range(30)] + [f"long {number} " * 50 for number in range(3)]
    with FaultyApi() as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, {"triage": True, "complex_over_chars": 200}
        )
        put_in_force(settings)
        run(settings, write_texts(tmp_path, texts), ScriptedEngine())
    found = ways(settings)
    assert found["classifier", "openai", "complex", "ok", 1] == 3
    assert {way[3]: way[4] for way in found if way[1] == "vllm"} == {"triage": 2, "ok": 3}
    assert {way[2] for way in found if way[1] == "vllm"} <= {"low_confidence", "complex"}
    check_books(settings)


def test_answers_of_a_batch(tmp_path: Path, database_url: str) -> None:
    """Collected by a later process, after the classifier was retired: its rows keep its name, lines their route.

    So do lines that the later process opens, for a batch that was refused and is asked for at once.
    """
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        api.fault("create_batch", "refuse", status=400, code="odd_request", times=9)
        settings = batch_settings(tmp_path, database_url, api.url)
        model = put_in_force(settings)
        texts = [text_of(number) for number in range(COUNT)]
        engine = ScriptedEngine(handler=unsure("unsure"))
        assert run(settings, write_texts(tmp_path, texts), engine).state == "waiting"
        retire(settings, model)
        at_once = settings.model_copy(update={"batch_fallback": "sync"})
        for _ in range(4):
            steps(api)
            if (result := collect(at_once)).state == "completed":
                break
        assert result.state == "completed"
        assert api.steps("chat") > 0
    served = Counter({way[:4]: count for way, count in ways(settings).items() if way[3] != "failed"})
    assert served == Counter({way[:4]: count for way, count in expected().items()})
    rows = published(settings)
    assert set(rows.filter(rows["engine"] == "classifier")["model"]) == {model.name}
    check_books(settings)


@pytest.mark.long
def test_killed_during_api_calls(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """Killed again and again with three engines at work: no request without a line, nobody left out."""
    random = Random(6)
    source = write_records(tmp_path / "in.jsonl", good_rows(COUNT, text_of))
    with FaultyApi(latency=0.05) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, commit_records=10, commit_seconds=0.1, api_concurrency=2
        )
        put_in_force(settings)
        kills = kill_again_and_again(runner, job_of(settings, source), api, random, 4, range(1, 5))
    assert kills >= 2
    assert published(settings).height == COUNT
    check_books(settings)
    check_seen(settings, api.seen)


def test_a_policy_without_it() -> None:
    """What is set as `cascade` sends nothing out: it holds where records must stay."""
    assert keep_local(Policy(cascade="off")).cascade == "off"
