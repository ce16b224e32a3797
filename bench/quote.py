"""How near quotes come: a first run of some real records, then the next partitions quoted, run and compared."""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr

from bench.passes import cpu_seconds
from bench.report import DATA, Finding, Row, publish
from db.throughput import list_earlier_runs
from models.economics.quote import PartitionQuote, Quote
from models.economics.throughput import RunFigures, Throughput, fit_throughput
from models.gpu_time import GpuTime
from models.run import RunResult
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.planning.checks import check
from tasks.planning.history import history_filter
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.ledger_access import reading_ledger
from tasks.runtime.shared_engine import SharedEngine, shared_engine

TOKENS_AIM, TIME_AIM = 2.0, 20.0
DAY = date(2015, 2, 20)
FIRST = 2
NOTES = [
    f"aim: tokens within {TOKENS_AIM:.0f} %, time within {TIME_AIM:.0f} %. off: (quote - actual) / actual.",
    f"The first {FIRST} partitions give the throughput; the others are quoted, then run on the same engine.",
    "s: GPU time (here: the CPU's) without the engine's load, by the clock; cpu_s: the processor time of the process,",
    "which other programs on the machine disturb less, quoted from the processor time of the partition before.",
    "quoted_per_s: records of a partition without a limit, read and counted by both tokenizers, a second.",
    "run_per_s: records that the engine does a second.",
]


@dataclass(frozen=True, slots=True)
class Slices:
    """Partitions of one data set: as many records of each date, or of each condition where there are no dates."""

    workload: str
    file: str
    records: int
    where: tuple[str, ...] = ()

    def requests(self, data: Path) -> list[RunRequest]:
        """Return the request for each partition."""
        source = str(data / self.file)
        days = [DAY + timedelta(days=number) for number in range(4)]
        where = self.where or (None,) * len(days)
        return [
            RunRequest(self.workload, day, source, one, self.records)
            for day, one in zip(days, where, strict=True)
        ]


SLICES = (
    Slices("sentiment", "tickets_sentiment.parquet", 100),
    Slices(
        "classification", "tickets_intent.parquet", 100, tuple(f"id LIKE '%{n}'" for n in (17, 42, 68, 93))
    ),
    Slices(
        "enrichment",
        "products.parquet",
        24,
        tuple(f"source = 'abt' AND id LIKE '%{n}'" for n in (1, 2, 3, 4)),
    ),
)
"""Ids are numbers without a meaning, so that their last digits make a choice by chance."""


def run(slices: Sequence[Slices], folder: Path, data: Path = DATA) -> Iterator[Row]:
    """Measure each data set that is there on one engine."""
    settings = settings_in(folder)
    with shared_engine(settings) as shared:
        shared.get(settings)  # the load is no part of the first run's processor time
        for one in slices:
            if not (data / one.file).is_file():
                print(f"{one.file} is not there: {one.workload} is left out")
                continue
            yield from compare(one.requests(data), settings, shared)


def settings_in(folder: Path) -> Settings:
    """Return settings with a ledger and an output of their own."""
    return Settings().model_copy(
        update={
            "database_url": SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
            "output_dir": folder / "out",
        }
    )


def compare(requests: Sequence[RunRequest], settings: Settings, engine: SharedEngine) -> Iterator[Row]:
    """Run the first partitions, quote the others, run them, and say how far off each figure was."""
    first, others = requests[:FIRST], requests[FIRST:]
    cpu = [done(request, settings).cpu_s for request in first][-1]
    quotes = [quote_partition(request, settings) for request in others]
    by_cpu = replace(newest(first[-1], settings), time=GpuTime(busy_ns=round(cpu * 1e9)))
    rate = records_per_second(first[0], settings)
    engine.lap()  # a loaded engine does not wait for a quote: the time since the last run is nobody's
    runs = [done(request, settings) for request in others]
    for quote, one in zip(quotes, runs, strict=True):
        yield row([quote], [one], fit_throughput([by_cpu]))
    yield {**row(quotes, runs, fit_throughput([by_cpu])), "quoted_per_s": rate}


@dataclass(frozen=True, slots=True)
class Done:
    """What a partition came to, and the processor time of this process meanwhile."""

    result: RunResult
    cpu_s: float


def done(request: RunRequest, settings: Settings) -> Done:
    """Run a partition on the engine that is shared."""
    before = cpu_seconds()
    result = run_request(request, settings)
    return Done(result, cpu_seconds() - before)


def newest(request: RunRequest, settings: Settings) -> RunFigures:
    """Return the figures of the newest run like a request."""
    checked = check(replace(request, rerun=True), settings)
    if isinstance(checked, RunResult):
        raise TypeError(checked)
    with reading_ledger(settings) as session:
        (found,) = list_earlier_runs(session, history_filter(checked), limit=1)
    return found


def records_per_second(request: RunRequest, settings: Settings) -> float:
    """Quote the whole input of a request and say how fast that was."""
    start = time.perf_counter()
    whole = RunRequest(request.workload, DAY - timedelta(days=1), request.input)
    quote = quote_partition(whole, settings)
    return quote.records / (time.perf_counter() - start)


def row(quotes: Sequence[PartitionQuote], runs: Sequence[Done], cpu: Throughput | None) -> Row:
    """Put what was quoted beside what came of it; `cpu` is the throughput by processor time."""
    quote = Quote.of(quotes, loads=0)
    results = [one.result for one in runs]
    seconds = sum(result.gpu_ns for result in results) / 1e9
    by_clock = None if quote.gpu_ns is None else quote.gpu_ns / 1e9
    tokens = quote.requests.value, quote.input_tokens.value, quote.output_tokens
    by_cpu = None if cpu is None else cpu.time(*tokens).busy_ns / 1e9
    found: dict[str, object] = {
        "workload": results[0].workload,
        "days": "+".join(str(one.partition.day) for one in quotes),
        "records": quote.records,
        **_pair("in", quote.input_tokens.value, sum(result.input_tokens for result in results)),
        **_pair("out", quote.output_tokens, sum(result.output_tokens for result in results)),
        **_pair("s", by_clock, seconds),
        "cpu_s_off_%": _pair("cpu_s", by_cpu, sum(one.cpu_s for one in runs))["cpu_s_off_%"],
        "run_per_s": quote.records / seconds,
    }
    return found


def _pair(name: str, quoted: float | None, actual: float) -> dict[str, float | None]:
    off = None if quoted is None else 100 * (quoted - actual) / actual
    return {f"{name}_quoted": quoted, name: actual, f"{name}_off_%": off}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[one.workload for one in SLICES])
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        chosen = [one for one in SLICES if one.workload in options.names]
        rows = list(run(chosen, Path(folder)))
    settings = {
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "records": [one.records for one in chosen],
    }
    publish(Finding("quote", "Quotes against the runs that they foretold", rows, settings, NOTES))


if __name__ == "__main__":
    main()
