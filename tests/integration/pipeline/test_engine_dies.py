"""An engine that dies in mid-stream: what had finished is kept, the rest is for the next run (I1, I8, I10)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from models.errors import EngineDied
from models.requests import Request
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    any_share,
    good_rows,
    leftovers,
    mixed_rows,
    no_engine,
    published,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite


def test_what_had_finished_is_kept(settings: Settings, tmp_path: Path) -> None:
    """All 130 answers are committed, the run is closed with one line, and the next run answers only the rest."""
    source = write_records(tmp_path / "in.jsonl", good_rows(300))
    settings = settings.model_copy(update={"commit_records": 50})
    with pytest.raises(EngineDied, match="died after 130 answers"):
        run(settings, source, ScriptedEngine(dies_after=130))
    (row,) = table(settings, "runs")
    assert (row.state, row.error) == ("failed", "the scripted engine died after 130 answers")
    assert row.ended_at is not None
    assert row.published == len(table(settings, "ledger_lines")) == 130
    assert [lease.owner for lease in table(settings, "leases")] == [None]

    second = ScriptedEngine()
    result = run(settings, source, second)
    assert (len(second.started), result.published) == (170, 300)
    check_books(settings)
    assert len(table(settings, "ledger_lines")) == 300
    assert leftovers(settings) == []


def test_the_dead_engine_is_replaced(settings: Settings, tmp_path: Path) -> None:
    """Runs that share an engine, as at night, get a new one after it died."""
    source = write_records(tmp_path / "in.jsonl", good_rows(60))
    engines = [ScriptedEngine(dies_after=10), ScriptedEngine()]
    loaded = iter(engines)
    with shared_engine(settings, lambda _: next(loaded)):
        with pytest.raises(EngineDied):
            run(settings, source)
        assert run(settings, source).published == 60
    assert [engine.closed for engine in engines] == [True, True]
    check_books(settings)


def test_answers_are_reused_after_a_restart(settings: Settings, tmp_path: Path) -> None:
    """A text that an earlier run answered is not inferred again, though its record is another one (I11)."""
    twins: list[object] = [
        {"id": f"twin{number}", "text": f"message number {number}"} for number in range(30)
    ]
    source = write_records(tmp_path / "in.jsonl", [*good_rows(30), *twins])
    first = ScriptedEngine(size=1, lookahead=1, dies_after=20)
    with pytest.raises(EngineDied):
        run(settings, source, first)
    second = ScriptedEngine()
    result = run(settings, source, second)
    assert (len(second.started), result.reused) == (10, 30)
    check_books(settings)


def test_time_that_no_record_carries_is_not_lost(settings: Settings, tmp_path: Path) -> None:
    """An engine that loads and dies before its first answer has cost money: the run says so, unallocated."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(load_seconds=0.2, dies_after=0))
    (row,) = table(settings, "runs")
    assert row.load_ns >= 200_000_000
    assert row.unallocated_nano == row.gpu_cost_nano >= 0.2 / 3600 * 1.006e9
    run(settings, source)
    check_books(settings)


def test_a_run_of_rejections_carries_its_load(settings: Settings, tmp_path: Path) -> None:
    """When every request is rejected, the run completes, and its GPU time is unallocated."""

    def refuse(_: Request) -> Reply:
        return Reply(rejection="refused", detail="no")

    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    result = run(any_share(settings), source, ScriptedEngine(handler=refuse, load_seconds=0.1))
    assert (result.published, result.quarantined) == (0, 30)
    assert published(settings).height == 0
    (row,) = table(settings, "runs")
    assert row.state == "completed"
    assert row.load_ns >= 100_000_000
    assert row.unallocated_nano == row.gpu_cost_nano > 0
    check_books(settings)


@hypothesis_settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    deaths=st.lists(st.integers(0, 60), max_size=3),
    commit=st.integers(5, 70),
    size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_any_deaths_come_to_the_same(
    make_url: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    deaths: list[int],
    commit: int,
    size: int,
    seed: int,
) -> None:
    """Wherever the engine dies, however often: the same output as in one go, and books that add up."""
    folder = tmp_path_factory.mktemp("deaths")
    source = write_records(folder / "in.jsonl", mixed_rows(60, seed))
    undisturbed = settings_for(folder / "once", new_sqlite(folder / "once.db"), commit_records=1000)
    once = ScriptedEngine()
    run(undisturbed, source, once)

    settings = settings_for(folder / "often", make_url(), commit_records=commit)
    started = 0
    for death in deaths:
        engine = ScriptedEngine(size=size, dies_after=death)
        try:
            run(settings, source, engine)
        except EngineDied:
            assert engine.answered == death
        started += len(engine.started)
    last = ScriptedEngine(size=size)
    run(settings, source, last)
    assert (
        started + len(last.started) <= len(once.started) + len(deaths) * size
    )  # only what was in flight is repeated
    assert_frame_equal(published(settings), published(undisturbed))
    assert_frame_equal(quarantined(settings), quarantined(undisturbed))
    check_books(settings)
    assert leftovers(settings) == []
    assert run(settings, source, no_engine).state == "skipped"
