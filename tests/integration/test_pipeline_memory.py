"""The pipeline's memory does not grow with its input. `make bench` measures it over a million records."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from bench.pipeline import ROOT, measure
from bench.texts import write_messages

REPEATED = 8  # makes texts of about 800 characters, so that whatever holds on to them shows
RECORDS = 50_000
CARRIED_GROWTH_MB = 20  # so many rows in memory take more than twice as much
GROWTH_MB = 40  # the scratch file's page caches fill up meanwhile; 40,000 such texts alone are as much


@pytest.fixture
def long_messages(tmp_path: Path) -> Path:
    """Write 60,000 records of about 800 characters."""
    short, long = tmp_path / "short.parquet", tmp_path / "long.parquet"
    write_messages(short, 60_000)
    text = pl.concat_str([pl.col("text")] * REPEATED, separator=" ")
    pl.scan_parquet(short).with_columns(text).sink_parquet(long, row_group_size=10_000)
    return long


def test_three_times_the_records_take_no_more_memory(long_messages: Path, tmp_path: Path) -> None:
    """The peak of a run over 60,000 records is that of one over 20,000, but for bounded caches."""
    first = tmp_path / "first.parquet"
    pl.scan_parquet(long_messages).head(20_000).sink_parquet(first, row_group_size=10_000)
    few, many = measure("sentiment", first), measure("sentiment", long_messages)
    assert (few["records"], many["records"]) == (20_000, 60_000)
    assert many["peak_mb"] - few["peak_mb"] < GROWTH_MB
    assert many["peak_mb"] < 700


@pytest.mark.long
def test_a_refresh_takes_no_more_memory_than_a_run(tmp_path: Path) -> None:
    """The rows that are taken over lie on disk: tens of thousands of them in memory would show."""
    source = tmp_path / "in.parquet"
    command = [sys.executable, "-m", "bench.pipeline_run", "sentiment", str(source), str(tmp_path)]
    write_messages(source, RECORDS)
    first = figures(command)
    day = pl.read_parquet(source)
    late = day.head(1).with_columns(pl.lit("late").alias("id"), pl.lit("late message").alias("text"))
    pl.concat([late, day]).write_parquet(source, row_group_size=10_000)
    refreshed = figures([*command, "refresh"])
    assert (refreshed["records"], refreshed["carried"]) == (RECORDS + 1, RECORDS)
    assert refreshed["peak_mb"] - first["peak_mb"] < CARRIED_GROWTH_MB


def figures(command: list[str]) -> dict[str, float]:
    """Run the pipeline in a process of its own; return what it has measured."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
