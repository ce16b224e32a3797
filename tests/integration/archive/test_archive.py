"""Lines of old runs leave the ledger for files: each is there once, every sum stays, and damage is found."""

import fcntl
import os
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import archive as archives
from db import ledger, run_queries
from db.archive import Archive
from db.repricing import read_priced_usage
from db.summary import sum_usage
from db.throughput import HistoryFilter, list_earlier_runs
from models.errors import BreakevenError, OutputError, UsageError
from models.ids import new_id
from models.ledger.archiving import ArchiveFileLimits
from models.settings import Settings
from tasks.ledger import archive as files_task
from tasks.ledger.archive import ArchiveFault, archive, find_faults, plan
from tasks.runtime import atomic_files
from tests.integration.archive.old_ledger import (
    OLD,
    TODAY,
    add_run,
    archived,
    everything,
    few,
    files,
    fill,
    kept,
    named_files,
    set_run,
    settings_of,
    start,
    transaction,
)

MONTHS = 3


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Give settings with a database and an archive folder of the test's own: on SQLite, then on PostgreSQL."""
    return settings_of(tmp_path, database_url)


def do(settings: Settings, limits: ArchiveFileLimits | None = None) -> list[Archive]:
    """Archive what is older than three months."""
    done: list[Archive] = []
    archive(settings, plan(settings, MONTHS, TODAY, limits), settings.archive_dir, done.append)
    return done


def found_faults(settings: Settings) -> list[ArchiveFault]:
    """Check the archives."""
    with transaction(settings) as session:
        return list(find_faults(session, settings))


def sums(settings: Settings) -> object:
    """Ask for every sum that the commands know."""
    like = HistoryFilter("sentiment", "f", "small", "A10G", "gpt-4o-mini")
    with transaction(settings) as session:
        listed = [{**row, "archive_id": None} for row in run_queries.list_runs(session)]
        by = ("workload", "engine", "model", "route", "day", "month")
        views = [
            sorted(map(repr, session.execute(text(f"SELECT * FROM {name}"))))  # noqa: S608
            for name in ("usage_daily", "usage_monthly")
        ]
        figures = list_earlier_runs(session, like)
        assert len(figures) > 5
        return (
            sum_usage(session, by),
            read_priced_usage(session, by),
            listed,
            views,
            figures,
        )


def test_old_lines_move_and_every_sum_stays(settings: Settings) -> None:
    """Only whole runs that ended and are old all through go; each line is once in the ledger or in a file, as it was."""
    names = fill(settings)
    before, sums_before = everything(settings), sums(settings)
    done = do(settings)
    assert everything(settings) == before
    assert set(before.values()) == {1}
    assert sums(settings) == sums_before
    gone = {one.run_id for one in archived(files(settings))}
    assert gone == {names[name] for name in ("old 0", "old 1", "old 2", "failed")}
    assert {one.run_id for one in kept(settings)} == set(names.values()) - gone - {names["empty"]}
    assert [(Path(one.path).parent.name, one.lines) for one in done] == [
        ("month=2026-04", 18),
        ("month=2026-05", 18),
    ]
    assert [Path(one.path) for one in done] == files(settings) == named_files(settings)
    assert found_faults(settings) == []
    assert (done[0].first_at, done[0].last_at) == (OLD, OLD + timedelta(hours=1, milliseconds=2))
    with transaction(settings) as session:
        listed = ledger.list_lines(session)
    assert {row["run_id"] for row in listed} == {one.run_id for one in kept(settings)}
    assert plan(settings, MONTHS, TODAY) == []
    assert do(settings) == []


def test_a_file_can_be_read_without_the_ledger(settings: Settings) -> None:
    """It has the names that numbers stand for, ids as people write them, and times in UTC."""
    few(settings)
    do(settings)
    frame = pl.read_parquet(settings.archive_dir / "**" / "*.parquet", hive_partitioning=True)
    assert set(frame["month"]) == {"2026-04", "2026-05"}
    assert frame.select(pl.col("workload", "prompt_version").n_unique()).row(0) == (1, 1)
    assert set(frame.select("provider", "model").iter_rows()) == {
        ("vllm", "small"),
        ("openai", "gpt-4o-mini"),
    }
    assert str(UUID(frame["id"][0])) == frame["id"][0]
    assert frame.schema["at"] == pl.Datetime("us", "UTC")


def test_files_have_a_size(settings: Settings) -> None:
    """A limit of lines or runs makes more files; a run is never torn apart."""
    fill(settings)
    before = everything(settings)
    done = do(settings, ArchiveFileLimits(lines=10, runs=1))
    assert [one.lines for one in done] == [9, 9, 9, 9]
    assert everything(settings) == before


def test_a_month_is_asked_for(settings: Settings) -> None:
    """How old is old enough is counted in months back from today."""
    fill(settings)
    assert plan(settings, 7, TODAY) == []
    assert [one.month for one in plan(settings, 6, TODAY)] == [date(2026, 4, 1), date(2026, 5, 1)]
    assert [one.lines for one in plan(settings, 6, TODAY)] == [18, 18]


def changed(path: Path) -> None:
    """Change a byte."""
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


DAMAGES: tuple[tuple[Callable[[Path], object], list[str]], ...] = (
    (Path.unlink, ["the file cannot be read: No such file or directory"]),
    (changed, ["the file is not the one that was written"]),
    (
        lambda path: pl.read_parquet(path).head(1).write_parquet(path),
        ["the file is not the one that was written", "the file has 1 lines, it was written with 9"],
    ),
    (lambda path: path.write_bytes(b"x"), ["is not the one that was written", "the file cannot be read"]),
)


def test_a_file_that_is_not_what_it_was_is_found(settings: Settings) -> None:
    """Missing, changed, shortened or no Parquet at all: each fault names the archive and says what is wrong."""
    few(settings)
    first = Path(do(settings)[0].path)
    whole = first.read_bytes()
    for damage, what in DAMAGES:
        first.write_bytes(whole)
        assert found_faults(settings) == []
        damage(first)
        found = found_faults(settings)
        assert {one.path for one in found} == {str(first)}
        for words in what:
            assert any(words in one.what for one in found)


def test_lines_that_are_doubled_or_short_are_found(settings: Settings) -> None:
    """A line that is here and in a file, and an archive whose number of lines is not that of its runs."""
    few(settings)
    do(settings)
    with transaction(settings) as session:
        (first, _) = archives.list_archives(session)
        back = archived([Path(first.archive.path)])[:2]
        ledger.insert_lines(session, back)
    assert {one.what for one in found_faults(settings)} == {
        "2 lines of its runs are in the ledger as well",
        "its runs had 11 lines, it was written with 9",
    }


def test_a_moved_folder_is_found_by_its_setting(settings: Settings, tmp_path: Path) -> None:
    """Archives that were moved together are where the setting says."""
    few(settings)
    do(settings)
    settings.archive_dir.rename(tmp_path / "elsewhere")
    assert len(found_faults(settings)) == 2
    assert found_faults(settings.model_copy(update={"archive_dir": tmp_path / "elsewhere"})) == []


def test_what_the_rollup_does_not_know_is_not_archived(settings: Settings) -> None:
    """Lines that are not what their run's daily sums say stay, and so does everything else; no file is left."""
    few(settings)
    before = everything(settings)
    with transaction(settings) as session:
        session.execute(
            text("UPDATE daily_usage SET cost_nano = cost_nano + 1 WHERE attempts > 2 AND engine = 'openai'")
        )
    with pytest.raises(
        BreakevenError,
        match="not what its rollup says; nothing of it was archived: run `breakeven ledger check`",
    ):
        do(settings)
    assert everything(settings) == before
    assert files(settings) == []


def test_a_run_that_changes_meanwhile_stays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken up again after its lines were written to a file, it keeps them, and the file goes."""
    _, changing = few(settings)
    before = everything(settings)
    digest = atomic_files.file_digest

    def meanwhile(path: Path) -> bytes:
        with transaction(settings) as session:
            set_run(session, changing, state="running")
        return digest(path)

    monkeypatch.setattr(files_task, "file_digest", meanwhile)
    with pytest.raises(BreakevenError, match="have changed meanwhile; their lines stay in the ledger"):
        do(settings)
    assert everything(settings) == before
    assert files(settings) == named_files(settings)
    assert len(files(settings)) == 1


def test_a_commit_that_nobody_saw_counts_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is lost at the commit, which took place: trying again finds it done."""
    few(settings)
    before = everything(settings)
    seal, calls = archives.seal, []

    def lost(session: Session, sealed: Archive, run_ids: Sequence[UUID]) -> bool:
        calls.append(sealed.id)
        done = seal(session, sealed, run_ids)
        if len(calls) == 1:
            session.commit()
            raise DBAPIError(None, None, Exception("gone"), connection_invalidated=True)
        return done

    monkeypatch.setattr(archives, "seal", lost)
    assert len(do(settings)) == 2
    assert len(calls) == 3
    assert everything(settings) == before
    assert found_faults(settings) == []


def test_leftovers_of_this_ledger_go_and_others_stay(settings: Settings) -> None:
    """An unfinished file, and one whose lines are all here, are removed; another ledger's or a lost one's are not."""
    few(settings)
    do(settings)
    (first, second) = named_files(settings)
    mark = first.name.removeprefix("lines-")[:8]
    unfinished = first.with_name(f"lines-{mark}-{new_id()}.parquet.tmp")
    foreign = first.with_name(f"lines-00000000-{new_id()}.parquet.tmp")
    other = first.with_name("notes.txt")
    lost = first.with_name(f"lines-{mark}-{new_id()}.parquet")
    for path in (unfinished, foreign, other):
        path.write_bytes(b"x")
    pl.read_parquet(first).with_columns(run_id=pl.lit(str(new_id()))).write_parquet(lost)
    doubled = first.with_name(f"lines-{mark}-{new_id()}.parquet")
    with transaction(settings) as session:
        run = add_run(session, 20, OLD).run
    pl.read_parquet(first).with_columns(run_id=pl.lit(str(run))).write_parquet(doubled)
    do(settings)
    assert not unfinished.exists()
    assert not doubled.exists()
    assert {first, second, foreign, other, lost} <= set(files(settings))
    assert found_faults(settings) == []


def test_files_of_a_ledger_that_was_lost_stay(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the only copy of their lines: a new ledger at the same place leaves them alone."""
    monkeypatch.setattr(files_task, "_mark", lambda _: "12345678")
    lost = settings.model_copy(update={"database_url": SecretStr(f"sqlite:///{tmp_path / 'lost.db'}")})
    few(lost)
    do(lost)
    old = files(lost)
    few(settings)
    do(settings)
    assert set(old) < set(files(settings))
    assert found_faults(lost) == found_faults(settings) == []


@pytest.mark.both_databases
def test_two_do_not_archive_at_once(settings: Settings) -> None:
    """The second stops with one line; nothing is changed by it."""
    few(settings)
    settings.archive_dir.mkdir()
    descriptor = os.open(settings.archive_dir / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="another process archives to"):
        do(settings)
    os.close(descriptor)
    assert len(do(settings)) == 2


def test_a_folder_that_cannot_be_written_is_named(settings: Settings) -> None:
    """With the setting that chose it."""
    few(settings)
    settings.archive_dir.write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError, match="BREAKEVEN_ARCHIVE_DIR"):
        do(settings)


def test_an_empty_ledger_has_nothing_to_archive(settings: Settings) -> None:
    """No file, no folder, no error."""
    start(settings)
    assert do(settings) == []
