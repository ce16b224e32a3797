"""Whole runs against an endpoint that wants to be asked otherwise: what was learnt is in the ledger, and the next run begins with it."""

import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from db.tables import EndpointRow
from models.economics.pricing import usd_to_nano
from models.settings import Settings
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import engine, write_texts
from tests.integration.hybrid.harness import api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import published, run

INPUT, CACHED, OUTPUT = 150, 75, 600
"""Price of a token, nano-dollars."""
COUNT = 6


def asked(folder: Path, name: str, database_url: str, url: str, **more: Any) -> Settings:  # noqa: ANN401  fields of Settings
    """Run the partition anew with other texts, every one of which goes to the API."""
    own = folder / name
    own.mkdir()
    settings = hybrid_settings(folder, database_url, url, api_concurrency=1, **more)
    run(settings, write_texts(own, [f"unsure {name} {n}" for n in range(COUNT)]), engine(), rerun=True)
    assert published(settings).height == COUNT
    return settings


def ends(settings: Settings) -> Counter[str]:
    """Count how the lines of attempts end."""
    return Counter(
        f"{line.outcome}:{line.failure}" if line.failure else line.outcome for line in api_lines(settings)
    )


@pytest.mark.both_databases
def test_the_next_run_begins_with_what_was_learnt(tmp_path: Path, database_url: str) -> None:
    """One refusal in all: its line is free, the next runs send no seed; a changed setting and a month forget what they concern."""
    with FaultyApi([Rule(("says:mistral_seed",), forever=True)]) as api:
        settings = asked(tmp_path, "first", database_url, api.url)
        assert ends(settings) == {"failed:http_422": 1, "ok": COUNT}
        assert [line.cost_nano for line in api_lines(settings) if line.outcome == "failed"] == [0]
        (row,) = table(settings, "endpoints")
        assert (row.endpoint, row.model) == (f"127.0.0.1:{api.port}", "test-model")
        assert json.loads(row.learnt)["without"] == ["seed"]
        asked(tmp_path, "second", database_url, api.url)
        assert ends(settings) == {"failed:http_422": 1, "ok": 2 * COUNT}
        with ledger(settings) as session:
            session.execute(update(EndpointRow).values(learnt_at=datetime.now(UTC) - timedelta(days=31)))
            session.commit()
        asked(tmp_path, "third", database_url, api.url)
        assert ends(settings) == {"failed:http_422": 2, "ok": 3 * COUNT}
        check_seen(settings, api.seen)


def test_a_format_that_was_refused_is_tried_again_once_the_setting_changes(
    tmp_path: Path, database_url: str
) -> None:
    """What was learnt of json_schema says nothing once the settings ask for json_object, and nothing later of json_schema."""
    with FaultyApi([Rule(("no_format:json_schema",), forever=True)]) as api:
        settings = asked(tmp_path, "first", database_url, api.url)
        asked(tmp_path, "second", database_url, api.url)
        assert ends(settings)["failed:http_400"] == 1
        asked(tmp_path, "third", database_url, api.url, api_structured_output="none")
        assert api.seen[-1].body.get("response_format") is None
        assert ends(settings) == {"failed:http_400": 1, "ok": 3 * COUNT}


def test_answers_in_a_form_that_was_passed_over_are_billed_to_the_nano_dollar(
    tmp_path: Path, database_url: str
) -> None:
    """Prose for every record: the first are billed as format_ignored and asked again; the next run tells the schema at once."""
    with FaultyApi([Rule(("ignores_format",), forever=True)]) as api:
        settings = asked(tmp_path, "first", database_url, api.url)
        ignored = [line for line in api_lines(settings) if line.failure == "format_ignored"]
        assert 1 <= len(ignored) <= 4
        for line in api_lines(settings):
            plain = line.input_tokens - line.cached_tokens
            assert line.cost_nano == plain * INPUT + line.cached_tokens * CACHED + line.output_tokens * OUTPUT
            assert not line.estimated
        assert {line.outcome for line in ignored} == {"invalid_output"}
        asked(tmp_path, "second", database_url, api.url)
        assert sum(line.failure == "format_ignored" for line in api_lines(settings)) == len(ignored)
        check_seen(settings, api.seen)


@pytest.mark.parametrize("status", [408, 502, 504, 524])
def test_a_gateways_status_keeps_the_upper_bound(tmp_path: Path, database_url: str, status: int) -> None:
    """The attempt that may have been answered behind the gateway stands at its bound; the record is asked for again."""
    with FaultyApi([Rule((str(status),), match="unsure first 1")]) as api:
        settings = asked(tmp_path, "first", database_url, api.url)
    unknown = [line for line in api_lines(settings) if line.outcome == "unknown_outcome"]
    (line,) = unknown
    assert line.failure == f"http_{status}"
    assert line.cost_nano > max(one.cost_nano for one in api_lines(settings) if one.outcome == "ok")
    check_books(settings)


def test_a_cap_is_told_of_once_a_run(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the run comes back to a cap, it says once that the API is not asked any more."""
    budget = {"run_usd": Decimal("0.0004")}
    source = write_texts(tmp_path, [f"unsure number {n}" for n in range(40)])
    with FaultyApi() as api, caplog.at_level(logging.WARNING):
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=2, budget=budget)
        result = run(settings, source, engine())
    assert result.waiting.keys() == {"budget"}
    assert sum(line.cost_nano for line in api_lines(settings)) <= usd_to_nano(budget["run_usd"])
    said = [one.getMessage() for one in caplog.records if "not asked any more" in one.getMessage()]
    assert len(said) == 1
