"""A partition in shards whose records go on to the API: the whole run asks, once its shards are done (docs/decisions/0023-shards.md)."""

from pathlib import Path

import pytest

from models.errors import BreakevenError
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import batch_settings, batch_states, check_server, steps
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, collect, hybrid_settings, routes
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, leftovers, published, run, write_records


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
