"""SQLite's file deleted, moved, replaced or damaged under a run: one line that says what is kept, and never "completed"."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from db import ledger_file
from models.errors import BreakevenError, LedgerLost
from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import good_rows, no_engine, run, settings_for, target, write_records

RECORDS = 200
GARBAGE = b"\xde\xad\xbe\xef" * 1024


def deleted(ledger: Path) -> None:
    """Clear up."""
    ledger.unlink()


def all_deleted(ledger: Path) -> None:
    """Clear up with what SQLite lays beside it."""
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()


def replaced(ledger: Path) -> None:
    """Put a copy in its place, as a synchronising tool does."""
    shutil.copy(ledger, ledger.with_name("copy"))
    ledger.with_name("copy").replace(ledger)


def replaced_by_another(ledger: Path) -> None:
    """Put an empty database in its place."""
    with sqlite3.connect(ledger.with_name("other")) as other:
        other.execute("CREATE TABLE t (x)")
    ledger.with_name("other").replace(ledger)


def moved(ledger: Path) -> None:
    """Give the folder another name."""
    ledger.parent.rename(ledger.parent.with_name("elsewhere"))


def moved_and_made_anew(ledger: Path) -> None:
    """Give the folder another name, and make an empty one."""
    moved(ledger)
    ledger.parent.mkdir()


def emptied(ledger: Path) -> None:
    """Do `> ledger.db`."""
    os.truncate(ledger, 0)


def cut_in_half(ledger: Path) -> None:
    """Copy over it, and end early."""
    os.truncate(ledger, ledger.stat().st_size // 2)


def overwritten(ledger: Path) -> None:
    """Put garbage all over it, of the same length."""
    _overwrite(ledger, 0, ledger.stat().st_size)


def overwritten_behind_its_head(ledger: Path) -> None:
    """Leave the first page as it is, and none of the others."""
    _overwrite(ledger, 4096, ledger.stat().st_size)


def overwritten_by_less(ledger: Path) -> None:
    """Save a text file under its name."""
    os.truncate(ledger, 0)
    _overwrite(ledger, 0, len(GARBAGE))


def another_leads_there(ledger: Path) -> None:
    """Put a link in its place, to a copy of it."""
    shutil.copy(ledger, ledger.with_name("copy"))
    ledger.unlink()
    ledger.symlink_to("copy")


def wal_deleted(ledger: Path) -> None:
    """Take it for a temporary file."""
    ledger.with_name("ledger.db-wal").unlink()


def wal_and_shm_deleted(ledger: Path) -> None:
    """Take both for temporary files."""
    for end in ("-wal", "-shm"):
        ledger.with_name(f"ledger.db{end}").unlink()


def wal_overwritten(ledger: Path) -> None:
    """Put garbage into what was committed last."""
    wal = ledger.with_name("ledger.db-wal")
    _overwrite(wal, 0, wal.stat().st_size)


def _overwrite(path: Path, start: int, end: int) -> None:
    """Write garbage without opening the file in this process, whose locks would go with it."""
    script = f"f=open({str(path)!r},'r+b');f.seek({start});f.write({GARBAGE!r}*({end - start}//{len(GARBAGE)}+1));f.truncate({end})"
    pid = os.fork()
    if pid == 0:
        exec(script)  # noqa: S102  another process
        os._exit(0)
    os.waitpid(pid, 0)


MISCHIEF = (
    deleted,
    all_deleted,
    replaced,
    replaced_by_another,
    moved,
    moved_and_made_anew,
    emptied,
    cut_in_half,
    overwritten,
    overwritten_behind_its_head,
    overwritten_by_less,
    another_leads_there,
    wal_deleted,
    wal_and_shm_deleted,
    wal_overwritten,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a ledger in a folder of its own, which holds an earlier run."""
    (tmp_path / "own").mkdir()
    made = settings_for(
        tmp_path,
        f"sqlite:///{tmp_path / 'own' / 'ledger.db'}",
        database_patience_seconds=2.0,
        lease_seconds=2.0,
    )
    run(made, write_records(tmp_path / "first.jsonl", good_rows(30)))
    return made


def doing(what: Callable[[Path], None], ledger: Path, at: int) -> ScriptedEngine:
    """Make an engine that does mischief at a request."""
    asked = 0

    def answer(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == at:
            what(ledger)
        return plausible(request)

    return ScriptedEngine(handler=answer)


def patient(settings: Settings) -> Settings:
    """Wait for the lease that could not be given back."""
    return settings.model_copy(update={"lease_wait_seconds": 30.0})


@pytest.mark.parametrize("at", [RECORDS // 2, RECORDS], ids=["half-way", "last"])
@pytest.mark.parametrize("what", MISCHIEF)
def test_a_run_that_lost_its_ledger_never_says_completed(
    settings: Settings, tmp_path: Path, what: Callable[[Path], None], at: int
) -> None:
    """Half-way or at the last record: one line, which says what is kept; what was published before stays."""
    before = (target(settings) / "records.parquet").read_bytes()
    source = write_records(tmp_path / "in.jsonl", good_rows(RECORDS))
    with pytest.raises(BreakevenError, match=r"kept|put it back|may be lost") as caught:
        run(settings, source, doing(what, tmp_path / "own" / "ledger.db", at), rerun=True)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, LedgerLost), caught.value
    assert (target(settings) / "records.parquet").read_bytes() == before
    if what in (deleted, all_deleted, moved):
        assert not (tmp_path / "own" / "ledger.db").exists()  # no empty one is made in its place


def test_a_folder_that_comes_back_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    """Moved away and back: the next run goes on with what was committed."""
    source = write_records(tmp_path / "in.jsonl", good_rows(RECORDS))
    with pytest.raises(LedgerLost, match="moved away"):
        run(settings, source, doing(moved, tmp_path / "own" / "ledger.db", RECORDS // 2), rerun=True)
    (tmp_path / "elsewhere").rename(tmp_path / "own")
    kept = len(table(settings, "ledger_lines")) - 30
    assert kept > 0
    engine = ScriptedEngine()
    assert run(patient(settings), source, engine, rerun=True).published == RECORDS
    assert len(engine.started) == RECORDS - kept
    check_books(settings)


def test_a_deleted_wal_is_written_into_the_ledger(settings: Settings, tmp_path: Path) -> None:
    """What was committed is kept, since the run still has it open: the line says so, and the next run goes on."""
    source = write_records(tmp_path / "in.jsonl", good_rows(RECORDS))
    with pytest.raises(LedgerLost, match="has been written into the ledger itself and is kept"):
        run(settings, source, doing(wal_deleted, tmp_path / "own" / "ledger.db", RECORDS // 2), rerun=True)
    kept = len(table(settings, "ledger_lines")) - 30
    assert kept > 0
    engine = ScriptedEngine()
    assert run(patient(settings), source, engine, rerun=True).published == RECORDS
    assert len(engine.started) == RECORDS - kept
    check_books(settings)


def test_a_large_ledger_is_asked_for_the_own_rows_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read whole; lines of the run that are gone are found all the same."""
    monkeypatch.setattr(ledger_file, "MOST_CHECKED_BYTES", 0)
    ledger = tmp_path / "own" / "ledger.db"
    source = write_records(tmp_path / "in.jsonl", good_rows(RECORDS))

    def lose_lines(_: Path) -> None:
        with sqlite3.connect(ledger) as db:
            db.execute(
                "DELETE FROM ledger_lines WHERE run_id = (SELECT id FROM runs WHERE state = 'running')"
            )

    with pytest.raises(LedgerLost, match="lines of the run where"):
        run(settings, source, doing(lose_lines, ledger, RECORDS), rerun=True)
    assert run(settings, write_records(tmp_path / "again.jsonl", good_rows(40)), rerun=True).published == 40


def test_a_reader_goes_on_with_a_ledger_that_was_put_back(settings: Settings, tmp_path: Path) -> None:
    """Who only reads takes the file that lies there: a copy that was put back is no fault."""
    assert len(table(settings, "runs")) == 1
    replaced(tmp_path / "own" / "ledger.db")
    assert len(table(settings, "runs")) == 1
    assert run(settings, tmp_path / "first.jsonl", no_engine).state == "skipped"
