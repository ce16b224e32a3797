"""Hostile ids, labels, models, paths and columns through the commands: nothing reaches a terminal as it is."""

import csv
import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.run_command import run_command as run

CLIPBOARD, TITLE = "\x1b]52;c;cm0gLXJmIH4=\x07", "\x1b]0;owned\x07"
HOSTILE = f"{CLIPBOARD}{TITLE}\x9b2J\x08\x7f\u202egpj\u2066\u200f\u061c\u2028\U000e0041\u3164"
FORMULA = '=HYPERLINK("http://127.0.0.1/?"&A1,"open")'
FOLDER = f"out{HOSTILE}"
RECORDS: list[dict[str, str | None]] = [
    {"id": f"1{HOSTILE}", "text": f"Lovely {HOSTILE} thank you", "timestamp": "2026-01-05T08:00:00Z"},
    {
        "id": "2\nerror: all is lost\r",
        "text": "[link=http://127.0.0.1]x[/link][/red]",
        "timestamp": "2026-01-05T09:00:00Z",
    },
    {"id": FORMULA, "text": FORMULA, "timestamp": "2026-01-05T10:00:00Z"},
    {"id": f"4{HOSTILE}", "text": None, "timestamp": "2026-01-05T10:00:00Z"},
]
RUN = ("run", "sentiment", "--input", "in.jsonl", "--date", "2026-01-05")
TRY = ("workload", "try", "sentiment", "--input", "in.jsonl", "--engine", "vllm", "--format")
COMMANDS = [
    RUN,
    (*RUN, "--where", f"{HOSTILE} = 1"),
    ("run", HOSTILE),
    ("run", "sentiment", "--input", f"{HOSTILE}.csv"),
    ("run", "sentiment", "--date", HOSTILE),
    ("run", "sentiment", f"--{HOSTILE}"),
    ("ledger", "summary", "--by", "workload,model,route"),
    ("ledger", "runs"),
    ("ledger", "lines"),
    ("ledger", "lines", "--model", HOSTILE),
    ("ledger", "summary", "--by", "workload,model,route", "--format", "json"),
    ("ledger", "calibration"),
    ("ledger", "reprice", "--by", "model"),
    ("report",),
    ("report", "--format", "html"),
    ("alerts",),
    ("workload", "show", "sentiment", "--record", HOSTILE),
    ("workload", "show", HOSTILE),
    ("workload", "list"),
    (*TRY, "table"),
    (*TRY, "json"),
    ("evaluate", "sentiment", "--sample", "2", "--input", "in.jsonl", "--out", f"{HOSTILE}.csv"),
    ("train", "sentiment", "--labels", f"{HOSTILE}.csv"),
    ("train", HOSTILE),
    ("label", HOSTILE),
    ("label", "sentiment", "--from", f"no{HOSTILE}.csv"),
    ("label", "sentiment", "--by", HOSTILE),
    ("trained", "list"),
    ("trained", "use", "sentiment", HOSTILE),
    ("trained", "retire", HOSTILE),
]
STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[hl]|\x1b\[[0-9]*[AK]|\r")
"""What the terminal's own progress bars and tables are made of."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one hostile partition, on a model with a hostile name, in a folder of its own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.chdir(folder)
        patch.setenv("BREAKEVEN_CACHE_DIR", str(Path(cli.__file__).parent / ".cache"))
        patch.setenv("BREAKEVEN_OUTPUT_DIR", FOLDER)
        patch.setenv("BREAKEVEN_MAX_QUARANTINED_SHARE", "1")
        engine = ScriptedEngine(model=f"owner/model{HOSTILE}[red]<b>@everyone")
        with shared_engine(Settings(), factory=lambda _settings: engine):
            assert run(*RUN) == 0
            yield folder


class Terminal:
    """A pseudo-terminal: what is written to `file` is read, byte for byte, into `text`."""

    def __init__(self) -> None:
        self._reading, writing = os.openpty()
        self.file = open(writing, "w", encoding="utf-8")  # noqa: PTH123, SIM115  a descriptor
        self._read = bytearray()
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while True:
            try:
                found = os.read(self._reading, 65536)
            except OSError:  # Linux: the other end was closed
                return
            self._read += found

    def close(self) -> str:
        """Return all that was written."""
        self.file.close()
        self._thread.join()
        os.close(self._reading)
        return self._read.decode("utf-8", "surrogateescape")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command)[:60].encode("unicode_escape").decode()
)
def test_nothing_reaches_a_terminal_as_it_is(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every command, standard output and standard error on a terminal hold its own styles and visible characters."""
    out, err = Terminal(), Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out.file)
        patch.setattr(sys, "stderr", err.file)
        run(*command)
    for text in (out.close(), err.close()):
        assert_visible(text)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command)[:60].encode("unicode_escape").decode()
)
def test_nothing_reaches_a_log_as_it_is(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe: messages and tables as on the terminal, of one line each; a path stays what it is."""
    run(*command)
    captured = capsys.readouterr()
    assert_visible(captured.err)
    assert "Traceback" not in captured.err
    if "html" not in command:
        assert_visible(captured.out.replace(HOSTILE, ""))
    assert not any(
        line.startswith("error: all is lost") for line in (captured.out + captured.err).splitlines()
    )


def assert_visible(text: str) -> None:
    """See that a text holds no character that nobody sees, but styles and line ends."""
    left = STYLE.sub("", text).replace("\n", "")
    assert left.isprintable(), ascii(left)
    assert "\u3164" not in left


@pytest.mark.usefixtures("home")
def test_csv_is_harmless_and_raw_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    """What a spreadsheet would compute has an apostrophe before it, in CSV to a pipe; `raw-csv` and JSON are exact."""
    assert run(*TRY, "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[2]["record"] == f"'{FORMULA}"
    assert rows[2]["input"] == f"'{FORMULA}"
    assert run(*TRY, "raw-csv") == 0
    raw = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["record"] for row in raw] == [record["id"] for record in RECORDS]
    assert run(*TRY, "json") == 0
    printed = capsys.readouterr().out
    assert [row["record"] for row in json.loads(printed)] == [record["id"] for record in RECORDS]
    assert_visible(printed)
