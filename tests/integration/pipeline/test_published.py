"""A partition that is published stays as it is, until someone says `rerun`."""

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from models.errors import EngineDied, UsageError
from models.settings import Settings
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    good_rows,
    leftovers,
    no_engine,
    published,
    quarantined,
    run,
    write_records,
)


def test_it_is_not_run_again(settings: Settings, tmp_path: Path) -> None:
    """The same run again is skipped: no engine, no run, no line, the same file."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    first = run(settings, source)
    before = published(settings)
    again = run(settings, source, no_engine)
    assert (again.state, again.output, again.run_id) == ("skipped", first.output, None)
    assert_frame_equal(published(settings), before)
    assert len(table(settings, "runs")) == 1
    assert [row.owner for row in table(settings, "leases")] == [None]


@pytest.mark.parametrize("change", [{"seed": 1}, {"model": "someone/another-model"}], ids=["seed", "model"])
def test_other_settings_are_an_error_that_names_rerun(
    settings: Settings, tmp_path: Path, change: dict[str, object]
) -> None:
    """Nothing is replaced silently; the lease is free again, so that a rerun can follow, which replaces it."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    run(settings, source)
    other = settings.model_copy(update=change)
    with pytest.raises(UsageError, match="--rerun replaces it") as caught:
        run(other, source, no_engine)
    assert caught.value.exit_code == 2
    assert [row.owner for row in table(settings, "leases")] == [None]

    engine = ScriptedEngine()
    assert run(other, source, engine, rerun=True).published == 30
    assert len(engine.started) == 30
    assert [row.state for row in table(settings, "partition_versions")] == ["superseded", "published"]
    check_books(settings)
    assert leftovers(settings) == []


def test_a_rerun_replaces_records_and_quarantine(settings: Settings, tmp_path: Path) -> None:
    """What was set aside before does not stand beside records that no longer know it."""
    source = write_records(tmp_path / "in.jsonl", [*good_rows(20), {"id": "bad", "text": None}])
    run(settings, source)
    assert quarantined(settings).height == 1
    write_records(source, good_rows(25))
    assert run(settings, source, rerun=True).published == 25
    assert (published(settings).height, quarantined(settings).height) == (25, 0)
    check_books(settings)


def test_parts_of_abandoned_settings_go(settings: Settings, tmp_path: Path) -> None:
    """A half-done run under other settings is given up, and its files with it."""
    source = write_records(tmp_path / "in.jsonl", good_rows(100))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=50))
    assert leftovers(settings)
    assert run(settings.model_copy(update={"seed": 1}), source).published == 100
    assert [row.state for row in table(settings, "partition_versions")] == ["abandoned", "published"]
    assert leftovers(settings) == []
