"""A run in which none of the API's first answers can be used: it stops and names the setting, and no record is set aside for it."""

from pathlib import Path

import pytest

from models.economics.pricing import Price, cost_nano
from models.engines.api.usage import usage_of
from models.errors import NoAnswerFits
from models.settings import Settings
from tasks.storage.first_answers import FIRST_ANSWERS
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    collect_until_done,
    engine,
    outcomes,
    start,
    steps,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, collect, hybrid_settings
from tests.integration.hybrid.test_reasoning import reasoning
from tests.integration.pipeline.books import check_books, check_sums, findings, table
from tests.integration.pipeline.harness import published, quarantined, run, target
from tests.sampling import sampled

MORE_ROOM = "raise BREAKEVEN_API_REASONING_TOKENS, or lower BREAKEVEN_API_REASONING_EFFORT"


def check_stopped(settings: Settings, caught: pytest.ExceptionInfo[NoAnswerFits], said: str) -> None:
    """See that the run failed with one line that names the setting, with nothing set aside and nothing published."""
    assert "\n" not in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code != 0
    last = table(settings, "runs")[-1]
    assert (last.state, last.error, last.quarantined) == ("failed", str(caught.value), 0)
    assert table(settings, "quarantined_counts") == []
    assert not target(settings).exists()
    assert {row.state for row in table(settings, "partition_versions")} == {"open"}
    check_sums(settings)
    assert findings(settings) == []


def check_billed(settings: Settings, api: FaultyApi) -> None:
    """See that each answer is on the ledger at what the server bills for it, to the nano-dollar."""
    price = next(row for row in table(settings, "prices") if row.model == "test-model")
    own = Price(**{name: getattr(price, name) for name in Price.__slots__})
    usages = {one.attempt: usage_of({"usage": one.usage}) for one in api.seen if one.usage is not None}
    lines = {str(line.id): line for line in api_lines(settings)}
    for attempt, usage in usages.items():
        assert usage is not None
        assert lines[attempt].cost_nano == cost_nano(own, usage)


OFTEN = ("cut_short", "nonsense", "blank")
STOPPED = {
    "eaten": f"8 reasoning used up the tokens): {MORE_ROOM}",
    "cut_short": "8 cut off at the token limit): raise max_tokens of the workload",
    "nonsense": "8 not in the form that was asked for): set BREAKEVEN_API_STRUCTURED_OUTPUT",
    "wrong_schema": "BREAKEVEN_API_STRUCTURED_OUTPUT",
    "refusal": "8 refused by the model): change the workload's prompt, or another BREAKEVEN_API_MODEL",
    "json_validate_failed": "8 not in the form that was asked for): set BREAKEVEN_API_STRUCTURED_OUTPUT",
    "blank": "8 empty): set BREAKEVEN_API_STRUCTURED_OUTPUT",
}


@pytest.mark.parametrize("fault", sampled(STOPPED, OFTEN))
def test_the_run_stops(tmp_path: Path, database_url: str, fault: str) -> None:
    """What was seen names the setting; what was answered is billed; with other settings the same command answers all."""
    with FaultyApi([Rule((fault,), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=1, api_max_attempts=1)
        source = write_texts(tmp_path, texts_of(30, 5))
        with pytest.raises(NoAnswerFits) as caught:
            run(settings, source, engine())
        check_stopped(settings, caught, STOPPED[fault])
        assert FIRST_ANSWERS <= len(api.seen) < 15
        check_billed(settings, api)
        api.rules.clear()
        result = run(settings, source, engine())
        check_seen(settings, api.seen)
    assert (result.state, result.published, result.quarantined) == ("completed", 35, 0)
    check_books(settings)
    check_billed(settings, api)


def test_all_at_once(tmp_path: Path, database_url: str) -> None:
    """What was in flight when it was decided comes in and is billed, and is nobody's fault either."""
    with FaultyApi([Rule(("nonsense",), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=16)
        with pytest.raises(NoAnswerFits) as caught:
            run(settings, write_texts(tmp_path, texts_of(60)), engine())
        check_seen(settings, api.seen)
    check_stopped(settings, caught, "not in the form that was asked for")
    assert {line.outcome for line in api_lines(settings)} <= {"invalid_output", "failed", "unknown_outcome"}


def test_one_that_fits_shows_whose_fault_it_is(tmp_path: Path, database_url: str) -> None:
    """Seven that do not fit wait; the eighth does, so they are set aside for themselves, as is each one after it."""
    with FaultyApi([Rule(("eaten",) * 7 + ("ok", "eaten"))]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=1)
        result = run(settings, write_texts(tmp_path, texts_of(20)), engine())
        check_seen(settings, api.seen)
    assert (result.state, result.published, result.reasons) == ("completed", 12, {"reasoning_limit": 8})
    assert set(quarantined(settings)["rule"]) != {None}
    check_books(settings)
    check_billed(settings, api)
    assert findings(settings) == []


def test_fewer_than_that_end_as_ever(tmp_path: Path, database_url: str) -> None:
    """Of so few nobody can tell: each is set aside with its reason, and the rest is published."""
    with FaultyApi([Rule(("eaten",), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, write_texts(tmp_path, texts_of(7, 3)), engine())
        check_seen(settings, api.seen)
    assert (result.published, result.reasons) == (3, {"reasoning_limit": 7})
    check_books(settings)


@pytest.mark.parametrize("fault", ["content_filter", "too_long", "filtered"])
def test_what_is_no_answer_says_nothing(tmp_path: Path, database_url: str, fault: str) -> None:
    """Texts that are too long, or that a content filter stops, are their own fault, however many there are."""
    with FaultyApi([Rule((fault,), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, write_texts(tmp_path, texts_of(12, 3)), engine())
    assert (result.state, result.quarantined, result.published) == ("completed", 12, 3)
    check_books(settings)


@pytest.mark.both_databases
def test_batches_stop_as_well(tmp_path: Path, database_url: str) -> None:
    """No collect pays again with the same settings; with others the records are asked for anew, and all are published."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        api.book.answers.reasoning = 40
        small = reasoning(api_reasoning_effort="low", api_reasoning_tokens=8)
        settings = batch_settings(tmp_path, database_url, api.url, **small)
        start(settings, texts_of(15, 3))
        steps(api)
        with pytest.raises(NoAnswerFits) as caught:
            collect(settings)
        check_stopped(settings, caught, f"15 reasoning used up the tokens): {MORE_ROOM}")
        assert outcomes(batch_lines(settings)) == {"invalid_output:reasoning_limit": 15}
        assert batch_states(settings) == {"collected": 2}
        for _ in range(2):
            assert collect(settings).state == "skipped"
        assert len(api.book.batches) == 2
        assert table(settings, "runs")[-1].state == "failed"
        more = batch_settings(tmp_path, database_url, api.url, **reasoning(api_reasoning_effort="low"))
        assert collect(more).state == "waiting"
        result = collect_until_done(more, api)
    assert (result.state, result.published, result.quarantined) == ("completed", 18, 0)
    assert outcomes(batch_lines(more)) == {"invalid_output:reasoning_limit": 15, "ok": 15}
    check_books(more)


def test_the_same_command_asks_again(tmp_path: Path, database_url: str) -> None:
    """Whoever runs the partition again wants it asked, also with the same settings."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        api.book.answers.reasoning = 40
        small = reasoning(api_reasoning_effort="low", api_reasoning_tokens=8)
        settings = batch_settings(tmp_path, database_url, api.url, **small)
        start(settings, texts_of(10))
        steps(api)
        with pytest.raises(NoAnswerFits):
            collect(settings)
        api.book.answers.reasoning = 0
        start(settings, texts_of(10))
        assert collect_until_done(settings, api).published == 10
    assert published(settings).height == 10
    check_books(settings)
