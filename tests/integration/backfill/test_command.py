"""`breakeven backfill` as a user starts it: one line for each mistake, nothing changed by it; stopped, and gone on."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.settings import Settings
from tests.integration.backfill.commands import Command, Commands
from tests.integration.backfill.harness import check_published, day, days_of, write_days
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import CACHE, settings_for, write_records

DELAY = 0.02
STOPPED = 128 + signal.SIGTERM
RANGE = ("--from", str(day(0)), "--to", str(day(2)))


@dataclass
class User:
    """Somebody in a folder of his own, with an input of three days."""

    folder: Path
    commands: Commands

    def __post_init__(self) -> None:
        """Make folder and input."""
        self.folder.mkdir()
        self.days = days_of(60, 60, 60)
        self.source = write_days(self.folder / "in.jsonl", self.days)
        self.settings: Settings = settings_for(self.folder, f"sqlite:///{self.folder / 'breakeven.db'}")
        self.calls = self.folder / "calls"
        self.calls.touch()

    def start(self, *arguments: str, out: Path | None = None) -> Command:
        """Start a backfill of sentiment with these arguments; nobody sits at the terminal."""
        ours = ("PREFECT_", "BREAKEVEN_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        env = kept | {
            "BREAKEVEN_CACHE_DIR": str(CACHE),
            "BREAKEVEN_COMMIT_RECORDS": "20",
            "BREAKEVEN_OUTPUT_DIR": str(out or self.settings.output_dir),
        }
        return self.commands.start(["backfill", *arguments], env, self.folder, self.calls, DELAY)

    def asked(self) -> list[str]:
        """Return the records that the engine was asked about so far."""
        return self.calls.read_text(encoding="utf-8").split()


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Give a folder that cannot be written, also by root."""
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("root without the right to mount: there is no folder that it cannot write")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mistakes(user: User) -> dict[str, tuple[Sequence[str], str]]:
    """Name what a user can get wrong: the arguments, and what the line must say."""
    undated = write_records(user.folder / "undated.jsonl", [{"id": "1", "text": "no date"}])
    today = datetime.now(UTC).date()
    tomorrow, ago = str(today + timedelta(1)), str(today - timedelta(3))
    good = ("--input", str(user.source), "--yes")
    return {
        "empty range": (("sentiment", "--from", str(day(8)), "--to", str(day(9)), *good), "holds no record"),
        "reversed range": (("sentiment", "--from", str(day(2)), "--to", str(day(0)), *good), "reversed"),
        "future date": (("sentiment", "--from", ago, "--to", tomorrow, *good), "future"),
        "unknown workload": (("sentimnt", *RANGE, *good), "unknown workload 'sentimnt'"),
        "missing file": (("sentiment", *RANGE, "--input", "missing.jsonl", "--yes"), "missing.jsonl"),
        "no date column": (("sentiment", *RANGE, "--input", str(undated), "--yes"), "timestamp"),
        "no such day": (("sentiment", "--from", "2026-02-31", "--to", str(day(0)), *good), "--from"),
        "nobody to ask": (("sentiment", *RANGE, "--input", str(user.source)), "--yes"),
        "no server": (("sentiment", *RANGE, "--parallel", "0", *good), "--parallel"),
    }


def test_each_mistake_is_one_line_and_changes_nothing(commands: Commands, tmp_path: Path) -> None:
    """Exit code 2, no traceback, no ledger, no output; a read-only output folder likewise."""
    user = User(tmp_path / "user", commands)
    with read_only(tmp_path / "readonly") as folder:
        asked = mistakes(user)
        started = {name: user.start(*arguments) for name, (arguments, _) in asked.items()}
        good = ("sentiment", *RANGE, "--input", str(user.source), "--yes")
        started["read-only output"] = user.start(*good, out=folder / "out")
        words = {name: said for name, (_, said) in asked.items()} | {"read-only output": str(folder)}
        ended = {name: (*one.wait(), one.poll()) for name, one in started.items()}
        assert list(folder.iterdir()) == []
    for name, (_, errors, code) in ended.items():
        assert code == 2, (name, errors)
        last = errors.splitlines()[-1]
        assert last.startswith("error: "), (name, errors)
        assert words[name] in last, (name, errors)
        assert "Traceback" not in errors, name
        said = [line for line in errors.splitlines() if not line.startswith("tiktoken does not know")]
        if name != "nobody to ask":  # which shows the quote before it asks
            assert len(said) == 1, (name, errors)
    assert not (user.folder / "breakeven.db").exists()
    assert not [path for path in user.settings.output_dir.rglob("*") if path.is_file()]
    assert user.asked() == []


def test_quoted_stopped_gone_on_and_nothing_left(commands: Commands, tmp_path: Path) -> None:
    """A quote changes nothing; a stop in the middle is one line and 143; the second command finishes, a third has nothing to do."""
    user = User(tmp_path / "user", commands)
    good = ("sentiment", *RANGE, "--input", str(user.source))
    quoted = user.start(*good, "--quote")
    said, errors = quoted.wait()
    assert (quoted.poll(), user.asked()) == (0, []), errors
    assert str(day(1)) in said
    assert not (user.folder / "breakeven.db").exists()

    first = user.start(*good, "--yes")
    deadline = time.monotonic() + 240
    while len(user.asked()) < 90:  # in the middle of the second day
        assert first.poll() is None, first.written()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.stop()
    said, errors = first.wait(60)
    assert first.poll() == STOPPED, errors
    assert "error: stopped by signal 15" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert (said.count(f"{day(0)}"), "done" in said) == (3, True)  # the quote, the table with its path
    assert [row.state for row in table(user.settings, "runs")] == ["completed", "interrupted"]
    kept = len(table(user.settings, "ledger_lines"))
    assert len(user.asked()) - 32 <= kept < 180

    before = len(user.asked())
    second = user.start(*good, "--yes")
    said, errors = second.wait()
    assert second.poll() == 0, errors
    assert "3 partitions, 1 published as they would be again" in errors
    assert len(user.asked()) - before == 180 - kept
    assert (str(day(1)) in said, str(day(2)) in said) == (True, True)
    third = user.start(*good, "--yes")
    _, errors = third.wait()
    assert (third.poll(), "nothing is to be done" in errors) == (0, True), errors
    check_published(user.settings, user.source, user.days)
