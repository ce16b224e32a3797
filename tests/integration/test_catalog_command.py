"""`breakeven catalog`: rows for people and programs, and one clear line for each mistake."""

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

import pytest

from models.catalogue.pairs import COLUMNS
from tests.run_command import run_command

run = partial(run_command, "catalog")
"""Run a command of the group in this process; returns its exit code."""


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> Sequence[dict[str, object]]:
    """Return the rows of the command as JSON."""
    assert run(*arguments, "--format", "json") == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_everything_as_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Each model on each GPU at each precision, every column, sources included."""
    found = rows(capsys)
    assert len(found) == 21 * 10 * 3
    assert list(found[0]) == list(COLUMNS)
    assert all(row["model_source"] and row["gpu_source"] for row in found)


def test_one_pair(capsys: pytest.CaptureFixture[str]) -> None:
    """Llama 3.1 8B at 4 bits on an A10G: published size, fits, and costs what an hour costs for its tokens."""
    (row,) = rows(capsys, "--gpu", "A10G", "--model", "Llama 3.1 8B", "--bits", "4")
    assert row["fits"] is True
    assert row["weights_gb"] == 5.73
    hour, speed = Decimal(str(row["hour_usd"])), int(str(row["output_tokens_per_s"]))
    expected = hour / (speed * 3600) * 1_000_000
    assert abs(Decimal(str(row["output_mtok_usd"])) - expected) / expected < Decimal("0.001")
    assert (row["api_model"], row["api_output_mtok_usd"]) == ("gpt-6-luna", "0.500000000")


def test_unknown_prices_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """A card without a sourced price has no dollars, neither 0 nor a guess."""
    (row,) = rows(capsys, "--gpu", "RTX 4060 Ti", "--model", "Qwen3 4B", "--bits", "4")
    assert row["fits"] is True
    assert row["hour_usd"] is row["input_mtok_usd"] is row["output_mtok_usd"] is None
    assert run("--gpu", "RTX 4060 Ti", "--model", "Qwen3 4B", "--bits", "4") == 0
    assert capsys.readouterr().out.count("unknown") == 3


def test_your_own_rate_counts_for_your_own_gpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREAKEVEN_GPU_USD_PER_HOUR prices the GPU that is yours, and no other."""
    monkeypatch.setenv("BREAKEVEN_GPU_KIND", "L4")
    monkeypatch.setenv("BREAKEVEN_GPU_USD_PER_HOUR", "0.30")
    found = rows(capsys, "--gpu", "L4", "--gpu", "A10G", "--model", "Qwen3 4B", "--bits", "16")
    assert [row["hour_usd"] for row in found] == ["0.300000000", "1.006000000"]
    assert found[0]["price_source"] == "settings"


def test_sequences_longer_than_the_model_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """A model whose context is shorter does not fit, and the note says why."""
    (row,) = rows(capsys, "--gpu", "H100", "--model", "Phi-3 Medium 14B", "--bits", "16", "--context", "8192")
    assert (row["fits"], row["sequences"], row["note"]) == (False, 0, "takes 4,096 tokens at most")


def test_the_table_of_everything_is_an_overview(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a choice a table shows the most bits that fit: Gemma 3 27B goes on an A10G at 4, on an RTX 3060 never."""
    assert run() == 0
    captured = capsys.readouterr()
    (line,) = [line.split() for line in captured.out.splitlines() if "Gemma 3 27B" in line]
    assert (line[3], line[10]) == ("4", "-")
    assert "most bits" in captured.err


def test_what_does_not_fit_is_left_out_of_long_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """The table leaves out pairs that do not fit, and says how many."""
    assert run("--gpu", "RTX 3060", "--gpu", "A10G", "--model", "Llama 3.1 8B") == 0
    captured = capsys.readouterr()
    assert captured.out.count("Llama 3.1 8B") == 5
    assert "1 that do not fit are left out" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gpu", "Voodoo 2"), "unknown GPU 'Voodoo 2'"),
        (("--model", "eliza"), "unknown model 'eliza'"),
        (("--bits", "5"), "--bits"),
        (("--context", "0"), "--context"),
        (("--context", "many"), "--context"),
    ],
)
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bad usage ends with code 2, one line that names the fault, nothing on standard output."""
    assert run(*arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_every_price_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Prices that are used and those that are not, each with who says so; a range is one of two prices."""
    found = rows(capsys, "--prices")
    a10g = [row for row in found if row["machine"] == "A10G"]
    assert [(row["offer"], row["used"]) for row in a10g] == [
        ("on demand", "yes"),
        ("reserved", "yes"),
        ("reserved, cheaper", "no"),
        ("on demand, marketplaces", "no"),
    ]
    assert [row["usd_per_month"] for row in a10g] == [None, "463", "220 to 320", None]
    assert all(row["source"] and row["date"] for row in found)
    assert run("--prices") == 0
    shown = capsys.readouterr()
    assert "capacity block" in shown.out
    assert "the others are for comparison" in shown.err
