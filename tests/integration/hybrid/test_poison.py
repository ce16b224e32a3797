"""Records that never get a usable answer: set aside once their attempts are used up, over runs and batches together, and the rest is published."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.settings import Settings
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    check_server,
    collect_until_done,
    engine,
    outcomes,
    start,
    steps,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, Rows, api_lines, check_seen, collect, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, findings
from tests.integration.pipeline.harness import no_engine, published, quarantined, run
from tests.sampling import sampled

POISON = ("r2", "r5", "r8")
LIMIT = 5
"""`api_max_attempts` by default."""


def texts(mark: str, marked: Sequence[str] = POISON) -> list[str]:
    """Make eleven texts, three of which carry a mark."""
    return [f"unsure number {n} {mark if f'r{n}' in marked else ''}" for n in range(11)]


def poisoned(settings: Settings) -> Rows:
    """Return the lines of the three."""
    return [line for line in api_lines(settings) if line.record_key in POISON]


def check_set_aside(settings: Settings, failure: str) -> None:
    """See that the three are set aside with the code of their last failure, and the eight others published."""
    aside = quarantined(settings)
    assert sorted(aside["record_key"]) == list(POISON)
    assert set(aside["reason"]) == {"unanswered"}
    assert set(aside["detail"]) == {failure}
    assert set(aside["engine"]) == {"openai"}
    assert published(settings).height == 8
    attempts = [sum(line.record_key == key for line in poisoned(settings)) for key in POISON]
    assert max(attempts) <= LIMIT
    check_books(settings)
    assert findings(settings) == []


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("fault", "ended", "concurrency"),
    [("invalid_json", "unknown_outcome:invalid_json", 1), ("500", "failed:http_500", 16)],
)
def test_within_one_run(tmp_path: Path, database_url: str, fault: str, ended: str, concurrency: int) -> None:
    """The same run publishes the others; each attempt keeps what it can have cost, and no later run asks again."""
    with FaultyApi([Rule((fault,), "poison", forever=True)]) as api:
        settings = hybrid_settings(
            tmp_path,
            database_url,
            api.url,
            api_breaker_failures=100,
            api_concurrency=concurrency,
            api_max_attempts=3,
        )
        source = write_texts(tmp_path, texts("poison"))
        result = run(settings, source, engine())
        assert (result.state, result.published, result.reasons) == ("completed", 8, {"unanswered": 3})
        assert outcomes(poisoned(settings)) == {ended: 3 * 3}
        check_set_aside(settings, fault if fault != "500" else "http_500")
        asked = len(api.seen)
        assert run(settings, source, no_engine).state == "skipped"
        assert collect(settings).state == "skipped"
        assert len(api.seen) == asked
        check_seen(settings, api.seen)


def test_over_three_runs(tmp_path: Path, database_url: str) -> None:
    """Each run has time for a few attempts only; together they are no more than one run may make."""
    with FaultyApi([Rule(("close",), "poison", forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_breaker_failures=4)
        source = write_texts(tmp_path, texts("poison"))
        states = [run(settings, source, engine()).state]
        for _ in range(2):
            if states[-1] == "waiting":
                states.append(run(settings, source, no_engine).state)
        check_seen(settings, api.seen)
    assert states[0] == "waiting"
    assert states[-1] == "completed"
    assert set(outcomes(poisoned(settings))) == {"unknown_outcome:cut_off"}
    check_set_aside(settings, "cut_off")


@pytest.mark.parametrize("marked", [("r0", "r1", "r2"), ("r8", "r9", "r10")])
def test_all_in_flight_at_once(tmp_path: Path, database_url: str, marked: Sequence[str]) -> None:
    """Whether they are sent before the others or after: those in flight with them were answered, so the fault is theirs."""
    with FaultyApi([Rule(("500",), "poison", forever=True)]) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, api_breaker_seconds=0.2, api_concurrency=64
        )
        result = run(settings, write_texts(tmp_path, texts("poison", marked)), engine())
        for _ in range(6):
            if result.state == "waiting":
                result = collect(settings)
    assert result.state == "completed"
    assert set(quarantined(settings)["record_key"]) == set(marked)
    assert published(settings).height == 8


@pytest.mark.parametrize("fault", sampled(["500", "close", "429:700"], {"500", "429:700"}))
def test_an_endpoint_that_is_down_for_all_sets_nobody_aside(
    tmp_path: Path, database_url: str, fault: str
) -> None:
    """However many runs and collects fail: all are answered by the first run that finds it up again."""
    with FaultyApi([Rule((fault,), forever=True)]) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, api_max_attempts=2, api_breaker_failures=6
        )
        source = write_texts(tmp_path, texts(""))
        assert run(settings, source, engine()).waiting == {"api_unavailable": 11}
        for _ in range(3):
            assert collect(settings).waiting == {"api_unavailable": 11}
        assert run(settings, source, no_engine).waiting == {"api_unavailable": 11}
        check_sums(settings)
        api.rules.clear()
        result = run(settings, source, no_engine)
        check_seen(settings, api.seen)
    assert (result.state, result.published, result.quarantined) == ("completed", 11, 0)
    check_books(settings)


def test_an_endpoint_that_goes_down_in_mid_run_sets_nobody_aside(tmp_path: Path, database_url: str) -> None:
    """The first four were answered; the others fail in every collect of the same run, until it is up again."""
    with FaultyApi([Rule(("ok",) * 4 + ("503",), forever=True)]) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, api_max_attempts=2, api_breaker_failures=6, api_concurrency=2
        )
        source = write_texts(tmp_path, texts(""))
        waiting = run(settings, source, engine()).waiting
        assert waiting == {"api_unavailable": 7}
        for _ in range(3):
            assert collect(settings).waiting == waiting
        api.rules.clear()
        result = collect(settings)
        check_seen(settings, api.seen)
    assert (result.state, result.published, result.quarantined) == ("completed", 11, 0)
    check_books(settings)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("mark", "ended"),
    [
        ("[[garbled]]", "unknown_outcome:no_answer"),
        ("[[status 500]]", "failed:http_500"),
    ],
)
def test_in_batches(tmp_path: Path, database_url: str, mark: str, ended: str) -> None:
    """The same outcome: one batch for each attempt, as many as a run may make, then the rest is published."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_requests=20)
        start(settings, texts(mark))
        result = collect_until_done(settings, api)
        assert (result.state, result.published, result.reasons) == ("completed", 8, {"unanswered": 3})
        assert batch_states(settings) == {"collected": LIMIT}
        assert api.steps("chat") == 0
    assert outcomes([line for line in batch_lines(settings) if line.record_key in POISON]) == {
        ended: 3 * LIMIT
    }
    check_set_aside(settings, ended.partition(":")[2])
    check_server(settings, api, unread=3 * LIMIT)


def test_batches_first_then_at_once(tmp_path: Path, database_url: str) -> None:
    """Attempts in batches and at once are counted together."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        in_batches = batch_settings(tmp_path, database_url, api.url, batch_max_requests=20)
        start(in_batches, texts("[[status 500]]"))
        steps(api)
        assert collect(in_batches).waiting == {"batch": 3}
        at_once = batch_settings(tmp_path, database_url, api.url, api_mode="sync", api_breaker_failures=100)
        steps(api)
        result = collect(at_once)
    assert (result.state, result.published) == ("completed", 8)
    assert {line.batch_id is None for line in poisoned(at_once)} == {True, False}
    check_set_aside(at_once, "http_500")


def test_a_local_engine_is_asked_once(tmp_path: Path, database_url: str) -> None:
    """What the local engine did before counts for nobody."""
    with FaultyApi([Rule(("invalid_json",) * (LIMIT - 1), "poison 1")]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_breaker_failures=100)
        source = write_texts(tmp_path, [f"unsure poison {n}" for n in range(6)])
        result = run(settings, source, ScriptedEngine(handler=unsure("unsure")))
    assert (result.state, result.published) == ("completed", 6)
