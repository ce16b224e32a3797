"""A backfill over a text history: the input is read once, and what is published is what reading it each time gives."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models.settings import Settings
from tasks.reading.text import text_partition
from tasks.reading.text.lines import RawRow
from tasks.reading.text.text_file import TextFile
from tests.integration.backfill.harness import Engines, actions, ask_for, backfill, day, days_of, rows_of
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import CACHE, published, quarantined, settings_for, write_records
from tests.ledgers import new_sqlite

ODD: list[object] = [
    {"id": 2**70, "text": "a large number for an id", "timestamp": str(day(0))},
    {"id": "twice", "text": "first", "timestamp": str(day(1))},
    {"id": "twice", "text": "second", "timestamp": str(day(1))},
    {"id": "list", "text": ["no", "text"], "timestamp": str(day(1))},
    b'{"id": "bytes", "text": "caf\xe9", "timestamp": "2026-11-01"}',
    b'{"id": "open", "text": "',
    {"id": "when", "text": "of any day", "timestamp": "soon"},
]


def settings_in(folder: Path, **more: object) -> Settings:
    """Make settings with a state of their own, but for the vocabularies."""
    (folder / "cache").mkdir(parents=True)
    for path in CACHE.iterdir():
        if path.name != "inputs":
            (folder / "cache" / path.name).symlink_to(path)
    ledger = new_sqlite(folder / "ledger.db")
    return settings_for(folder, ledger, cache_dir=folder / "cache", max_quarantined_share=1.0, **more)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep the rows of small files too, and note each reading of one."""
    found: list[str] = []
    rows = TextFile.rows

    def noted(self: TextFile, wanted: Sequence[str]) -> Iterator[RawRow]:
        found.append(self.path)
        return rows(self, wanted)

    monkeypatch.setattr(text_partition, "_SMALL", -1)
    monkeypatch.setattr(TextFile, "rows", noted)
    return found


def test_a_backfill_reads_its_input_once(tmp_path: Path, readings: list[str]) -> None:
    """Survey, checks and runs of all days take one reading; records, keys, order and quarantine are those of a run that keeps nothing."""
    days = days_of(30, 25, 40)
    rows = [
        *ODD[:3],
        *(row for some in zip(*(days[day(n)][:25] for n in range(3)), strict=True) for row in some),
        *ODD[3:],
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    once, always = settings_in(tmp_path / "once"), settings_in(tmp_path / "always", input_cache_gib=0)
    assert [one.state for one in backfill(ask_for(source, days), once)] == ["done"] * 3
    assert readings == [str(source)]
    assert [one.state for one in backfill(ask_for(source, days), always)] == ["done"] * 3
    kept, plain = published_days(once), published_days(always)
    for mine, other in zip(kept, plain, strict=True):
        assert_frame_equal(mine, other)
    check_books(once)

    readings.clear()
    assert actions(ask_for(source, days), once) == ["nothing"] * 3
    assert readings == []
    write_records(source, [*rows_of(day(1), 2, "late"), *rows])
    engines = Engines()
    backfill(ask_for(source, days), once, engines)
    assert sorted(engines.asked) == ["1102l0", "1102l1"]
    assert len(readings) == 1


def published_days(settings: Settings) -> list[pl.DataFrame]:
    """Return what is published and set aside of each day."""
    return [
        part
        for n in range(3)
        for part in (published(settings, day=day(n)), quarantined(settings, day=day(n)))
    ]
