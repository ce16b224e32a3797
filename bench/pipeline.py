"""Records a second of the pipeline around an engine that takes no time, and its memory over a million.

`--profile` prints where a record's processor time goes, by stage; `--shards N` what one of N shards costs beside the whole.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Finding, Row, publish
from bench.texts import write_messages

WORKLOAD = "sentiment"
AIM = "aim: 10,000 records/s on one core, peak memory below 700 MB over 1,000,000 records"
ROOT = Path(__file__).resolve().parents[1]


MOST_FUNCTIONS = 40


def measure(workload: str, source: Path, *how: str) -> dict[str, Any]:
    """Run the pipeline once, in a fresh process and a folder that is removed afterwards; `how` as in `pipeline_run`."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        command = [sys.executable, "-m", "bench.pipeline_run", workload, str(source), folder, *how]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def one_core() -> Iterator[int]:
    """Keep this process, and those it starts, on one core inside the block."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def row(what: str, figures: dict[str, float]) -> Row:
    """Describe one run: what a record costs is counted without the start of the process."""
    records = figures["records"]
    return {
        "run": what,
        "records": int(records),
        "seconds": figures["infer_s"] + figures["publish_s"],
        "records_per_s": records / (figures["infer_s"] + figures["publish_s"]),
        "records_per_cpu_s": records / figures["records_cpu_s"],
        "cpu_us_per_record": figures["records_cpu_s"] / records * 1e6,
        "peak_mb": figures["peak_mb"],
    }


def run(rows: int, repeats: int, memory_rows: int) -> Finding:
    """Measure throughput `repeats` times over `rows` records, and memory once over `memory_rows`."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder, one_core():
        short, long = Path(folder) / "short.parquet", Path(folder) / "long.parquet"
        write_messages(short, rows)
        runs = [row(f"throughput {n + 1}", measure(WORKLOAD, short)) for n in range(repeats)]
        found += runs
        found.append({"run": "median"} | {name: _median(runs, name) for name in list(runs[0])[1:]})
        if memory_rows:
            write_messages(long, memory_rows, seed=1)
            found.append(row("memory", measure(WORKLOAD, long)))
    return Finding(
        "pipeline",
        "Pipeline with an instant engine: read, window, parse, account, commit, publish",
        found,
        {
            "workload": WORKLOAD,
            "ledger": "SQLite, WAL, synchronous=FULL",
            "cores_used": 1,
            "repeats": repeats,
        },
        [AIM, "records_per_s is by the clock, records_per_cpu_s by the processor time of the process"],
    )


def profile(rows: int) -> Finding:
    """Say where the processor time of a record goes: first by stage, then by function."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder, one_core():
        source = Path(folder) / "short.parquet"
        write_messages(source, rows)
        figures = measure(WORKLOAD, source, "profile")
    found: list[Row] = [{"stage": "all", **_each(figures["records_cpu_s"], rows)}]
    found += [
        {"stage": name, **_each(seconds, rows)} for name, seconds in figures["profile"]["stages"].items()
    ]
    found += [
        {"function": name, **_each(seconds, rows)}
        for name, seconds in list(figures["profile"]["functions"].items())[:MOST_FUNCTIONS]
    ]
    return Finding(
        "pipeline_profile",
        "Where the processor time of a record goes, around an instant engine",
        found,
        {"workload": WORKLOAD, "records": rows, "cores_used": 1},
        ["a stage has all that is called in it; a function what it calls outside of this project"],
    )


def compare_shards(rows: int, repeats: int, shards: int) -> Finding:
    """Measure the whole partition and its first shard in turn."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder, one_core():
        source = Path(folder) / "short.parquet"
        write_messages(source, rows)
        for _ in range(repeats):
            whole, one = measure(WORKLOAD, source), measure(WORKLOAD, source, str(shards))
            found.append(_share_row(whole, one))
    middle = {"run": "median"} | {name: _median(found, name) for name in found[0]}
    numbered = [{"run": f"pair {number}", **row} for number, row in enumerate(found, 1)]
    return Finding(
        "pipeline_shards",
        f"One of {shards} shards of a partition beside the whole, around an instant engine",
        [*numbered, middle],
        {"workload": WORKLOAD, "records": rows, "shards": shards, "cores_used": 1, "repeats": repeats},
        ["foreign_us: processor time of a row that another shard answers, in microseconds"],
    )


def _share_row(whole: dict[str, Any], one: dict[str, Any]) -> Row:
    """Compare a shard with the whole: what it costs for its own records is what they cost there."""
    own = whole["records_cpu_s"] * one["records"] / whole["records"]
    foreign = whole["records"] - one["records"]
    return {
        "whole_cpu_s": whole["records_cpu_s"],
        "shard_cpu_s": one["records_cpu_s"],
        "shard_records": int(one["records"]),
        "shard_of_whole": one["records_cpu_s"] / whole["records_cpu_s"],
        "foreign_us": (one["records_cpu_s"] - own) / foreign * 1e6,
    }


def _each(seconds: float, rows: int) -> dict[str, float]:
    return {"cpu_s": seconds, "us_per_record": seconds / rows * 1e6}


def _median(runs: Sequence[Row], name: str) -> float:
    return median(float(str(run[name])) for run in runs)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    options = parser.parse_args()
    if options.profile:
        publish(profile(options.rows))
    elif options.shards > 1:
        publish(compare_shards(options.rows, options.repeats, options.shards))
    else:
        publish(run(options.rows, options.repeats, options.memory_rows))


if __name__ == "__main__":
    main()
