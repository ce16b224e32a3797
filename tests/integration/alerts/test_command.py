"""`breakeven alerts`, as a person meets it: what stands, one mail, a test, one line for each mistake."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

import cli
from db import spend
from db.session import make_engine, migrate, sessions
from tests.integration.report.harness import DOLLAR
from tests.post_office import PostOffice, opened
from tests.run_command import run_command

PROJECT = Path(cli.__file__).parent
CFO = "cfo@example.org"


run = partial(run_command, "alerts")
"""Run a command of the group in this process; returns its exit code."""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostOffice]:
    """Be in a folder with a ledger in which a budget is nearly used up, and name a mail server."""
    monkeypatch.chdir(tmp_path)
    engine = make_engine("sqlite:///breakeven.db")
    migrate(engine)
    with sessions(engine).begin() as session:
        spend.add(session, {(datetime.now(UTC).date(), "sentiment"): 9 * DOLLAR})
    engine.dispose()
    monkeypatch.setenv("BREAKEVEN_BUDGET__DAY_USD", "10")
    monkeypatch.setenv("BREAKEVEN_ALERTS__OFF", '["price", "model_end"]')
    with opened(PostOffice()) as office:
        for name, text in {
            "HOST": "127.0.0.1",
            "PORT": str(office.port),
            "SECURITY": "none",
            "TO": CFO,
        }.items():
            monkeypatch.setenv(f"BREAKEVEN_SMTP__{name}", text)
        monkeypatch.setenv("BREAKEVEN_SMTP__SENDER", "r@example.org")
        yield office


def test_it_shows_what_stands_and_sends_it_once(
    office: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown without a message; sent once; then shown with who was told."""
    assert run("--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["since"], row["told"]) == ("budget", None, "nobody")
    assert "raise day_usd in [budget]" in row["what_to_do"]
    assert office.received == []
    assert run("--send") == 0
    assert f"sent to {CFO}: 1" in capsys.readouterr().err
    assert run("--send", "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["told"] == CFO
    assert row["since"] is not None
    assert len(office.to(CFO)) == 1


def test_two_processes_at_once_send_one(office: PostOffice) -> None:
    """Both look while the server takes its time: one mail, and both end well or say that the other is at it."""
    office.hold = threading.Event()
    command = (sys.executable, "-m", "cli", "alerts", "--send", "--format", "csv")
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    looking = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    assert office.arrived.wait(60)
    office.hold.set()
    ended = [one.communicate(timeout=60) for one in looking]
    assert [one.returncode for one in looking] == [0, 0], ended
    assert len(office.to(CFO)) == 1


def test_a_test_message(office: PostOffice, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken, and says so; refused, it says why and ends with 1."""
    assert run("--test") == 0
    assert "taken" in capsys.readouterr().out
    assert [str(one.mail["Subject"]) for one in office.to(CFO)] == ["breakeven: a test of the alerts"]
    office.answers = {CFO: "550 no such user"}
    assert run("--test", "--format", "csv") == 1
    shown = capsys.readouterr()
    assert "550 no such user" in shown.out
    assert shown.err.count("error:") == 1


def test_mistakes_are_one_line(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody named, both flags, a kind that is none, and no ledger."""
    assert run("--send", "--test") == 2
    assert "leave out --send" in capsys.readouterr().err
    monkeypatch.setenv("BREAKEVEN_ALERTS__OFF", '["prices"]')
    assert run() == 2
    assert "did you mean price?" in capsys.readouterr().err
    monkeypatch.delenv("BREAKEVEN_ALERTS__OFF")
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", "sqlite:///none.db")
    assert run() == 0
    assert "there is no ledger yet" in capsys.readouterr().err
    assert run("--send") == 2
    for name in ("HOST", "PORT", "SECURITY", "TO", "SENDER"):
        monkeypatch.delenv(f"BREAKEVEN_SMTP__{name}")
    capsys.readouterr()
    assert run("--test") == 2
    assert "nobody is named" in capsys.readouterr().err
    assert office.received == []
