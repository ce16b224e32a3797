"""The command: exit codes, one clear line for each mistake, data on standard output, four formats."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import cli
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.run_command import run_command as run

SUMS = [
    "attempts",
    "records",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "counterfactual_usd",
]
RECORDS = [
    {"id": "1", "text": "Lovely, thank you", "timestamp": "2026-01-05T08:00:00Z"},
    {"id": "2", "text": "Never again", "timestamp": "2026-01-05T09:00:00Z"},
    {"id": "3", "text": None, "timestamp": "2026-01-05T10:00:00Z"},
    {"id": "4", "text": "Never again", "timestamp": "2026-01-05T11:00:00Z"},
    {"id": "5", "text": "Another day", "timestamp": "2026-01-06T11:00:00Z"},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one partition through the command with a scripted engine, in a folder of its own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.chdir(folder)
        patch.setenv("BREAKEVEN_CACHE_DIR", str(Path(cli.__file__).parent / ".cache"))
        with shared_engine(Settings(), factory=lambda _settings: ScriptedEngine()):
            assert run("run", "sentiment", "--input", "in.jsonl", "--date", "2026-01-05") == 0
        yield folder


def test_a_run_publishes_and_says_where(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Published rows = input rows of the day - quarantined rows; a second run does nothing and says so."""
    records = pl.read_parquet(home / "out/sentiment/date=2026-01-05/records.parquet")
    quarantine = pl.read_parquet(home / "out/sentiment/date=2026-01-05/quarantine.parquet")
    assert records["id"].to_list() == ["1", "2", "4"]
    assert quarantine.select("id", "reason").rows() == [("3", "missing_text")]
    assert run("run", "sentiment", "--input", "in.jsonl", "--date", "2026-01-05") == 0
    captured = capsys.readouterr()
    assert "published already" in captured.err
    assert captured.out.strip().endswith("records.parquet")


@pytest.mark.usefixtures("home")
def test_a_refresh_infers_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--refresh` says how many rows it took over, and that there is nothing to do where the input is unchanged."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "in.jsonl"
    command = ("run", "sentiment", "--input", "in.jsonl", "--date", "2026-01-05")
    with shared_engine(Settings(), factory=lambda _settings: ScriptedEngine()):
        source.write_text("".join(json.dumps(r) + "\n" for r in RECORDS[:2]), encoding="utf-8")
        assert run(*command) == 0
        assert run(*command) == 0
        assert "--refresh adds what is new" in capsys.readouterr().err
        assert run(*command, "--refresh") == 0
        assert "its input is unchanged" in capsys.readouterr().err
        source.write_text("".join(json.dumps(r) + "\n" for r in RECORDS[:4]), encoding="utf-8")
        assert run(*command, "--refresh") == 0
        assert "4 records: 3 published, 1 quarantined, 2 carried over unchanged\n" in capsys.readouterr().err
        assert run(*command, "--refresh", "--rerun") == 2
        assert "ask for one of them" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_summary_as_json_is_the_documented_list(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON of the summary: the --by columns, then the sums; money as decimal strings."""
    assert run("ledger", "summary", "--by", "workload,route,month", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [["workload", "route", "month", *SUMS]] * 2
    by_route = {row["route"]: row for row in rows}
    reuse = by_route["vllm>reuse:identical"]
    assert (reuse["attempts"], reuse["input_tokens"], reuse["cost_usd"]) == (1, 0, "0.000000000")
    assert by_route["vllm"]["attempts"] == 2
    assert isinstance(by_route["vllm"]["cost_usd"], str)
    assert Decimal(by_route["vllm"]["counterfactual_usd"]) > 0


@pytest.mark.usefixtures("home")
def test_the_four_formats_hold_the_same_rows(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """CSV, JSON and Parquet agree, and the table shows as many lines."""
    read = ("ledger", "lines", "--format")
    assert run(*read, "json") == 0
    rows = json.loads(capsysbinary.readouterr().out)
    assert len(rows) == 3
    assert run(*read, "csv") == 0
    table = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert [line["id"] for line in table] == [row["id"] for row in rows]
    assert run(*read, "parquet") == 0
    frame = pl.read_parquet(io.BytesIO(capsysbinary.readouterr().out))
    assert frame["cost_usd"].to_list() == [row["cost_usd"] for row in rows]
    assert run(*read, "table") == 0
    assert capsysbinary.readouterr().out.decode().count("sentiment") == 3


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("filters", "attempts"),
    [
        (("--route", "vllm"), 2),
        (("--engine", "reuse"), 1),
        (("--outcome", "ok"), 3),
        (("--outcome", "failed"), None),
        (("--model", "nobody"), None),
        (("--workload", "sentiment", "--since", "2026-01-01", "--until", "2100-01-01"), 3),
        (("--until", "2026-01-05"), None),  # a line is of the day on which it was made, not of its partition
    ],
)
def test_filters_of_sums_and_lines_agree(
    filters: tuple[str, ...], attempts: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a filter leaves is as many lines as attempts; nothing is an empty list."""
    assert run("ledger", "summary", "--format", "json", *filters) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["attempts"] for row in rows] == ([] if attempts is None else [attempts])
    assert run("ledger", "lines", "--format", "json", *filters) == 0
    assert len(json.loads(capsys.readouterr().out)) == (attempts or 0)


@pytest.mark.usefixtures("home")
def test_a_table_of_routes_shows_shares(capsys: pytest.CaptureFixture[str]) -> None:
    """The share of all records that went a route, for people; programs work it out."""
    assert run("ledger", "summary", "--by", "workload,route") == 0
    shown = capsys.readouterr().out
    assert "share" in shown
    assert "66.7 %" in shown
    assert "33.3 %" in shown
    assert run("ledger", "summary", "--by", "route,day") == 0
    assert "share" not in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_a_column_that_is_named_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The sums are those of the column named once."""
    assert run("ledger", "summary", "--by", "workload,workload", "--format", "json") == 0
    assert [list(row) for row in json.loads(capsys.readouterr().out)] == [["workload", *SUMS]]


@pytest.mark.usefixtures("home")
def test_check_says_in_one_line_that_all_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and how much was looked at."""
    assert run("ledger", "check") == 0
    assert "3 lines of 1 runs" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_runs_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The run's row has the counts of its partition and the machine it was charged for."""
    assert run("ledger", "runs", "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["records"], row["published"], row["quarantined"]) == ("completed", 4, 3, 1)
    own = ("ledger", "runs", "--format", "json", "--engine", "vllm", "--model", row["model"])
    assert run(*own, "--state", "completed") == 0
    assert [found["id"] for found in json.loads(capsys.readouterr().out)] == [row["id"]]
    assert run("ledger", "runs", "--format", "json", "--engine", "openai") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert row["infrastructure"] is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nonsense"), "unknown workload 'nonsense'"),
        (("run",), "WORKLOAD"),
        (("run", "sentiment", "--date", "2026-02-31"), "--date"),
        (("run", "sentiment", "--input", "missing.jsonl"), "missing.jsonl"),
        (("run", "sentiment"), "--input"),
        (("run", "sentiment", "--limit", "0", "--input", "in.jsonl"), "--limit"),
        (("run", "sentiment", "--input", "in.jsonl", "--where", "nocolumn = 1"), "nocolumn"),
        (("run", "sentiment", "--input", "in.jsonl", "--retry-quarantined", "--rerun"), "leave out rerun"),
        (("run", "sentiment", "--input", "in.jsonl", "--reason", "refused"), "add retry-quarantined"),
        (("run", "sentiment", "--retry-quarantined", "--reason", "missing_text"), "--reason"),
        (("run", "sentimnt"), "did you mean sentiment?"),
        (("ledger", "summary", "--by", "colour"), "colour"),
        (("ledger", "summary", "--by", "workload,modle"), "did you mean model?"),
        (("ledger", "reprice", "--by", "mont"), "did you mean month?"),
        (("ledger", "lines", "--workload", "sentimnt"), "did you mean sentiment?"),
        (("ledger", "runs", "--workload", "sentimnt"), "did you mean sentiment?"),
        (("ledger", "evaluations", "--workload", "sentimnt"), "did you mean sentiment?"),
        (("ledger", "summary", "--workload", "sentimnt"), "did you mean sentiment?"),
        (("ledger", "lines", "--format", "xml"), "xml"),
        (("ledger", "lines", "--outcome", "perhaps"), "perhaps"),
        (("ledger", "runs", "--since", "yesterday"), "--since"),
        (("frobnicate",), "frobnicate"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bad usage ends with code 2, one line that names the fault, nothing on standard output."""
    assert run(*arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_no_ledger_yet_is_said_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking before anything ran says what to do, and does not leave an empty file."""
    monkeypatch.chdir(tmp_path)
    assert run("ledger", "summary") == 2
    assert "breakeven run" in capsys.readouterr().err
    assert list(tmp_path.glob("*.db*")) == []


@pytest.mark.usefixtures("home")  # it has a Prefect server
@pytest.mark.parametrize(
    "command",
    [("ledger", "summary"), ("run", "sentiment", "--input", "in.jsonl", "--date", "2026-01-05")],
)
def test_a_ledger_from_before_the_first_release_is_left_alone(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Readers and runs say in one line what to do; the file is not changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text(json.dumps(RECORDS[0]), encoding="utf-8")
    with sqlite3.connect("breakeven.db") as ledger:
        ledger.executescript(
            "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('0005')"
        )
    ledger.close()
    assert run(*command) == 2
    said = [one for one in capfd.readouterr().err.splitlines() if one.startswith("error: ")]
    assert len(said) == 1
    assert "set BREAKEVEN_DATABASE_URL to another database, or move this one away" in said[0]
    with sqlite3.connect("breakeven.db") as ledger:
        assert ledger.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]
    ledger.close()


@pytest.mark.parametrize("name", ["BREAKEVEN_MAX_NUM_SEQS", "BREAKEVEN_WORKLOADS__SENTIMENT__TYPO"])
def test_a_bad_setting_is_one_clear_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting of the wrong kind, or an unknown one, is named, with code 2."""
    monkeypatch.setenv(name, "many")
    assert run("ledger", "summary") == 2
    assert name.rpartition("__")[2].removeprefix("BREAKEVEN_").lower() in capsys.readouterr().err.lower()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` lists the commands on standard output."""
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("doctor", "run", "ledger"))


def test_importing_the_command_is_cheap() -> None:
    """`breakeven --help` loads neither Prefect nor polars nor vLLM: they are imported by the commands."""
    code = (
        "import sys, cli; print([m for m in ('prefect', 'polars', 'vllm', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
