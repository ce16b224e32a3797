"""The published file is what a refresh takes rows over from: older ones, lost ones, and those of a crash."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import update

from db.tables import PartitionVersionRow
from models.errors import OutputError
from models.settings import Settings
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import ledger, table
from tests.integration.pipeline.harness import good_rows, no_engine, published, run, target
from tests.integration.pipeline.late import check_fresh, publish, refresh

LATE: list[object] = [{"id": "late", "text": "late message"}]


class CrashError(Exception):
    """Stands for a power cut."""


@contextmanager
def crash_after_the_rename(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let publishing crash when the file is renamed and the ledger not told yet."""

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr("db.partitions.publish", crash)
        with pytest.raises(CrashError):
            yield


def records_file(settings: Settings) -> Path:
    """Return the path of the published records."""
    return target(settings) / "records.parquet"


def test_a_file_of_an_older_version_is_inferred_again(settings: Settings, tmp_path: Path) -> None:
    """Neither it nor the ledger tells what its rows answer: every record counts as changed; afterwards both tell."""
    rows = good_rows(20)
    source = publish(settings, tmp_path, rows)
    published(settings).drop("text_hash").write_parquet(records_file(settings))
    with ledger(settings) as session:
        session.execute(update(PartitionVersionRow).values(input_digest=None))
    engine = ScriptedEngine()
    assert run(settings, source, engine, refresh=True).carried == 0
    assert len(engine.started) == 20
    check_fresh(settings, source)
    assert run(settings, source, no_engine, refresh=True).state == "skipped"


def test_an_unknown_input_is_compared_row_by_row(settings: Settings, tmp_path: Path) -> None:
    """Where only the ledger does not tell, the file does: nothing is asked for, and from then on both know."""
    source = publish(settings, tmp_path, good_rows(20))
    with ledger(settings) as session:
        session.execute(update(PartitionVersionRow).values(input_digest=None))
    assert run(settings, source, no_engine, refresh=True).carried == 20
    check_fresh(settings, source)
    assert run(settings, source, no_engine, refresh=True).state == "skipped"


def test_a_row_without_a_hash_is_inferred_again(settings: Settings, tmp_path: Path) -> None:
    """A part of an older version among newer ones leaves such rows."""
    source = publish(settings, tmp_path, good_rows(20))
    file = records_file(settings)
    about = {"fingerprint": pl.read_parquet_metadata(file)["fingerprint"]}
    hashes = pl.when(pl.col("record_key") != "r7").then(pl.col("text_hash")).alias("text_hash")
    published(settings).with_columns(hashes).write_parquet(file, metadata=about)
    engine = ScriptedEngine()
    assert refresh(settings, source, good_rows(21), engine).carried == 19
    assert sorted(engine.started) == ["r20", "r7"]
    check_fresh(settings, source)


def spoil(file: Path, damage: str) -> None:
    """Do to a file what people and disks do."""
    match damage:
        case "deleted":
            file.unlink()
        case "cut":
            file.write_bytes(file.read_bytes()[:-30])
        case "no parquet":
            file.write_text("id,label\n")
        case "another":
            pl.read_parquet(file, hive_partitioning=False).write_parquet(file)


@pytest.mark.parametrize("damage", ["deleted", "cut", "no parquet", "another"])
@pytest.mark.parametrize("changed", [False, True], ids=["same input", "late data"])
def test_a_file_that_cannot_be_used_is_one_clear_line(
    settings: Settings, tmp_path: Path, damage: str, *, changed: bool
) -> None:
    """It says which file, and what to do; nothing was asked for, no run was opened; a rerun makes it good."""
    rows = good_rows(20)
    source = publish(settings, tmp_path, rows)
    file = records_file(settings)
    spoil(file, damage)
    with pytest.raises(OutputError, match="--rerun infers the whole partition again") as caught:
        refresh(settings, source, [*rows, *(LATE if changed else [])], no_engine)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(table(settings, "runs")) == 1
    assert [row.owner for row in table(settings, "leases")] == [None]
    assert run(settings, source, rerun=True).published == 20 + changed
    check_fresh(settings, source)


def test_a_file_whose_middle_is_damaged_fails_the_refresh(settings: Settings, tmp_path: Path) -> None:
    """That shows when rows are read; the run ends with the same line, and what is published stays as it is."""
    rows = good_rows(2000)
    source = publish(settings, tmp_path, rows)
    file = records_file(settings)
    whole = bytearray(file.read_bytes())
    whole[40:4000] = b"\xff" * 3960
    file.write_bytes(whole)
    with pytest.raises(OutputError, match="--rerun infers the whole partition again") as caught:
        refresh(settings, source, [*rows, *LATE], no_engine)
    assert str(file) in str(caught.value)
    assert [row.state for row in table(settings, "runs")] == ["completed", "failed"]
    assert [row.owner for row in table(settings, "leases")] == [None]
    assert file.read_bytes() == whole


def test_a_crash_after_the_rename_does_no_harm(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is newer than the ledger knows: the next refresh publishes the same, or takes rows over from it."""
    rows = good_rows(20)
    source = publish(settings, tmp_path, rows)
    with crash_after_the_rename(monkeypatch):
        refresh(settings, source, [*rows, *LATE])
    assert published(settings).height == 21
    assert run(settings, source, no_engine, refresh=True).published == 21
    check_fresh(settings, source)
    with crash_after_the_rename(monkeypatch):
        refresh(settings, source, [*LATE, *good_rows(30)])
    engine = ScriptedEngine()
    assert refresh(settings, source, [*LATE, *good_rows(31)], engine).carried == 31
    assert engine.started == ["r30"]
    check_fresh(settings, source)


def test_rows_of_other_settings_are_never_taken_over(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun with another seed crashed after its rename: its rows do not pass for those of the published version."""
    rows = good_rows(20)
    source = publish(settings, tmp_path, rows)
    other = settings.model_copy(update={"seed": 1})
    with crash_after_the_rename(monkeypatch):
        run(other, source, rerun=True)
    with pytest.raises(OutputError, match="not the file that was published with these settings"):
        refresh(settings, source, rows, no_engine)
    assert run(other, source, no_engine, rerun=True).published == 20
