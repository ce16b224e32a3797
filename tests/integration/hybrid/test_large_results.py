"""Results of a batch that are longer than may be read: the batch has failed, in one line, and no record is lost."""

import logging
from pathlib import Path

import pytest

from tests.batch_api import BatchApi
from tests.integration.hybrid.batch_harness import (
    batch_settings,
    changed_results,
    collect_until_done,
    start,
    steps,
    texts_of,
)
from tests.integration.hybrid.harness import api_lines, collect
from tests.integration.hybrid.test_answer_bounds import warnings_of
from tests.integration.pipeline.books import check_books, table


def test_a_file_of_results_that_is_too_long(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read is kept, the others may have been billed: they keep their bounds and are asked for again."""
    with BatchApi() as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_max_result_bytes=1_000_000)
        start(settings, texts_of(6))
        steps(api)
        with changed_results(api) as entries:
            entries[3]["padding"] = "x" * 1_200_000
        with caplog.at_level(logging.WARNING):
            collect(settings)
        (warning,) = warnings_of(caplog.records, "has failed")
        assert "BREAKEVEN_BATCH_MAX_RESULT_BYTES" in warning
        assert "\n" not in warning
        first = {(line.outcome, line.failure) for line in api_lines(settings) if line.outcome != "pending"}
        assert first <= {("ok", None), ("unknown_outcome", "no_answer")}
        assert ("unknown_outcome", "no_answer") in first
        assert table(settings, "batches")[0].error == "results_too_large"
        result = collect_until_done(settings, api)
    assert (result.state, result.published) == ("completed", 6)
    check_books(settings)


def test_a_line_that_is_too_long_is_asked_for_again(tmp_path: Path, database_url: str) -> None:
    """The other lines of its file are taken; it keeps its bound, since it may have been billed."""
    with BatchApi() as api:
        settings = batch_settings(tmp_path, database_url, api.url, max_reply_bytes=100_000)
        start(settings, texts_of(6))
        steps(api)
        with changed_results(api) as entries:
            entries[3]["padding"] = "x" * 100_000
        collect(settings)
        ended = [(line.outcome, line.failure) for line in api_lines(settings) if line.outcome != "pending"]
        assert sorted(ended) == [("ok", None)] * 5 + [("unknown_outcome", "no_answer")]
        assert collect_until_done(settings, api).published == 6
    check_books(settings)


def test_an_answer_longer_than_any_model_writes_is_none(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be billed, is published nowhere, and its record is asked for again."""
    monkeypatch.setattr("models.engines.api.chat_format.MOST_ANSWER", 1000)
    with BatchApi() as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(3))
        steps(api)
        with changed_results(api) as entries:
            said = entries[0]["response"]["body"]["choices"][0]["message"]
            said["content"] += " " * 1000
        collect(settings)
        ended = [(line.outcome, line.failure) for line in api_lines(settings) if line.outcome != "pending"]
        assert sorted(ended) == [("ok", None)] * 2 + [("unknown_outcome", "no_answer")]
        assert collect_until_done(settings, api).published == 3
    check_books(settings)
