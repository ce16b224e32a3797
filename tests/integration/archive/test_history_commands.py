"""`breakeven ledger reprice`, `prices` and `archive` as a user meets them."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from db import ledger, reference
from models.economics.pricing import BATCH_SUFFIX
from models.settings import Settings
from tests.integration.archive.old_ledger import few, settings_of, transaction
from tests.integration.db.ledger_lines import line, pending, seed
from tests.run_command import run_command

COLUMNS = [
    "attempts",
    "cost_usd",
    "repriced_usd",
    "difference_usd",
    "counterfactual_usd",
    "repriced_counterfactual_usd",
    "counterfactual_difference_usd",
    "upper_bound_usd",
    "estimated",
    "unknown",
    *("gpt-6-luna_usd", "gpt-6-luna_batch_usd", "claude-haiku-5-5_usd", "claude-haiku-5-5_batch_usd"),
    *("gemini-3.5-flash-lite_usd", "gemini-3.5-flash-lite_batch_usd", "deepinfra/llama-3.1-8b_usd"),
]


run = partial(run_command, "ledger")
"""Run a command of the group in this process; returns its exit code."""


@pytest.fixture
def settings(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Make a ledger with old runs and one of today, in a folder of its own: on SQLite, then on PostgreSQL."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", database_url)
    settings = settings_of(tmp_path, database_url)
    few(settings)
    with transaction(settings) as session:
        keys = seed(session, "enrichment")
        used = {"input_tokens": 1_000_000, "cached_tokens": 0, "output_tokens": 0, "outcome": "ok"}
        nothing = {f"counterfactual_{name}": 0 for name in ("input_tokens", "output_tokens", "nano")}
        api = pending(keys, "a", at=datetime.now(UTC), cost_nano=150_000_000, **used, **nothing)
        ledger.insert_lines(
            session, [api, pending(keys, "b", at=datetime.now(UTC), **nothing), line(keys, "c")]
        )
    return settings


@pytest.mark.usefixtures("settings")
def test_repricing_is_printed_in_every_format(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Written, repriced and their difference, money as decimal strings; what is not exact is said apart."""
    ask = ("reprice", "--by", "workload", "--price", "gpt-4o-mini=0.45/1.80", "--format")
    assert run(*ask, "json") == 0
    captured = capsysbinary.readouterr()
    rows = json.loads(captured.out)
    assert [list(row) for row in rows] == [["workload", *COLUMNS]] * 2
    row = rows[0]
    assert (row["workload"], row["attempts"]) == ("enrichment", 3)
    assert row["cost_usd"] == "0.150001279"
    assert row["repriced_usd"] == "0.450003279"  # the bound of the attempt in flight is three times as high
    assert Decimal(row["difference_usd"]) == Decimal("0.300002")
    assert row["upper_bound_usd"] == "0.000003000"
    assert Decimal(row["repriced_counterfactual_usd"]) == 3 * Decimal(row["counterfactual_usd"])
    assert b"attempts whose tokens nobody knows: 1; 0.000003000 USD of the repriced cost" in captured.err
    assert b"cannot be repriced" in captured.err  # API attempts of old runs without a counterfactual cost
    assert run(*ask, "parquet") == 0
    frame = pl.read_parquet(io.BytesIO(capsysbinary.readouterr().out))
    assert frame["repriced_usd"].to_list() == [one["repriced_usd"] for one in rows]
    assert run(*ask, "csv") == 0
    assert capsysbinary.readouterr().out.decode().splitlines()[0] == ",".join(["workload", *COLUMNS])
    assert run(*ask, "table") == 0
    assert capsysbinary.readouterr().out.decode().count("unknown") > 1


@pytest.mark.usefixtures("settings")
def test_each_candidate_has_a_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records at each candidate: 90 tokens in and 4 out of one local line, at once and in batches."""
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", '["gpt-6-luna", "bedrock/llama-3.1-8b", "mine=1/10"]')
    assert run("reprice", "--by", "workload", "--workload", "enrichment", "--format", "json") == 0
    shown = capsys.readouterr()
    (row,) = json.loads(shown.out)
    found = {name: Decimal(row[f"{name}_usd"]) * 10**9 for name in ("gpt-6-luna", "gpt-6-luna_batch", "mine")}
    assert found == {"gpt-6-luna": 90 * 100 + 4 * 500, "gpt-6-luna_batch": 5_500, "mine": 90_000 + 40_000}
    assert Decimal(row["bedrock/llama-3.1-8b_batch_usd"]) * 10**9 == 94 * 110
    assert "mine_batch_usd" not in row
    assert "another vendor's tokenizer" in shown.err
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", '["nobody/knows"]')
    assert run("reprice") == 2
    assert "nobody/knows=IN/OUT" in capsys.readouterr().err


@pytest.mark.usefixtures("settings")
def test_filters_and_days(capsys: pytest.CaptureFixture[str]) -> None:
    """Both ends of a range belong to it; without prices everything costs what it did."""
    ask = ("reprice", "--by", "month,engine", "--format", "json")
    assert run(*ask, "--since", "2026-04-30", "--until", "2026-05-01", "--engine", "vllm") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["month"], row["engine"], row["difference_usd"]) for row in rows] == [
        ("2026-04", "vllm", "0.000000000"),
        ("2026-05", "vllm", "0.000000000"),
    ]
    assert run(*ask, "--workload", "sentimnt") == 2
    assert "unknown workload 'sentimnt'; did you mean sentiment?" in capsys.readouterr().err


def test_a_price_is_entered_and_holds_for_new_lines(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a new version from its day on, with the Batch API's; the lines of before keep theirs, and both are listed."""
    ask = (
        "reprice",
        "--price",
        "gpt-4o-mini=0.30/1.20/0.15",
        "--save-from",
        "2026-11-01",
        "--format",
        "json",
    )
    assert run(*ask) == 0
    captured = capsys.readouterr()
    assert "openai/gpt-4o-mini from 2026-11-01: entered" in captured.err
    assert "openai/gpt-4o-mini:batch from 2026-11-01: entered" in captured.err
    written = json.loads(captured.out)
    assert run(*ask) == 0
    captured = capsys.readouterr()
    assert captured.err.count("there already") == 2
    assert json.loads(captured.out) == written
    with transaction(settings) as session:
        days = (date(2026, 10, 31), date(2026, 11, 1))
        found = [reference.find_price(session, "openai", "gpt-4o-mini", day)[1] for day in days]
        batch = reference.find_price(session, "openai", "gpt-4o-mini" + BATCH_SUFFIX, days[1])[1]
    assert [price.input_nano_per_mtok for price in found] == [150_000_000, 300_000_000]
    assert batch.output_nano_per_mtok == 600_000_000
    assert run("prices", "--format", "json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["effective_from"], row["version"], row["newest"], row["lines"]) for row in listed] == [
        ("1970-01-01", 1, True, 21),
        ("2026-11-01", 1, True, 0),
        ("2026-11-01", 1, True, 0),
    ]
    assert listed[1]["source"].startswith("entered 20")
    assert run("prices", "--model", "gpt-4o-mini:batch") == 0
    assert "0.600000" in capsys.readouterr().out


MISTAKES = (
    (("reprice", "--price", "gpt-4o-mini"), "MODEL=IN/OUT"),
    (("reprice", "--price", "gpt-4o-mini=-1/2"), "0 or more"),
    (("reprice", "--price", "gpt-5=1/2"), "no price of gpt-5; it has prices of gpt-4o-mini"),
    (("reprice", "--by", "colour"), "colour"),
    (("reprice", "--save-from", "2026-11-01"), "--price"),
    (("archive", "--older-than", "0"), "--older-than"),
    (("archive", "--older-than", "1"), "--yes"),
)


@pytest.mark.usefixtures("settings")
def test_a_mistake_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Bad usage ends with code 2 and one line that names the fault, nothing on standard output."""
    for arguments, words in MISTAKES:
        assert run(*arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines()[-1].startswith("error: ")
        assert words in captured.err.splitlines()[-1]
        assert "Traceback" not in captured.err


def test_old_lines_are_archived(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Said, done, printed; the sums stay, the check knows the files, and a lost file is a finding."""
    sums = ("summary", "--by", "workload,route,month", "--format", "json")
    assert run(*sums) == 0
    before = capsys.readouterr().out
    assert run("archive", "--older-than", "3", "--yes", "--format", "json") == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert "18 lines of 2 runs (2026-04 to 2026-05) go to 2 files in archive" in captured.err
    assert [row["lines"] for row in rows] == [9, 9]
    assert all(Path(row["path"]).is_relative_to(settings.archive_dir) for row in rows)
    assert run(*sums) == 0
    assert capsys.readouterr().out == before
    assert run("archive", "--older-than", "3", "--yes") == 0
    assert "nothing is to be archived" in capsys.readouterr().err
    assert archive_findings(capsys) == []
    Path(rows[0]["path"]).unlink()
    (finding,) = archive_findings(capsys)
    assert "No such file" in finding["example"]


def archive_findings(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """Run the check and return what it finds wrong with archives; the runs here publish no files."""
    assert run("check", "--format", "json") == 1
    return [row for row in json.loads(capsys.readouterr().out) if row["check"] == "archive"]
