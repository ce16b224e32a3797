"""A live lease is never stolen: by a machine of the same name, by one whose clock is off, or after a jump of the clock (I9)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from sqlalchemy import select, update

from db import leases, sqlite
from db.dialects import clock
from db.tables import LeaseRow
from models.errors import PartitionLocked, UsageError
from models.settings import Settings
from tasks.runtime.lease import take_lease
from tasks.runtime.ledger_access import connect_ledger
from tests.integration.pipeline.books import ledger, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    no_engine,
    run,
    settings_for,
    write_records,
)

PROJECT = Path(__file__).resolve().parents[3]
OWNER = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from models.settings import Settings
from tasks.runtime import lease
from tasks.runtime.ledger_access import connect_ledger
from tasks.runtime.leased_ledger import LeasedLedger, hold_lease
from tests.integration.pipeline.harness import DAY, WORKLOAD
url, boot, seconds = sys.argv[1:]
if boot:
    lease._BOOT = Path(boot)
    lease.os.getpid = lambda: 2**22 + 9
settings = Settings(database_url=SecretStr(url), lease_seconds=float(seconds))
sessions = connect_ledger(settings)
held = lease.take_lease(sessions, WORKLOAD, DAY, settings)
with hold_lease(LeasedLedger(sessions, held, settings.lease_seconds, 10.0)):
    print("held", flush=True)
    sys.stdin.read()
"""
"""A run of another machine, or of this one: it holds the lease and renews it until its input ends."""


@contextmanager
def owner_at_work(
    settings: Settings, seconds: float, boot: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Keep a process inside the block that holds the lease; `boot`: a file with the id of another machine's boot."""
    url = settings.database_url.get_secret_value()
    command = [sys.executable, "-c", OWNER, url, str(boot or ""), str(seconds)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.communicate()


def ends_at(settings: Settings) -> datetime:
    """Return when the lease ends."""
    with ledger(settings) as session:
        end: datetime = session.execute(select(LeaseRow.expires_at)).scalar_one()
    return end


def set_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let this process's clock be off, as that of a machine without NTP."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Shifted":
            return cls.fromtimestamp(time.time() + by.total_seconds(), tz)

    for module in (leases, sqlite):
        monkeypatch.setattr(module, "datetime", Shifted)


@pytest.fixture
def other_boot(tmp_path: Path) -> Path:
    """Give the boot id of another machine."""
    path = tmp_path / "boot_id"
    path.write_text("5a0c1f3c-0000-4000-8000-000000000001\n", encoding="ascii")
    return path


def test_a_machine_of_the_same_name_keeps_its_lease(
    settings: Settings, tmp_path: Path, other_boot: Path
) -> None:
    """Same host name, a pid that does not exist here: the run there is at work, and the one here stops."""
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    with owner_at_work(settings, 60.0, other_boot), pytest.raises(PartitionLocked, match="by the clock of"):
        run(settings, source, no_engine)
    assert [row.epoch for row in table(settings, "leases")] == [1]


@pytest.mark.parametrize("hours", [-1, 24 * 365])
def test_a_clock_far_off_is_one_line_and_no_theft(
    tmp_path: Path, hours: int, other_boot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead or behind: the run here ends before it changes anything, and the lease there stands."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    with owner_at_work(settings, 60.0, other_boot):
        (before,) = table(settings, "leases")
        set_clock(monkeypatch, timedelta(hours=hours))
        with pytest.raises(
            UsageError, match=r"the clock of this machine says .* set the wrong one right"
        ) as caught:
            run(settings, source, no_engine)
        assert "\n" not in str(caught.value)
        monkeypatch.undo()
        (after,) = table(settings, "leases")
        assert (after.owner, after.epoch) == (before.owner, before.epoch)


@pytest.mark.parametrize("minutes", [-3, 3])
def test_a_clock_that_is_a_little_off_decides_nothing(
    tmp_path: Path, minutes: int, other_boot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By more than a lease lasts: the clock of the file system counts, so the lease there is seen to stand."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    with owner_at_work(settings, 60.0, other_boot):
        set_clock(monkeypatch, timedelta(minutes=minutes))
        with pytest.raises(PartitionLocked, match="clock of the ledger's file system"):
            run(settings, source, no_engine)
        assert abs(ends_at(settings) - datetime.now(UTC)) < timedelta(seconds=65)


def test_the_first_lease_of_a_ledger_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is off does not get a lease that others would misread."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    set_clock(monkeypatch, timedelta(days=-1))
    with pytest.raises(UsageError, match="the clock of this machine"):
        run(settings, write_records(tmp_path / "in.jsonl", good_rows(5)), no_engine)
    assert table(settings, "leases") == []


def test_a_jump_of_the_clock_lets_a_run_of_this_machine_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The machine slept, or its clock was set: the lease seems over, but its owner works here and renews it."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", lease_seconds=30.0)
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    with owner_at_work(settings, 3.0):
        (before,) = table(settings, "leases")
        with ledger(settings) as session:
            session.execute(update(LeaseRow).values(expires_at=clock(session) - timedelta(hours=1)))
        with pytest.raises(PartitionLocked):
            run(settings, source, no_engine)
        (after,) = table(settings, "leases")
        assert (after.owner, after.epoch) == (before.owner, before.epoch)
    assert caplog.text.count("at work on this machine: waiting 30 s for its renewal") == 1


def test_a_run_that_hangs_on_this_machine_is_taken_over(tmp_path: Path) -> None:
    """It lives, but renews nothing for a whole term of our own clock: that is no jump."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", lease_seconds=2.0)
    with owner_at_work(settings, 2.0) as process:
        os.kill(process.pid, signal.SIGSTOP)
        while ends_at(settings) > datetime.now(UTC):
            time.sleep(0.1)
        slept: list[float] = []
        make_session = connect_ledger(settings)
        lease = take_lease(make_session, WORKLOAD, DAY, settings, sleep=noting(slept))
        make_session.kw["bind"].dispose()
        assert lease.epoch == 2
        assert len(slept) >= 2
    # it finds its lease lost when it wakes, and changes nothing
    assert [row.epoch for row in table(settings, "leases")] == [2]


def noting(slept: list[float]) -> Callable[[float], None]:
    """Sleep, and note it."""

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    return sleep


def test_a_file_system_that_sets_no_time_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some do nothing for `utime`: a new file tells the time, so that no clock is found off that is right."""
    file = tmp_path / "ledger.db"
    file.touch()
    os.utime(file, (1, 1))
    monkeypatch.setattr(os, "utime", lambda _: None)
    assert abs(sqlite.file_system_time(file) - datetime.now(UTC)) < timedelta(seconds=5)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]
