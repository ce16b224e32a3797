"""A partition that an earlier release has cut, which dealt out rows in another way, is published by the same command (docs/shards.md)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import pytest

from models.errors import BreakevenError, OutputError
from models.settings import Settings
from models.shards import Share, share_of
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    any_share,
    good_rows,
    leftovers,
    published,
    quarantined,
    run,
    settings_for,
    write_records,
)
from tests.integration.pipeline.test_shards import failing
from tests.ledgers import new_sqlite

ANSWERED = 170
Deal = Callable[[Share, Sequence[str], Sequence[int | None]], list[int]]


def to_another(share: Share, keys: Sequence[str], hashes: Sequence[int | None]) -> list[int]:
    """Give rows that are set aside to other shards than now."""
    numbers = [
        crc32(key.encode()) + 1 if hash_ is None else hash_ for key, hash_ in zip(keys, hashes, strict=True)
    ]
    return [place for place, number in enumerate(numbers) if number % share.shards == share.shard - 1]


def to_none(share: Share, _keys: Sequence[str], hashes: Sequence[int | None]) -> list[int]:
    """Give rows that are set aside to no shard that was begun."""
    return [
        place
        for place, hash_ in enumerate(hashes)
        if hash_ is not None and hash_ % share.shards == share.shard - 1
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make the settings of a test whose input has many bad rows."""
    return any_share(settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db")))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write records, some of which are set aside."""
    bad = [{"id": f"bad{number}", "text": None} for number in range(30)]
    return write_records(tmp_path / "in.jsonl", [*bad, *good_rows(300), *bad])


def begin(settings: Settings, source: Path, deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer one shard and a part of the other, as the earlier release does."""
    with monkeypatch.context() as before:
        before.setattr(Share, "places", deal)
        with pytest.raises(BreakevenError, match="failed"):
            run(settings, source, failing(ANSWERED, 0), shards=2)
    assert sorted(row.state for row in table(settings, "shards")) == ["done", "failed"]


def check(settings: Settings, last: ScriptedEngine) -> None:
    """See that every row is published once, and none was asked for twice."""
    assert (published(settings).height, quarantined(settings).height) == (300, 60)
    assert len(last.started) == 300 - ANSWERED
    assert leftovers(settings) == []
    check_books(settings)


def test_rows_in_another_shard(settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version takes over what was answered."""
    begin(settings, source, to_another, monkeypatch)
    last = ScriptedEngine()
    assert run(settings, source, last, shards=2).carried == ANSWERED
    check(settings, last)


def test_rows_in_no_shard(settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are missed at the end, which says what to do; then the same command reads all shards again."""
    begin(settings, source, to_none, monkeypatch)
    last = ScriptedEngine()
    with pytest.raises(OutputError, match=r"of 360 rows.*the same command reads them again"):
        run(settings, source, last, shards=2)
    assert run(settings, source, shards=2).state == "completed"
    check(settings, last)


@pytest.mark.parametrize("name", ["", "shard-", "shard-1-of-", "shard-x-of-2", "parts", "1-of-2"])
def test_other_folders_are_no_shards(name: str) -> None:
    """Only a folder of a shard is read as one."""
    assert share_of(name) is None
    assert share_of(Share(3, 16).folder) == Share(3, 16)
