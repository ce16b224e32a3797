"""Records a second of the pipeline around an engine that takes no time, and its memory over a million."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.report import Finding, Row, publish
from bench.texts import write_messages

WORKLOAD = "sentiment"
AIM = "aim: 10,000 records/s on one core, peak memory below 700 MB over 1,000,000 records"
ROOT = Path(__file__).resolve().parents[1]


def measure(workload: str, source: Path) -> dict[str, float]:
    """Run the pipeline once, in a fresh process and a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        command = [sys.executable, "-m", "bench.pipeline_run", workload, str(source), folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
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


def _median(runs: list[Row], name: str) -> float:
    return median(float(str(run[name])) for run in runs)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, default=1_000_000)
    options = parser.parse_args()
    publish(run(options.rows, options.repeats, options.memory_rows))


if __name__ == "__main__":
    main()
