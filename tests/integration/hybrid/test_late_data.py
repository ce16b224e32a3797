"""Late data where the API answers too: its rows are taken over as such, and a refresh may have to wait."""

from decimal import Decimal
from pathlib import Path

from polars.testing import assert_frame_equal

from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import (
    batch_settings,
    batch_states,
    check_server,
    collect_until_done,
    engine,
    start,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, collect, hybrid_settings
from tests.integration.hybrid.test_budget import capped
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import leftovers, no_engine, published, run


def test_rows_of_the_api_are_taken_over_as_such(tmp_path: Path, database_url: str) -> None:
    """Engine, model and confidence stay; one request goes out for the one late record that needs it, and is paid."""
    texts = texts_of(15, 25)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, write_texts(tmp_path, texts), engine())
        before, paid = published(settings), sum(line.cost_nano for line in api_lines(settings))
        local = ScriptedEngine(handler=unsure("unsure"))
        source = write_texts(tmp_path, [*texts, "unsure and late", "sure and late"])
        result = run(settings, source, local, refresh=True)
    assert (result.carried, result.published, result.escalated) == (40, 42, 1)
    assert (len(local.started), len(api.seen)) == (2, 16)
    after = published(settings)
    assert_frame_equal(after.head(40), before)
    assert after.filter(after["engine"] == "openai").height == 16
    assert set(after.filter(after["engine"] == "openai")["model"]) == {"test-model"}
    assert result.api_cost_nano == sum(line.cost_nano for line in api_lines(settings)) - paid > 0
    check_books(settings)
    check_seen(settings, api.seen)


def test_a_refresh_may_wait_for_a_budget(tmp_path: Path, database_url: str) -> None:
    """The old file stays meanwhile; the same command finishes it, taking nothing over and asking nothing twice."""
    texts = texts_of(5, 20)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, write_texts(tmp_path, texts), engine())
        before = published(settings)
        source = write_texts(tmp_path, texts_of(40, 20))
        poor = capped(settings, run_usd=Decimal("0.0002"))
        first = run(poor, source, engine(), refresh=True)
        assert first.state == "waiting"
        assert first.waiting.keys() == {"budget"}
        assert_frame_equal(published(settings), before)
        second = run(settings, source, no_engine, refresh=True)
    assert (second.state, second.published) == ("completed", 60)
    assert [row.state for row in table(settings, "partition_versions")] == ["superseded", "published"]
    check_books(settings)
    check_seen(settings, api.seen)
    assert leftovers(settings) == []


def test_data_that_come_later_still_wait_for_what_waits(tmp_path: Path, database_url: str) -> None:
    """Batches that are under way are not thrown away for them: collected and published first, then refreshed again."""
    texts = [*texts_of(0, 10), *texts_of(5)]
    late, later = [*texts, "unsure and late"], [*texts, "unsure and late", "sure and later"]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts)
        collect_until_done(settings, api)
        before = published(settings)
        result = run(settings, write_texts(tmp_path, late), engine(), refresh=True)
        assert (result.state, result.waiting) == ("waiting", {"batch": 1})
        source = write_texts(tmp_path, later)
        again = run(settings, source, no_engine, refresh=True)
        assert (again.state, again.run_id, again.waiting) == ("waiting", None, {"batch": 1})
        assert batch_states(settings) == {"collected": 1, "submitted": 1}
        assert_frame_equal(published(settings), before)
        assert (collect_until_done(settings, api).state, published(settings).height) == ("completed", 16)
        check_books(settings)
        result = run(settings, source, engine(), refresh=True)
    assert (result.state, result.carried, result.published) == ("completed", 16, 17)
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []


def test_the_same_refresh_again_goes_on_with_what_waits(tmp_path: Path, database_url: str) -> None:
    """No record is asked for in a second batch; when the answers are there, collecting publishes the whole day."""
    texts = [f"sure number {number}" for number in range(10)]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        run(settings, write_texts(tmp_path, texts), engine())
        source = write_texts(tmp_path, [*texts, *(f"unsure number {number}" for number in range(6))])
        for local in (engine(), no_engine):
            result = run(settings, source, local, refresh=True)
            assert (result.state, result.waiting) == ("waiting", {"batch": 6})
        assert batch_states(settings) == {"submitted": 1}
        assert collect_until_done(settings, api).published == 16
    check_books(settings)
    check_server(settings, api)
    assert sum(row.carried for row in table(settings, "runs")) == 10
    assert collect(settings).state == "skipped"


def test_a_rerun_gives_up_a_refresh_that_waits(tmp_path: Path, database_url: str) -> None:
    """All of it is inferred again, as asked; what the batch can have cost at most stays in the ledger."""
    texts = [f"sure number {number}" for number in range(10)]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        run(settings, write_texts(tmp_path, texts), engine())
        source = write_texts(tmp_path, [*texts, *texts_of(3)])
        assert run(settings, source, engine(), refresh=True).state == "waiting"
        assert run(settings, source, engine(), rerun=True).state == "waiting"
        assert batch_states(settings) == {"abandoned": 1, "submitted": 1}
        assert collect_until_done(settings, api).published == 13
    assert sum(row.carried for row in table(settings, "runs")) == 10  # of the refresh that was given up
    assert [row.state for row in table(settings, "partition_versions")] == [
        "superseded",
        "abandoned",
        "published",
    ]
    check_sums(settings)
    check_books(settings)
