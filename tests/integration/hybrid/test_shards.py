"""A partition in shards whose records go on to the API: the whole run asks, once its shards are done (docs/decisions/0023-shards.md)."""

from pathlib import Path
from threading import Thread

import pytest

from models.errors import BreakevenError, EngineStartError
from models.settings import Settings
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import batch_settings, batch_states, check_server, steps
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, collect, hybrid_settings, routes
from tests.integration.hybrid.test_engine_fails import never_starts
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, leftovers, published, run, write_records
from tests.integration.pipeline.test_broken_shards import BrokenBeside
from tests.ledgers import new_sqlite


def test_what_shards_are_unsure_of_is_asked_by_the_whole_run(tmp_path: Path, database_url: str) -> None:
    """The answers are those of an unsharded run; an API that is away does not make the shards be answered again."""
    source = write_records(tmp_path / "in.jsonl", good_rows(120))
    engine = ScriptedEngine(handler=unsure("number 1"))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, budget={"run_usd": "0"})
        early = run(settings, source, engine, shards=3)
        assert (early.state, early.waiting) == ("waiting", {"budget": 31})
        assert api.seen == []
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, engine, shards=3)
    assert (result.state, result.published) == ("completed", 120)
    assert len(engine.started) == 120
    assert routes(table(settings, "ledger_lines")) == {
        "vllm:ok:None": 89,
        "vllm:escalated:low_confidence": 31,
        "openai:ok:low_confidence": 31,
    }
    whole = {row.id for row in table(settings, "runs") if row.shard is None}
    assert {line.run_id for line in api_lines(settings)} <= whole
    served = published(settings)
    assert served.get_column("id").to_list() == [f"r{number}" for number in range(120)]
    assert served.filter(served["engine"] == "openai").height == 31
    check_books(settings)
    check_seen(settings, api.seen)
    assert leftovers(settings) == []


def test_batches_are_made_once_for_all_shards(tmp_path: Path, database_url: str) -> None:
    """They are as large as those of one run, and collecting publishes the partition."""
    source = write_records(tmp_path / "in.jsonl", good_rows(40))
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=unsure("number 1")), shards=4)
        assert (result.state, result.published, result.waiting) == ("waiting", 29, {"batch": 11})
        assert [batch.requests for batch in table(settings, "batches")] == [10, 1]
        steps(api)
        result = collect(settings)
    assert (result.state, result.published) == ("completed", 40)
    assert batch_states(settings) == {"collected": 2}
    check_books(settings)
    check_server(settings, api)
    assert leftovers(settings) == []


def test_a_shard_that_fails_leaves_the_api_unasked(tmp_path: Path, database_url: str) -> None:
    """Nothing is sent before all shards are done: their records wait in the parts."""
    source = write_records(tmp_path / "in.jsonl", good_rows(60))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        dying = [ScriptedEngine(handler=unsure("number 1"), dies_after=40), ScriptedEngine(dies_after=0)]
        with pytest.raises(BreakevenError, match="failed"):
            run(settings, source, lambda _: dying.pop(0) if len(dying) > 1 else dying[0], shards=2)
        assert api.seen == []
        run(settings, source, ScriptedEngine(handler=unsure("number 1")), shards=2)
    check_books(settings)
    check_seen(settings, api.seen)


FAILS_TO_API: dict[str, object] = {"engine_fails": "api", "escalate": []}


def test_the_api_gets_nothing_that_others_answer(tmp_path: Path) -> None:
    """The whole run's engine is broken and its helper's is not."""
    source = write_records(tmp_path / "in.jsonl", good_rows(80))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, FAILS_TO_API)
        engines = BrokenBeside(settings, source, helped=True)
        result = run(settings, source, engines.load, shards=4)
        engines.join()
    assert (result.state, result.published, result.escalated, api.seen) == ("completed", 80, 0, [])
    check_books(settings)


def test_a_broken_helper_sends_nothing_to_the_api(tmp_path: Path) -> None:
    """It stops at its first shard, and the whole run answers that as well."""
    source = write_records(tmp_path / "in.jsonl", good_rows(80))
    engine, ends = ScriptedEngine(), list[str]()

    def help_out() -> None:
        with pytest.raises(EngineStartError) as failed:
            run(settings, source, never_starts, shard=2)
        ends.append(str(failed.value))

    def load(_: Settings) -> ScriptedEngine:
        helper = Thread(target=help_out)
        helper.start()
        helper.join(60)
        return engine

    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, FAILS_TO_API)
        result = run(settings, source, load, shards=4)
    assert (result.state, result.published, result.escalated, api.seen) == ("completed", 80, 0, [])
    assert len(ends) == 1
    assert len(engine.started) == 80


def test_the_api_gets_all_where_nobody_else_is_at_work(tmp_path: Path) -> None:
    """As without shards, after the tries that a worker has."""
    source = write_records(tmp_path / "in.jsonl", good_rows(80))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, FAILS_TO_API)
        result = run(settings, source, never_starts, shards=4)
    assert (result.state, result.published, result.escalated, len(api.seen)) == ("completed", 80, 80, 80)
    check_books(settings)
    check_seen(settings, api.seen)
