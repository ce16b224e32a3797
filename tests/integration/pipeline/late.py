"""What the tests of late data share: a published day, its input changed, and the run that would answer it anew."""

from collections.abc import Callable
from pathlib import Path

from polars.testing import assert_frame_equal

from models.engines.base import LocalEngine
from models.ids import new_id
from models.run import RunResult
from models.settings import Settings
from tests.fakes import Handler, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import (
    leftovers,
    published,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite

Engine = LocalEngine | Callable[[Settings], LocalEngine]


def publish(settings: Settings, tmp_path: Path, rows: list[object], **options: int) -> Path:
    """Publish a day with these rows; return its input."""
    source = write_records(tmp_path / "in.jsonl", rows)
    assert run(settings, source, None, **options).state == "completed"
    return source


def refresh(
    settings: Settings, source: Path, rows: list[object], engine: Engine | None = None, **options: int
) -> RunResult:
    """Change the input to these rows and refresh the day."""
    write_records(source, rows)
    return run(settings, source, engine, refresh=True, **options)


def check_fresh(settings: Settings, source: Path, handler: Handler = plausible, **options: int) -> None:
    """See that what is published is what a run would publish that had never seen another input, and the books add up."""
    folder = settings.output_dir.parent / new_id().hex
    folder.mkdir()
    fresh = settings_for(
        folder, new_sqlite(folder / "ledger.db"), commit_records=1000, max_quarantined_share=1.0
    )
    run(fresh, source, ScriptedEngine(handler=handler), **options)
    assert_frame_equal(published(settings), published(fresh))
    assert_frame_equal(quarantined(settings), quarantined(fresh))
    check_books(settings)
    assert leftovers(settings) == []
