"""What a run leaves behind adds up: records, lines, GPU time and money (I1, I7, I8, I10, I11)."""

from pathlib import Path

from models.settings import Settings
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    leftovers,
    mixed_rows,
    published,
    quarantined,
    run,
    write_records,
)


def test_an_undisturbed_run_adds_up(settings: Settings, tmp_path: Path) -> None:
    """Every row of the input is published or quarantined, and the ledger's sums are exact."""
    rows = mixed_rows(600, seed=1)
    engine = ScriptedEngine()
    result = run(settings, write_records(tmp_path / "in.jsonl", rows), engine)
    assert result.published + result.quarantined == len(rows)
    assert (published(settings).height, quarantined(settings).height) == (
        result.published,
        result.quarantined,
    )
    check_books(settings)
    assert leftovers(settings) == []
    assert len(engine.started) + result.reused == result.published
    (row,) = table(settings, "runs")
    assert row.state == "completed"
    assert row.busy_ns > 0
