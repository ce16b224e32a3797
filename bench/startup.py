"""Time from a fresh process to its first answer: our engine against a bare `LLM(...)`."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.report import Finding, Row, publish
from bench.startup_run import MARK

ROOT = Path(__file__).resolve().parents[1]
WAYS = {
    "ours": "our engine",
    "bare": "LLM(...), our settings",
    "default": "LLM(...), vLLM's default settings",
}


def seconds_to_answer(way: str) -> float:
    """Start a process and wait for its first answer."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "bench.startup_run", way]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as child:
        answered = None
        for line in child.stdout or ():
            if line.startswith(MARK):
                answered = time.perf_counter() - start
    if answered is None or child.returncode:
        msg = f"{' '.join(command[1:])} gave no answer (exit code {child.returncode})"
        raise RuntimeError(msg)
    return answered


def run(pairs: int, defaults: int) -> Finding:
    """Alternate ours and bare `pairs` times; vLLM's defaults, which take longest, `defaults` times."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for pair in range(pairs):
        order = ["ours", "bare"] if pair % 2 == 0 else ["bare", "ours"]
        for way in order + ["default"] * (pair < defaults):
            found[way].append(seconds_to_answer(way))
    ours = median(found["ours"])
    rows: list[Row] = [
        {
            "start": WAYS[way],
            "times": len(seconds),
            "median_s": median(seconds),
            "least_s": min(seconds),
            "most_s": max(seconds),
            "ours_to_this": ours / median(seconds),
        }
        for way, seconds in found.items()
        if seconds
    ]
    notes = ["From the start of a Python process to the first answer; files are in the page cache."]
    return Finding("startup", "Start-up: seconds to the first answer", rows, {"pairs": pairs}, notes)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--defaults", type=int, default=1)
    options = parser.parse_args()
    publish(run(options.pairs, options.defaults))


if __name__ == "__main__":
    main()
