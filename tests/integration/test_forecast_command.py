"""`breakeven forecast`: the worked examples from files of prompts, every kind of input, and one line for each mistake."""

import json
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import cli
from models.engines.api.token_count import ApiTokenCounter
from models.settings import Settings
from models.tokens import counter_of, load_encoding
from models.workloads import build
from tasks.forecast.document import COLUMNS
from tests.forecast_command import AROUND, failure, leave_alone, made, prompts, run


@pytest.fixture(autouse=True)
def _no_ledger_and_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_alone(tmp_path, monkeypatch)


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


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_million_blanks_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    """Blanks in a row that tiktoken's own expression cannot take are counted, from any kind of file."""
    path = tmp_path / f"p.{kind}"
    frame = pl.DataFrame({"prompt": ["a" + " " * 1_000_001 + "word", " hello"]})
    write = {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[kind]
    write(path)  # type: ignore[operator]
    found = made(capsys, "--input", path, "--daily", 9, "--output-tokens", 1)["workloads"][0]
    assert found["counted"] == 2
    assert found["input_tokens_mean"] == (1 + 7_813 + 1 + 1) / 2 + AROUND


def test_a_workload_renders_its_own_prompts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """System prompt, examples and the schema are in every request; a label is as long as labels are."""
    texts = ["It is broken.", "Thank you, it works again!"]
    path = tmp_path / "t.csv"
    pl.DataFrame({"id": [1, 2], "text": texts, "timestamp": ["2026-01-01", "2026-05-05"]}).write_csv(path)
    found = made(capsys, "--input", path, "--workload", "sentiment", "--daily", 100)["workloads"][0]
    workload = build("sentiment", Settings())
    counter = ApiTokenCounter(counter_of("gpt-4o-mini", Path(".cache")))
    shape = workload.output_format
    expected = [counter.input_tokens(workload.messages(text), shape) for text in texts]
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
