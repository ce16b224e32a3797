"""One worker's engine is broken: the shards are answered by the others (docs/decisions/0023-shards.md)."""

from pathlib import Path
from threading import Event, Thread

import pytest

from db.shards import MOST_TRIES
from models.errors import BreakevenError, EngineStartError
from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, run, settings_for, write_records
from tests.ledgers import new_sqlite


class BrokenBeside:
    """Loads engines that do not start for a whole run; `helped`: beside a helper whose engine is fine."""

    def __init__(self, settings: Settings, source: Path, *, helped: bool = False) -> None:
        self.settings, self.source = settings, source
        self.loads = 0
        self.engine = ScriptedEngine(handler=self._answer)
        self._helper = Thread(target=self._help) if helped else None
        self._begun, self._broken = Event(), Event()

    def load(self, _: Settings) -> ScriptedEngine:
        """Fail, once the helper has its shard."""
        self.loads += 1
        if self._helper is not None and self.loads == 1:
            self._helper.start()
            assert self._begun.wait(60)
        if self.loads == MOST_TRIES:
            self._broken.set()
        msg = "vLLM cannot load the model: no GPU"
        raise EngineStartError(msg)

    def join(self) -> None:
        """Wait for the helper."""
        if self._helper is not None:
            self._helper.join(60)

    def _help(self) -> None:
        run(self.settings, self.source, self.engine, shard=2)

    def _answer(self, request: Request) -> Reply:
        self._begun.set()
        assert self._broken.wait(60)
        return plausible(request)


def test_an_engine_that_cannot_start_is_not_loaded_for_each_shard(tmp_path: Path) -> None:
    """Three times, on three shards: none of them has failed for good."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    engines = BrokenBeside(settings, write_records(tmp_path / "in.jsonl", good_rows(40)))
    with pytest.raises(BreakevenError, match=r"failed 3 times in a row .*no GPU"):
        run(settings, engines.source, engines.load, shards=5)
    assert engines.loads == MOST_TRIES
    assert [row.tries for row in table(settings, "shards")] == [1, 1, 1, 0, 0]
    assert {row.state for row in table(settings, "shards")} == {"open"}


def test_a_broken_whole_run_leaves_the_shards_to_its_helper(tmp_path: Path) -> None:
    """It spends no shard's tries, and publishes what the other one answered."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    source = write_records(tmp_path / "in.jsonl", good_rows(80))
    engines = BrokenBeside(settings, source, helped=True)
    result = run(settings, source, engines.load, shards=4)
    engines.join()
    assert (result.state, result.published, engines.loads) == ("completed", 80, MOST_TRIES)
    assert len(engines.engine.started) == 80
    check_books(settings)
