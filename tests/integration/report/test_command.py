"""`breakeven report` and what it delivers, as a person meets it: files, one line for each mistake, a real mail."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli
from db.session import make_engine, migrate, sessions
from models.economics.break_even import month_figures
from tasks.delivery.checkup import check_delivery
from tasks.delivery.deliver import deliver_all
from tasks.delivery.senders import make_direct_sender
from tasks.report.files import render_report
from tasks.report.versions import keep_report
from tests.integration.report.harness import by_mail, chat_room, inputs, make_settings
from tests.post_office import PostOffice, opened
from tests.run_command import run_command as run

PROJECT = Path(cli.__file__).parent
CFO = "cfo@example.org"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with an empty ledger."""
    monkeypatch.chdir(tmp_path)
    engine = make_engine("sqlite:///breakeven.db")
    migrate(engine)
    engine.dispose()
    return tmp_path


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Open a mail server that takes everything."""
    with opened(PostOffice()) as office:
        yield office


def mail_env(office: PostOffice, **more: str) -> dict[str, str]:
    """Return the environment that names the office and one recipient."""
    names = {"HOST": "127.0.0.1", "PORT": str(office.port), "SECURITY": "none", "TO": CFO, **more}
    return {f"BREAKEVEN_SMTP__{name}": text for name, text in {"SENDER": "r@example.org", **names}.items()}


def test_it_writes_the_report_and_says_where(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict's sentence and the page's path; a page, Markdown, JSON and pictures; a second call changes no version."""
    assert run("report", "--month", "2026-10") == 0
    verdict, path = capsys.readouterr().out.splitlines()
    assert "October 2026" in verdict
    assert path == "out/reports/2026-10/report.html"
    folder = home / "out/reports/2026-10"
    assert {one.name for one in folder.iterdir()} >= {"report.html", "report.md", "report.json"}
    assert json.loads((folder / "report.json").read_text())["version"] == 1
    assert run("report", "--month", "2026-10", "--out", "elsewhere", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert (home / "elsewhere" / "report.html").exists()
    assert run("report", "--month", "2026-10", "--format", "markdown") == 0
    assert capsys.readouterr().out.startswith("# Break-even report, October 2026")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--month", "2026-13"), "write it as YYYY-MM"),
        (("--month", "9999-01"), "has not begun"),
        (("--month", "2026-10", "--send"), "BREAKEVEN_SMTP__HOST"),
        (("--month", "2026-10", "--out", "breakeven.db"), "cannot write breakeven.db"),
        (("--month", "2026-10", "--format", "pdf"), "pdf"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Code 2, one line on standard error, nothing on standard output."""
    assert run("report", *arguments) == 2
    captured = capfd.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert words in captured.err


def test_no_ledger_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And none is made."""
    monkeypatch.chdir(tmp_path)
    assert run("report") == 2
    assert "run a workload first" in capsys.readouterr().err
    assert list(tmp_path.glob("*.db*")) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("TO", "cfo@example.org\r\nBcc: all@example.org", "line break"),
        ("SENDER", "r@example.org\nSubject: other", "line break"),
        ("TO", "the chief", "not one mail address"),
        ("HOST", "mail\r\nhost", "line break"),
        ("SENDER", "", "not one mail address"),
        ("SECURITY", "some", "SMTP__SECURITY: Input should be 'starttls'"),
        ("PASSWORD", "s3cr3t", "needs a password, and a password a user"),
    ],
)
def test_settings_that_could_write_headers_are_refused(
    home: Path,
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    words: str,
) -> None:
    """An address with a line break, a half set-up: one line, nothing made, nothing sent, no secret shown."""
    for variable, value in mail_env(office, **{name: text}).items():
        monkeypatch.setenv(variable, value)
    assert run("report", "--send") == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert "s3cr3t" not in said
    assert office.received == []
    assert not (home / "out").exists()


def test_a_kill_between_sending_and_sent_sends_nothing_twice(
    home: Path, office: PostOffice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server has the mail, the process is killed: the next call says that nobody knows, --resend sends it."""
    office.hold = threading.Event()
    env = os.environ | mail_env(office, TIMEOUT_SECONDS="60")
    command = [sys.executable, str(PROJECT / "cli.py"), "report", "--month", "2026-10", "--send"]
    sending = subprocess.Popen(command, cwd=home, env=env, stdout=subprocess.DEVNULL)
    assert office.arrived.wait(120)
    sending.send_signal(signal.SIGKILL)
    sending.wait()
    office.hold.set()
    for variable, value in mail_env(office).items():
        monkeypatch.setenv(variable, value)
    for _ in range(2):
        assert run("report", "--month", "2026-10", "--send") == 1
        said = capsys.readouterr().err
        assert "nobody knows whether version 1" in said
        assert "the process that was sending it is gone" in said
        assert said.count("\n") == 1
    assert len(office.received) == 1
    assert run("report", "--month", "2026-10", "--resend") == 0
    assert f"sent to {CFO}" in capsys.readouterr().err
    assert run("report", "--month", "2026-10", "--send") == 0
    assert f"not sent to {CFO}: version 1 was sent to it on" in capsys.readouterr().err
    assert len(office.received) == 2


def test_the_real_report_as_a_mail(home: Path, office: PostOffice) -> None:
    """Every picture that the page names is there as PNG; a name with markup is text, in HTML and in plain text."""
    settings = make_settings("sqlite:///breakeven.db", home, smtp=by_mail(office.port, CFO))
    engine = make_engine("sqlite:///breakeven.db")
    monthly = keep_report(sessions(engine), inputs(name=MARKUP), month_figures, complete=True)
    engine.dispose()
    letter = render_report(monthly.report).letter
    delivered = deliver_all(settings, monthly, resend=False, send_each=make_direct_sender(letter, settings))
    assert len(delivered.sent) == 1
    mail = office.received[0].mail
    page, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert page is not None
    assert text is not None
    html = page.get_content()
    named = set(re.findall(r'src="cid:([^"]+)"', html))
    assert named == {cid.strip("<>") for part in mail.walk() if (cid := part["Content-ID"])}
    assert len(named) >= 3
    pictures = [part.get_content() for part in mail.walk() if part.get_content_type() == "image/png"]
    assert all(one.startswith(b"\x89PNG\r\n\x1a\n") for one in pictures)
    assert re.findall(r'src="(?!cid:)', html) == []
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert MARKUP in text.get_content()
    assert mail["Subject"].strip() == letter.subject  # a long one begins on a line of its own
    assert letter.subject.startswith("Break-even report, October 2026: switch to a machine on demand, $")
    assert MARKUP not in letter.summary


def test_doctor_looks_at_who_would_get_reports(home: Path, office: PostOffice) -> None:
    """Nobody named; a server that answers, and one that is not there; a chat that is set up, and one that is none."""
    assert [one.state for one in check_delivery(make_settings("sqlite:///x.db", home))] == ["ok"]
    with chat_room() as room:
        settings = make_settings(
            "sqlite:///x.db",
            home,
            smtp=by_mail(office.port, CFO),
            chat={"finance": {"url": room.url()}, "ops": {"url": "pigeon://x"}},
        )
        found = {one.name: one for one in check_delivery(settings)}
        assert {name: one.state for name, one in found.items()} == {
            "mail": "ok",
            "chat finance": "ok",
            "chat ops": "fail",
        }
        assert room.posted == []
    assert office.received == []
    (mail,) = check_delivery(make_settings("sqlite:///x.db", home, smtp=by_mail(1, CFO)))
    assert mail.state == "fail"
    assert "127.0.0.1:1 was not reached" in mail.advice
