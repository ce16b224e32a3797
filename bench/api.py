"""The API lane, with a ledger line for each attempt, against a bare asyncio loop; its memory over many requests.

The server is a process of its own (`bench/api_server.py`), and so is the client (`bench/api_run.py`).
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from typing import Any

from bench.child import ROOT, results
from bench.report import Finding, Row, publish

CONCURRENCY = 64
LATENCY_SECONDS = 0.2
TARGET = 0.9
WAYS = {"create": "chat.completions.create", "post": "post, as our engine"}
LEDGER = "SQLite, WAL, synchronous=FULL"
NOTES = [
    "ratio: throughput of the pipeline / throughput of the bare loop, pair by pair; above 1 the pipeline is faster.",
    "pipeline: reads, renders, asks, parses, commits; each attempt is durable in the ledger before it is sent.",
    "The bare loops get rendered bodies and keep a sum: AsyncOpenAI, a semaphore and gather, no retries.",
    f"least possible: requests / {CONCURRENCY} x latency. Opening and publishing a run are not counted.",
]
MEMORY_NOTES = [
    "resident_mb: the most that was resident at the samples of these requests (one a second); peak_mb: since the start.",
    "The server answers at once; it, the client and whatever else runs share the machine's cores.",
]
Turn = dict[str, dict[str, Any]]


@contextmanager
def server(latency: float) -> Iterator[str]:
    """Serve in a process of its own inside the block; yield the address."""
    command = [sys.executable, "-m", "bench.api_server", str(latency)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError(command)
        yield child.stdout.readline().strip()
        child.stdin.close()


def throughput(requests: int, pairs: int) -> Finding:
    """Compare the pipeline with the bare loops, pair by pair."""
    load = os.getloadavg()[0]
    with server(LATENCY_SECONDS) as url:
        turns: list[Turn] = list(results("bench.api_run", "pairs", url, CONCURRENCY, requests, pairs))
    settings = {
        "latency_s": LATENCY_SECONDS,
        "concurrency": CONCURRENCY,
        "ledger": LEDGER,
        "load_before": load,
        "turns": [{way: figures(one) for way, one in turn.items()} for turn in turns],
    }
    title = (
        f"{requests:,} API requests of {LATENCY_SECONDS * 1000:.0f} ms, {CONCURRENCY} at a time, ledger on"
    )
    return Finding("api", title, [row(turns, way, requests) for way in WAYS], settings, NOTES)


def figures(one: dict[str, Any]) -> dict[str, Any]:
    """Leave out the samples of a pass."""
    return {name: value for name, value in one.items() if name != "samples"}


def row(turns: Sequence[Turn], way: str, requests: int) -> Row:
    """Compare one bare loop with the pipeline: medians, and the ratio with its spread."""
    ratios = [turn[way]["seconds"] / turn["pipeline"]["seconds"] for turn in turns]
    ours = median(turn["pipeline"]["seconds"] for turn in turns)
    return {
        "against": WAYS[way],
        "pairs": len(turns),
        "requests": requests,
        "pipeline_s": ours,
        "bare_s": median(turn[way]["seconds"] for turn in turns),
        "least_s": requests / CONCURRENCY * LATENCY_SECONDS,
        "pipeline_rps": requests / ours,
        "ratio": median(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "target": TARGET,
        "pipeline_cpu_s": median(turn["pipeline"]["cpu_s"] for turn in turns),
        "bare_cpu_s": median(turn[way]["cpu_s"] for turn in turns),
    }


def memory(requests: int, steps: int = 10) -> Finding:
    """Sample the memory of one run in equal steps of its requests."""
    load = os.getloadavg()[0]
    with server(0.0) as url:
        (one,) = results("bench.api_run", "memory", url, CONCURRENCY, requests)
    bounds = [requests * step // steps for step in range(steps + 1)]
    samples: list[list[float]] = one["samples"]
    rows = [memory_row(samples, since, until) for since, until in pairwise(bounds)]
    settings = {
        "concurrency": CONCURRENCY,
        "ledger": LEDGER,
        "load_before": load,
        "seconds": one["seconds"],
        "cpu_s": one["cpu_s"],
        "requests_per_s": requests / one["seconds"],
    }
    title = f"Memory of the API lane over {requests:,} requests, {requests / one['seconds']:.0f} a second"
    return Finding("api_memory", title, rows, settings, MEMORY_NOTES)


def memory_row(samples: Sequence[Sequence[float]], since: int, until: int) -> Row:
    """Give the memory while these requests were answered."""
    own = [each for each in samples if since < each[0] <= until]
    return {
        "requests": until,
        "samples": len(own),
        "resident_mb": max((resident for _, resident, _ in own), default=None),
        "peak_mb": max((peak for *_, peak in own), default=None),
    }


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--memory-requests", type=int, default=100_000, help="0: leave out")
    options = parser.parse_args()
    publish(throughput(options.requests, options.pairs))
    if options.memory_requests:
        publish(memory(options.memory_requests))


if __name__ == "__main__":
    main()
