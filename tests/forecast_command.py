"""Forecasts as the command makes them: run in this process, as a document, or as the line of a mistake."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.forecast import own_machine
from tests.run_command import run_command

AROUND = 7
"""Tokens around one message of the user's: 3 for the message, its role, 3 that prime the reply."""
BARE = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 500, "--model", "gpt-4o-mini")
"""The first worked example as bare numbers."""


def leave_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a forecast see neither a ledger nor a GPU."""
    monkeypatch.setenv("BREAKEVEN_API_MODEL", "gpt-4o-mini")  # the worked examples stand on its price
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setattr(own_machine, "gpu_name", lambda: None)


run = partial(run_command, "forecast")
"""Run a command of the group in this process; returns its exit code."""


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
