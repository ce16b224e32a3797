"""`breakeven forecast`: the worked examples from files of prompts, every kind of input, and one line for each mistake."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import cli
from models.catalogue.published import speed_error
from models.economics.pricing import Price
from models.settings import Settings
from models.tokens import counter_of, load_encoding
from models.workloads import build
from tasks.forecast import make, own_machine
from tasks.forecast.document import COLUMNS

OWN, APIS = ("reserved", "on_demand"), ("api_sync", "api_batch")
AROUND = 7
"""Tokens around one message of the user's: 3 for the message, its role, 3 that prime the reply."""


@pytest.fixture(autouse=True)
def _no_ledger_and_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setattr(own_machine, "gpu_name", lambda: None)


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main(("forecast", *map(str, arguments)))
    return int(end.value.code or 0)


def made(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """Return the whole document of a forecast from January 2027."""
    code = run(*arguments, "--from", "2027-01", "--format", "json")
    output = capsys.readouterr()
    assert code == 0, output.err
    found: dict[str, Any] = json.loads(output.out)
    return found


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one line that a mistake is answered with."""
    assert run(*arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    return output.err


def prompts(path: Path, tokens: Sequence[int], column: str = "prompt", **more: object) -> Path:
    """Write a file of prompts that make requests of so many tokens."""
    frame = pl.DataFrame({column: [" hello" * (count - AROUND) for count in tokens], **more})
    match path.suffix:
        case ".parquet":
            frame.write_parquet(path)
        case ".csv":
            frame.write_csv(path)
        case _:
            frame.write_ndjson(path)
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_the_first_worked_example(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    """500 records a day of 1,200 + 300 tokens on gpt-4o-mini: $0.18 a day, $65.70 in 365 days, from any kind of file."""
    path = prompts(tmp_path / f"p.{kind}", [1200] * 3)
    found = made(capsys, "--input", path, "--daily", 500, "--output-tokens", 300)
    assert found["totals"]["api_sync_usd"] == "65.700000000"
    assert found["totals"]["api_batch_usd"] == "32.850000000"
    assert found["months"][0]["api_sync_usd"] == "5.580000000"
    assert found["workloads"][0]["input_tokens_mean"] == 1200
    assert run("--input", path, "--daily", 500, "--output-tokens", 300, "--from", "2027-01") == 0
    shown = capsys.readouterr()
    assert "$0.18 a day in the first month, and $65.70 in 12 months" in shown.out
    assert f"{path.name}: all 3 prompts counted: 1,200 tokens" in shown.err


def test_the_second_worked_example(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """5,000 records a day of 400 tokens: $0.30 a day, $109.50 in 365 days."""
    path = prompts(tmp_path / "p.parquet", [300, 500])
    found = made(capsys, "--input", path, "--daily", 5000, "--output-tokens", 0)
    assert found["totals"]["api_sync_usd"] == "109.500000000"
    assert found["months"][0]["api_sync_usd"] == "9.300000000"


def test_the_break_even_of_the_worked_example(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine for $250 a month, entered, and 2 h x $100 break even at $450 a month."""
    enter = ("--kind", "A10G", "--billing", "reserved", "--from", "2026-01-01", "--usd-per-month", "250")
    with pytest.raises(SystemExit) as end:
        cli.main(("infrastructure", "set", *enter))
    assert not end.value.code
    capsys.readouterr()
    path = prompts(tmp_path / "p.parquet", [1200] * 2)
    found = made(capsys, "--input", path, "--daily", 500, "--output-tokens", 300)
    first = found["break_even"][0]
    assert (first["own"], first["against"]) == ("reserved", "api_sync")
    assert (first["fixed_usd"], first["spend_usd"]) == ("450.000000000", "450.000000000")
    assert first["records_a_day"] == -(-45000 * 500 // 558)
    monthly = {one["mode"]: one["usd_per_month"] for one in found["own"]["rates"]}
    assert monthly == {"reserved": "250.000000000", "on_demand": None}
    monkeypatch.setenv("BREAKEVEN_MAINTENANCE_HOURS", "0")
    without = made(capsys, "--input", path, "--daily", 500, "--output-tokens", 300)
    assert without["break_even"][0]["spend_usd"] == "250.000000000"


def test_counts_are_those_of_the_api_tokenizer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Prompts of any text, answers from a column, both counted as a request to the API is."""
    texts = ["Wo ist mein Paket?", "北京 — \N{PARTY POPPER}", "a<|endoftext|>b", "x" * 3000]
    answers = ["Unterwegs.", "ok", "", "y" * 90]
    path = tmp_path / "p.parquet"
    pl.DataFrame({"text": texts, "answer": answers}).write_parquet(path)
    tokenizer = load_encoding("gpt-4o-mini", Path(".cache"))
    found = made(capsys, "--input", path, "--daily", 9, "--output-column", "answer")["workloads"][0]
    used = [0, 1, 3]  # the third has no answer
    expected = [len(tokenizer.encode_ordinary(texts[place])) + AROUND for place in used]
    assert (found["counted"], found["left_out"]) == (3, 1)
    assert found["input_tokens_mean"] == pytest.approx(sum(expected) / 3, abs=1e-5)
    expected = [len(tokenizer.encode_ordinary(answers[place])) for place in used]
    assert found["output_tokens_mean"] == pytest.approx(sum(expected) / 3, abs=1e-5)
    assert found["output_basis"] == "counted"
    assert found["output_tokens_margin"] > 0


def test_a_workload_renders_its_own_prompts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """System prompt and examples are in every request; a label is as long as labels are."""
    texts = ["It is broken.", "Thank you, it works again!"]
    path = tmp_path / "t.csv"
    pl.DataFrame({"id": [1, 2], "text": texts, "timestamp": ["2026-01-01", "2026-05-05"]}).write_csv(path)
    found = made(capsys, "--input", path, "--workload", "sentiment", "--daily", 100)["workloads"][0]
    workload = build("sentiment", Settings())
    counter = counter_of("gpt-4o-mini", Path(".cache"))
    expected = [counter.input_tokens(workload.messages(text)) for text in texts]
    assert found["name"] == "sentiment"
    assert found["counted"] == 2
    assert found["input_tokens_mean"] == sum(expected) / 2
    assert found["output_basis"] == "assumed mean label"


def test_a_sample_tells_of_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """100 of 2,000 prompts: a mean within its margin, the same every time; all of them are exact to a token."""
    lengths = [20 + (place * 7919) % 300 for place in range(2000)]
    path = prompts(tmp_path / "p.parquet", lengths)
    arguments = ("--input", path, "--daily", 50, "--output-tokens", 5)
    mean = sum(lengths) / len(lengths)
    some = made(capsys, *arguments, "--sample", 100)["workloads"][0]
    assert (some["counted"], some["prompts"]) == (100, 2000)
    assert 0 < abs(some["input_tokens_mean"] - mean) < 2 * some["input_tokens_margin"]
    assert some == made(capsys, *arguments, "--sample", 100)["workloads"][0]
    every = made(capsys, *arguments, "--sample", 0)["workloads"][0]
    assert every["counted"] == 2000
    assert every["input_tokens_mean"] == mean
    assert every["input_tokens_margin"] < some["input_tokens_margin"]


def test_one_prompt_has_no_interval(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Not known is not 0."""
    path = prompts(tmp_path / "p.parquet", [100])
    found = made(capsys, "--input", path, "--daily", 5)
    assert found["months"][0]["api_sync_margin_usd"] is None
    assert found["workloads"][0]["input_tokens_margin"] is None
    assert found["workloads"][0]["output_basis"] == "assumed 100"
    assert run("--input", path, "--daily", 5) == 0
    assert "unknown from one prompt" in capsys.readouterr().out


def test_folders_by_date_and_conditions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All dates of a folder are read, and a condition selects rows."""
    for day, tokens in (("2026-01-01", [100, 200]), ("2026-01-02", [600])):
        (tmp_path / "in" / f"date={day}").mkdir(parents=True)
        prompts(tmp_path / "in" / f"date={day}" / "a.parquet", tokens, kind=["x", "y"][: len(tokens)])
    found = made(capsys, "--input", tmp_path / "in", "--daily", 5)["workloads"][0]
    assert (found["counted"], found["input_tokens_mean"]) == (3, 300)
    only = made(capsys, "--input", tmp_path / "in", "--daily", 5, "--where", "kind = 'x'")["workloads"][0]
    assert (only["counted"], only["input_tokens_mean"]) == (2, 350)


@pytest.mark.parametrize(
    "columns",
    [
        ("--column", "title", "--column", "body"),
        ("--column", "title,body"),
        ("--column", "title, body"),
        ("--column", "title", "body"),
        ("--workload", "sentiment", "--column", "title,body"),
    ],
)
def test_columns_that_are_joined(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, columns: tuple[str, ...]
) -> None:
    """Two columns make one prompt, with a line feed between them, in each way of naming them."""
    path, one = tmp_path / "p.csv", tmp_path / "one.csv"
    pl.DataFrame({"title": ["Box"], "body": ["empty"], "n": [3]}).write_csv(path)
    pl.DataFrame({"text": ["Box\nempty"]}).write_csv(one)
    found = made(capsys, "--input", path, "--daily", 5, *columns)
    alike = made(capsys, "--input", one, "--daily", 5, *columns[: columns.index("--column")])
    assert found["workloads"][0]["input_tokens_mean"] == alike["workloads"][0]["input_tokens_mean"]


@pytest.mark.parametrize("column", ['"title,body"', '["title", "body"]'])
def test_columns_that_are_joined_by_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, column: str
) -> None:
    """The TOML file names several columns as a list, or with commas."""
    pl.DataFrame({"title": ["Box"], "body": ["empty"]}).write_csv(tmp_path / "p.csv")
    config = tmp_path / "forecast.toml"
    config.write_text(f'[[workloads]]\ninput = "p.csv"\ndaily = 5\ncolumn = {column}\n', encoding="utf-8")
    expected = len(load_encoding("gpt-4o-mini", Path(".cache")).encode_ordinary("Box\nempty")) + AROUND
    assert made(capsys, "--config", config)["workloads"][0]["input_tokens_mean"] == expected


def test_a_column_whose_name_has_a_comma(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is one column where the input has it."""
    pl.DataFrame({"title,body": ["Box"]}).write_csv(tmp_path / "p.csv")
    found = made(capsys, "--input", tmp_path / "p.csv", "--daily", 5, "--column", "title,body")
    assert found["workloads"][0]["input_tokens_mean"] == AROUND + 1


def test_a_mistyped_column_names_the_nearest(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line says which column may have been meant, and which there are."""
    pl.DataFrame({"title": ["Box"], "body": ["empty"]}).write_csv(tmp_path / "p.csv")
    said = failure(capsys, "--input", tmp_path / "p.csv", "--daily", 5, "--column", "titel,body")
    assert "has no column titel; did you mean title? it has: title, body" in said


def test_several_workloads_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Their API costs add up, people's time and the machine are there once; options of the whole override the file."""
    prompts(tmp_path / "a.parquet", [1200] * 2)
    prompts(tmp_path / "b.parquet", [400] * 2)
    config = tmp_path / "forecast.toml"
    config.write_text(
        'start = "2030-01"\ngpu = "L4"\n'
        '[[workloads]]\ninput = "a.parquet"\ndaily = 500\noutput_tokens = 300\n'
        '[[workloads]]\ninput = "b.parquet"\ndaily = 5000\noutput_tokens = 0\nname = "second"\n',
        encoding="utf-8",
    )
    found = made(capsys, "--config", config)
    assert [one["name"] for one in found["workloads"]] == ["a.parquet", "second"]
    assert [one["api_sync_usd"] for one in found["workloads"]] == ["65.700000000", "109.500000000"]
    assert found["totals"]["api_sync_usd"] == "175.200000000"
    assert found["months"][0]["labour_usd"] == "200.000000000"
    assert (found["start"], found["own"]["machine"]) == ("2027-01", "L4")
    assert made(capsys, "--config", config, "--gpu", "H100")["own"]["machine"] == "H100"


def test_rows_for_programs_and_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """CSV has a row a month; the folder gets the document and a picture."""
    path, out = prompts(tmp_path / "p.parquet", [90, 110]), tmp_path / "new" / "out"
    assert run("--input", path, "--daily", 5, "--growth", "5%", "--format", "csv", "--out", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(",".join(COLUMNS))
    assert "gpt-6-luna_sync_usd,gpt-6-luna_batch_usd" in lines[0]
    assert len(lines) == 1 + 12
    written = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert [month["month"] for month in written["months"]] == [line.split(",")[0] for line in lines[1:]]
    assert (out / "forecast.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    first = date.today().replace(day=1)  # noqa: DTZ011  the next month, whatever the zone says
    assert written["start"] > f"{first:%Y-%m}"


def test_the_cheapest_and_the_machine_that_is_assumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What nobody said is named: machine, model, answers, load, people."""
    path = prompts(tmp_path / "p.parquet", [90, 110])
    assert run("--input", path, "--daily", 5) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Send everything to gpt-4o-mini in batches: $0.07 in 12 months. That is ")
    assert ", the set-up of $1,200.00 included" in shown.out.splitlines()[0]
    assert "A10G (assumed; --gpu names another)" in shown.err
    assert "Llama 3.1 8B (assumed; --local-model names another)" in shown.err
    assert "answers 100 (assumed 100)" in shown.err
    assert "load: once a day, 3 min (assumed)" in shown.err
    assert "an hour, assumed" in shown.err


BARE = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 500, "--model", "gpt-4o-mini")


@pytest.mark.parametrize(
    ("numbers", "day", "month", "year"),
    [
        (BARE, "$0.18", "5.580000000", "65.700000000"),
        (
            ("--input-tokens", 400, "--output-tokens", 0, "--daily", 5000, "--model", "gpt-4o-mini"),
            "$0.30",
            "9.300000000",
            "109.500000000",
        ),
    ],
)
def test_bare_numbers(
    capsys: pytest.CaptureFixture[str], numbers: tuple[object, ...], day: str, month: str, year: str
) -> None:
    """The worked examples without a file: $0.18 a day is $65.70 a year, $0.30 is $109.50, exactly; half in batches."""
    found = made(capsys, *numbers)
    assert found["totals"]["api_sync_usd"] == year
    assert found["totals"]["api_sync_margin_usd"] == "0.000000000"
    assert found["months"][0]["api_sync_usd"] == month
    assert Decimal(found["totals"]["api_batch_usd"]) == Decimal(year) / 2
    assert found["answer"]["way"] == found["cheapest"] == "api_batch"
    assert run(*numbers, "--from", "2027-01") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Send everything to gpt-4o-mini in batches: ")
    assert f"{day} a day in the first month" in shown.out
    assert "(exact for these lengths)" in shown.out


def test_bare_numbers_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A workload of the TOML file has numbers too, beside one whose prompts are counted."""
    prompts(tmp_path / "b.parquet", [400] * 2)
    config = tmp_path / "forecast.toml"
    config.write_text(
        'model = "gpt-4o-mini"\nat_once = true\n'
        '[[workloads]]\ninput_tokens = 1200\noutput_tokens = 300\ndaily = 500\nname = "numbers"\n'
        '[[workloads]]\ninput = "b.parquet"\ndaily = 5000\noutput_tokens = 0\n',
        encoding="utf-8",
    )
    found = made(capsys, "--config", config)
    assert [one["name"] for one in found["workloads"]] == ["numbers", "b.parquet"]
    assert found["totals"]["api_sync_usd"] == "175.200000000"
    assert found["totals"]["api_batch_usd"] is None
    assert found["answer"]["way"] == "api_sync"


def test_a_shared_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    """The own engine caches it at any length, the API from 1,024 tokens on, and the lines say so."""
    long = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 500, "--model", "gpt-4o-mini")
    plain, cached, short = (
        made(capsys, *long, *more) for more in ((), ("--shared-prefix", 1100), ("--shared-prefix", 1000))
    )
    saved = (500 - 1) * 365 * 1100 * Decimal("0.075") / 10**6
    assert Decimal(cached["totals"]["api_sync_usd"]) == Decimal("65.70") - saved
    assert short["totals"]["api_sync_usd"] == plain["totals"]["api_sync_usd"] == "65.700000000"
    hours = [one["workloads"][0]["gpu_hours"] for one in (cached, short, plain)]
    assert hours[0] < hours[1] < hours[2]
    assert run(*long, "--shared-prefix", 1000) == 0
    shown = capsys.readouterr().err
    assert (
        "1,000 tokens of each request are a shared prefix, cached by the own engine; not by the API" in shown
    )
    assert run(*long, "--shared-prefix", 1100) == 0
    assert "by the API at $0.075 a million" in capsys.readouterr().err


def test_hybrids_beside_the_pure_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """60, 80 and 95 % kept, at once and in batches, in the table, the rows and the document."""
    found = made(capsys, *BARE)
    assert {one["way"] for one in found["ways"]} == {
        *("api_sync", "api_batch", "reserved", "on_demand"),
        *(f"{own}_{kept}_{api}" for own in OWN for kept in (60, 80, 95) for api in APIS),
    }
    totals = {one["way"]: Decimal(one["total_usd"]) for one in found["ways"]}
    assert list(totals.values()) == sorted(totals.values())
    months = [Decimal(month["reserved_80_api_sync_usd"]) for month in found["months"]]
    assert totals["reserved_80_api_sync"] == sum(months) + Decimal(found["setup_usd"])
    assert totals["reserved_80_api_sync"] - totals["reserved"] == Decimal("65.70") / 5
    assert run(*BARE) == 0
    assert "Own, reserved, 80% kept; rest in batches" in capsys.readouterr().out


def test_answers_that_cannot_wait_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    """With --at-once no batches are compared, named or shown."""
    found = made(capsys, *BARE, "--at-once")
    assert found["answer"]["way"] == "api_sync"
    assert {one["against"] for one in found["break_even"]} == {"api_sync"}
    assert run(*BARE, "--at-once") == 0
    out = capsys.readouterr().out
    assert "Send everything to gpt-4o-mini at once: $65.70 in 12 months." in out
    assert "API, in batches" not in out


def test_a_workload_whose_answers_cannot_wait(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`batch_acceptable = false` of the workload counts, and the lines say so."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__BATCH_ACCEPTABLE", "false")
    path = prompts(tmp_path / "p.csv", [90, 110], column="text", id=[1, 2])
    arguments = ("--input", path, "--workload", "sentiment", "--daily", 100)
    assert made(capsys, *arguments)["answer"]["way"] == "api_sync"
    assert run(*arguments) == 0
    assert "sentiment: its answers cannot wait (batch_acceptable = false)" in capsys.readouterr().err


def test_candidates_beside_the_api(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column for each at once and in batches; the own model hosted by someone else is named as such."""
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", '["gpt-6-luna", "deepinfra/llama-3.1-8b"]')
    found = made(capsys, *BARE)
    luna, hosted = found["candidates"]
    # 182,500 records of 1,200 + 300 tokens at $0.10 and $0.50, and at $0.02 and $0.04
    assert (luna["sync_usd"], luna["batch_usd"]) == ("49.275000000", "24.637500000")
    assert (hosted["sync_usd"], hosted["batch_usd"]) == ("6.570000000", None)
    assert (luna["same_as_own"], hosted["same_as_own"]) == (False, True)
    assert sum(Decimal(month["gpt-6-luna_batch_usd"]) for month in found["months"]) == Decimal("24.6375")
    assert run(*BARE) == 0
    out = capsys.readouterr().out
    assert "deepinfra/llama-3.1-8b is Llama 3.1 8B hosted by someone else" in out
    assert (
        "Cheaper still, each if it is good enough: deepinfra/llama-3.1-8b $6.57, gpt-6-luna in batches $24.64"
        in out
    )
    assert run(*BARE, "--format", "csv") == 0
    assert "deepinfra/llama-3.1-8b_sync_usd" in capsys.readouterr().out.splitlines()[0]


def test_an_estimated_speed_names_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The factor is that of published runs, and the ways on demand have a range."""
    found = made(capsys, *BARE)
    assert found["workloads"][0]["speed_error"] == round(speed_error().factor, 2)
    own = next(one for one in found["ways"] if one["way"] == "on_demand")
    assert Decimal(own["low_usd"]) < Decimal(own["total_usd"]) < Decimal(own["high_usd"])
    assert run(*BARE) == 0
    assert f"published runs differ by up to {speed_error().factor:.2f} x" in capsys.readouterr().err


def test_what_the_error_decides_is_too_close_to_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the slowest published engine would make the API cheaper, and the fastest the machine, neither is recommended."""
    numbers = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 80_000, "--model", "gpt-4o-mini")
    found = made(capsys, *numbers, "--at-once")["answer"]
    assert found["too_close_to_call"]
    assert Decimal(found["saving_low_usd"]) < 0 < Decimal(found["saving_high_usd"])
    assert run(*numbers, "--at-once", "--from", "2027-01") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Too close to call: begin with gpt-4o-mini at once ($10,512.00 in 12 months)")
    assert " less and " in first
    assert "never" not in first


def test_a_price_that_changes_is_in_the_break_even(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From July on at double the price: each month has its own break-even, and the sentence names both."""
    old = Price(
        "settings", "gpt-4o-mini", date(1970, 1, 1), date(2027, 7, 1), 150_000_000, None, 600_000_000, "test"
    )
    new = replace(old, effective_from=date(2027, 7, 1), effective_to=None, input_nano_per_mtok=300_000_000)
    new = replace(new, output_nano_per_mtok=1_200_000_000)
    monkeypatch.setattr(make, "prices_of", lambda _: [old, new])
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", "[]")
    found = made(capsys, *BARE)["break_even"]
    months = next(one for one in found if (one["own"], one["against"]) == ("reserved", "api_sync"))[
        "by_month"
    ]
    daily = {one["month"]: one["records_a_day"] for one in months}
    assert daily["2027-05"] == -(-66300 * 500 // 558)
    assert daily["2027-07"] == -(-66300 * 500 // 1116)
    assert run(*BARE, "--from", "2027-01") == 0
    out = capsys.readouterr().out
    assert "against the API at once from 59,409 records a day" in out
    assert "at the prices of 2027-07 it pays from 29,705 records a day" in out


def test_the_end_of_the_api_model_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-4o-mini leaves OpenAI's API on 2027-01-14, before the twelve months are over."""
    (warning,) = made(capsys, *BARE)["api"]["warnings"]
    assert warning.startswith("gpt-4o-mini leaves its API on 2027-01-14")


def test_a_quantization_without_a_model_counts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREAKEVEN_QUANTIZATION decides the bits of the model that is assumed, and of one that is named."""
    plain = made(capsys, *BARE)
    monkeypatch.setenv("BREAKEVEN_QUANTIZATION", "awq")
    four = made(capsys, *BARE)
    assert plain["workloads"][0]["speed_basis"].startswith("estimated: 16 bits")
    assert four["workloads"][0]["speed_basis"].startswith("estimated: 4 bits")
    assert made(capsys, *BARE, "--local-model", "Qwen3 8B")["workloads"][0]["speed_basis"].startswith(
        "estimated: 4 bits"
    )
    assert four["not_counted"] == []


@pytest.mark.parametrize(
    ("name", "value", "basis"),
    [
        ("TENSOR_PARALLEL_SIZE", "2", "2 GPUs that share the model"),
        ("MAX_NUM_SEQS", "8", "8 sequences at once"),
        ("GPU_MEMORY_UTILIZATION", "0.8", "estimated: 16 bits, 10 sequences at once"),
        ("ENGINE", '{"kv_cache_dtype": "fp8"}', "a cache of 8 bits"),
    ],
)
def test_settings_of_the_engine_count(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    basis: str,
) -> None:
    """What the settings say of the engine is in the estimate, and the line says so."""
    monkeypatch.setenv(f"BREAKEVEN_{name}", value)
    found = made(capsys, *BARE)
    assert basis in found["workloads"][0]["speed_basis"]
    if name == "TENSOR_PARALLEL_SIZE":
        assert [one["usd_per_hour"] for one in found["own"]["rates"]] == ["2.012000000", None]


def test_a_length_that_the_settings_forbid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREAKEVEN_MAX_MODEL_LEN below a prompt with its answer is one line."""
    monkeypatch.setenv("BREAKEVEN_MAX_MODEL_LEN", "1499")
    said = failure(capsys, *BARE)
    assert "these prompts and answers have 1,500 tokens, and BREAKEVEN_MAX_MODEL_LEN allows 1,499" in said


def test_settings_that_do_not_count_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line each, with the reason: an adapter, a revision of no model, another machine's rate, another model's price."""
    monkeypatch.setenv("BREAKEVEN_LORA_ADAPTER", "adapters/mine")
    monkeypatch.setenv("BREAKEVEN_MODEL_REVISION", "abc")
    monkeypatch.setenv("BREAKEVEN_GPU_KIND", "L4")
    monkeypatch.setenv("BREAKEVEN_GPU_USD_PER_HOUR", "0.30")
    monkeypatch.setenv("BREAKEVEN_API_MODEL", "gpt-4o")
    monkeypatch.setenv("BREAKEVEN_API_INPUT_USD_PER_MTOK", "1")
    monkeypatch.setenv("BREAKEVEN_API_OUTPUT_USD_PER_MTOK", "2")
    monkeypatch.setenv("BREAKEVEN_ENGINE", '{"block_size": 32}')
    found = made(capsys, *BARE, "--gpu", "A10G")["not_counted"]
    for name in (
        *("BREAKEVEN_LORA_ADAPTER", "BREAKEVEN_MODEL_REVISION", "BREAKEVEN_GPU_USD_PER_HOUR: the rate of L4"),
        *("BREAKEVEN_API_INPUT_USD_PER_MTOK: the price of gpt-4o", "block_size of the table [engine]"),
    ):
        assert any(line.startswith(name) for line in found), name
    assert run(*BARE, "--gpu", "A10G") == 0
    assert "not counted: BREAKEVEN_LORA_ADAPTER: " in capsys.readouterr().err


def test_reasoning_that_nobody_can_count_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its least effort gpt-6-luna does not reason; at another one it does, and the line says that it is not counted."""
    numbers = (*BARE[:-1], "gpt-6-luna")
    assert made(capsys, *numbers)["not_counted"] == []
    monkeypatch.setenv("BREAKEVEN_API_REASONING_EFFORT", "high")
    (line,) = made(capsys, *numbers)["not_counted"]
    assert line.startswith("reasoning of gpt-6-luna (effort high)")


def test_the_break_even_does_not_depend_on_the_volume_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Five records a day do not make the engine slower at the volume at which it pays."""
    numbers = ("--input-tokens", 1200, "--output-tokens", 300, "--model", "gpt-4o-mini", "--at-once")
    little, much = (made(capsys, *numbers, "--daily", daily)["break_even"] for daily in (5, 5000))
    for one, other in zip(little, much, strict=True):
        assert one["spend_usd"] == other["spend_usd"]
        assert one["records_a_day"] == other["records_a_day"]


def test_what_belongs_to_another_model_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quantization of the settings' own model is not that of the one asked for."""
    monkeypatch.setenv("BREAKEVEN_MODEL", "Qwen/Qwen3-8B")
    monkeypatch.setenv("BREAKEVEN_QUANTIZATION", "awq")
    found = made(capsys, *BARE, "--local-model", "Llama 3.1 8B")
    assert found["workloads"][0]["speed_basis"].startswith("estimated: 16 bits")
    assert found["not_counted"] == [
        "BREAKEVEN_QUANTIZATION (awq): it belongs to Qwen/Qwen3-8B, not to Llama 3.1 8B"
    ]


def test_a_large_volume_pays(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Against a dear API model a machine pays at once, and is paid back in the first month."""
    path = prompts(tmp_path / "p.parquet", [1200] * 2)
    found = made(capsys, "--input", path, "--daily", 50_000, "--output-tokens", 100, "--model", "gpt-4o")
    assert found["api"]["model"] == "gpt-4o"
    assert found["cheapest"] == found["answer"]["way"] == "on_demand"
    assert found["answer"]["conditional_on"] == ["Llama 3.1 8B"]
    assert found["break_even"][0]["first_month"] == found["break_even"][0]["paid_back"] == "2027-01"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--daily", 0), "daily"),
        (("--daily", -5), "daily"),
        (("--daily", 5, "--column", "nope"), "has no column nope; it has: prompt, number"),
        (("--daily", 5, "--column", "number"), "column number of .* holds no text"),
        (("--daily", 5, "--output-column", "nope"), "has no column nope"),
        (("--daily", 5, "--model", "no-such-model"), "no API price is known for 'no-such-model'"),
        (("--daily", 5, "--local-model", "nope"), "unknown model 'nope'"),
        (("--daily", 5, "--local-model", "gemma"), "'gemma' names several models"),
        (("--daily", 5, "--gpu", "nope"), "unknown GPU 'nope'"),
        (("--daily", 5, "--gpu", "RTX 4060 Ti"), "no price is known for RTX 4060 Ti"),
        (("--daily", 5, "--gpu", "cpu"), "nothing tells how fast Llama 3.1 8B is on cpu"),
        (("--daily", 5, "--gpu", "RTX 3060", "--local-model", "Gemma 3 27B"), "does not fit RTX 3060"),
        (("--daily", 5, "--local-model", "SmolLM2 135M", "--output-tokens", 9000), "takes 8,192 tokens"),
        (("--daily", 5, "--growth", "lots"), "growth"),
        (("--daily", 5, "--from", "soon"), "'soon' is no month"),
        (("--daily", 5, "--where", "nothing > 3"), "nothing"),
        (("--daily", 5, "--workload", "nope"), "unknown workload 'nope'"),
        (("--daily", 5, "--output-tokens", 3, "--output-column", "prompt"), "not both"),
        ((), "--daily"),
        (
            ("--daily", 5, "--input-tokens", 100, "--output-tokens", 5),
            "input_tokens says all .* leave out input",
        ),
        (("--daily", 5, "--shared-prefix", 91), "shared_prefix of 91 tokens does not fit the shortest"),
        (("--config", "x.toml", "--daily", 5), "--config names the workloads itself"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    """Exit code 2, nothing on standard output, and what to do about it."""
    path = prompts(tmp_path / "p.parquet", [90, 110], number=[1, 2])
    assert re.search(message, failure(capsys, "--input", path, *arguments))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "does not exist"),
        ("empty.csv", "", "is empty"),
        ("header.csv", "prompt,id\n", "holds no prompt: it has no rows"),
        ("blank.csv", 'prompt,id\n"",1\n"  ",2\n', "none of its 2 rows has text in prompt"),
        ("empty.jsonl", "", "holds no JSON object"),
        ("numbers.jsonl", '{"prompt": 3}\n{"prompt": null}\n', "none of its 2 rows has text in prompt"),
        ("other.csv", "a,b\nx,y\n", "say with --column which column"),
        ("damaged.parquet", "PAR1", "cannot read"),
        ("prompts.docx", "x", "unknown kind of file"),
    ],
)
def test_files_without_prompts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    """Missing, empty, blank, of another kind: each is one line."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert message in failure(capsys, "--input", path, "--daily", 5)


def test_an_empty_parquet_file_and_a_folder_that_cannot_be_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No rows; and an output folder that is a file is found before anything is counted."""
    empty = prompts(tmp_path / "empty.parquet", [])
    assert "holds no prompt: it has no rows" in failure(capsys, "--input", empty, "--daily", 5)
    path = prompts(tmp_path / "p.parquet", [90, 110])
    assert "cannot write to" in failure(capsys, "--input", path, "--daily", 5, "--out", path)


def test_two_workloads_of_one_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """They could not be told apart."""
    prompts(tmp_path / "a.parquet", [90])
    config = tmp_path / "forecast.toml"
    config.write_text('[[workloads]]\ninput = "a.parquet"\ndaily = 5\n' * 2, encoding="utf-8")
    assert "two workloads are called a.parquet" in failure(capsys, "--config", config)
