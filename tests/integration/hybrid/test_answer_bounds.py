"""An endpoint that passes over the limit of an answer: its first answer raises what every other one may cost."""

import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from models.economics.pricing import usd_to_nano
from models.settings import Settings
from tasks.api import answer_bounds
from tests.batch_api import BatchApi
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done, start, steps, texts_of
from tests.integration.hybrid.harness import Rows, api_lines, collect, hybrid_settings
from tests.integration.hybrid.test_budget import capped, source_of, spent, waiting_counts
from tests.integration.pipeline.books import check_books, check_sums, findings, table
from tests.integration.pipeline.harness import run

CAP = Decimal("0.005")
WIDTH = 16
LONG = 'adds:{"usage":{"completion_tokens":5000},"pad":20000}'
ONE = 5000 * 600
"""Nano-dollars of the output of one such answer."""


UNDATED = "tasks.planning.undated"
"""Says that an input has no dates, with its path, which may hold any word."""


def warnings_of(records: Sequence[logging.LogRecord], words: str) -> list[str]:
    """Return the warnings that contain some words."""
    return [
        one.getMessage()
        for one in records
        if one.levelno == logging.WARNING and words in one.getMessage() and one.name != UNDATED
    ]


def _asked(settings: Settings) -> Rows:
    return [line for line in api_lines(settings) if line.outcome == "ok"]


@pytest.mark.both_databases
def test_after_the_first_answer_above_its_bound_nothing_more_is_admitted(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is spent is at most the first wave; one warning names endpoint and setting; the check says by how much."""
    with FaultyApi([Rule((LONG,), forever=True)], latency=0.2) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=WIDTH)
        settings = capped(free, run_usd=CAP)
        result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
        assert len(api.seen) <= WIDTH
    assert (result.state, result.escalated) == ("waiting", len(api.seen))
    assert waiting_counts(settings) == {"budget": 60 - len(api.seen)}
    lines = _asked(settings)
    assert {line.output_tokens for line in lines} == {5000}
    assert usd_to_nano(CAP) < spent(settings) <= WIDTH * (ONE + 10**6)
    (warning,) = warnings_of(caplog.records, "the limit of an answer")
    assert f"127.0.0.1:{api.port}" in warning
    assert "BREAKEVEN_API_BASE_URL" in warning
    check_sums(settings)
    (finding,) = findings(settings)
    more = Decimal(spent(settings)).scaleb(-9) - CAP
    assert (finding.check, finding.ids) == ("caps", [str(table(settings, "runs")[0].id)])
    assert f"${more.normalize():f} more" in finding.detail


def test_the_next_run_begins_with_what_was_learnt(tmp_path: Path, database_url: str) -> None:
    """Its first attempt is opened at the raised bound, and as far as its cap goes no cap is passed."""
    with FaultyApi([Rule((LONG,), forever=True)], latency=0.1) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=WIDTH)
        run(capped(free, run_usd=CAP), source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
        before = spent(free)
        (endpoint,) = table(free, "endpoints")
        assert endpoint.bound_permille > 1000
        more = Decimal(before).scaleb(-9) + 3 * CAP
        result = collect(capped(free, run_usd=more))
    assert result.state == "waiting"
    assert before < spent(free) <= usd_to_nano(more)
    check_sums(free)


def test_bounds_fall_again_where_many_answers_keep_to_them(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After enough answers as they should be, what earlier runs saw counts no more."""
    monkeypatch.setattr(answer_bounds, "ENOUGH_ANSWERS", 20)
    with FaultyApi([Rule((LONG,) * 3)], latency=0.05) as api:
        free = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=3)
        run(
            capped(free, run_usd=Decimal("0.002")),
            source_of(tmp_path),
            ScriptedEngine(handler=unsure("unsure")),
        )
        assert [row.bound_permille > 1000 for row in table(free, "endpoints")] == [True]
        assert collect(free).state == "completed"
    assert [row.bound_permille for row in table(free, "endpoints")] == [1000]


def test_without_a_reported_usage_a_long_answer_is_seen_as_well(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The estimate from the answer's own text counts."""
    with FaultyApi([Rule(('adds:{"usage":null,"pad":5000,"with":" indeed"}',), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=2)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert all(line.estimated for line in api_lines(settings))
    assert warnings_of(caplog.records, "the limit of an answer")


def test_an_error_inside_an_answer_raises_the_bounds_as_well(tmp_path: Path, database_url: str) -> None:
    """What broke after the model had written beyond its limit is billed like any other answer: no second wave is sent."""
    broken = '{"finish_reason":"error","error":{"code":502},"message":{"content":""}}'
    fault = f'adds:{{"choices":[{broken}],"usage":{{"completion_tokens":5000}}}}'
    with FaultyApi([Rule((fault,), forever=True)], latency=0.2) as api:
        free = hybrid_settings(
            tmp_path, database_url, api.url, api_concurrency=WIDTH, api_breaker_failures=99
        )
        settings = capped(free, run_usd=CAP)
        run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
        assert len(api.seen) <= WIDTH
    assert {(line.outcome, line.output_tokens) for line in api_lines(settings)} == {("unknown_outcome", 5000)}
    check_sums(settings)


def test_answers_of_a_batch_raise_the_bounds_of_later_batches(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What one batch has shown counts for the records that are asked for after it."""
    with BatchApi() as api:
        api.book.answers.says = {"usage": {"completion_tokens": 5000}, "pad": 20000}
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(6), "unsure [[once status 500]]"])
        bound = max(line.cost_nano for line in api_lines(settings))
        steps(api)
        collect(settings)
        (waiting,) = [line for line in api_lines(settings) if line.outcome == "pending"]
        assert waiting.cost_nano > 15 * bound
        result = collect_until_done(settings, api)
    assert result.state == "completed"
    assert len(warnings_of(caplog.records, "the limit of an answer")) == 1
    assert min(line.cost_nano for line in _asked(settings)) >= ONE // 2
    assert table(settings, "endpoints")[0].bound_permille > 15_000
    check_books(settings)
