"""How fast tokens are counted, beside the best that tiktoken's own calls reach on the same texts on this machine."""

import argparse
import multiprocessing
import os
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random

import polars as pl
import tiktoken

from bench.report import DATA, Finding, Row, publish
from bench.texts import TALK, message
from models.settings import Settings
from models.tokens import load_encoding
from tasks.forecast.token_counts import TextCounter

AIM = 0.9
MODEL = "gpt-4o-mini"
PIECE = 1000  # texts that a worker takes at once
COMMIT = Settings().commit_records
NOTES = [
    "Megabytes of text (UTF-8) a second, the best of all repetitions; the ways take turns, so that a busy machine",
    "disturbs them alike. loop, batch: encode_ordinary one by one, encode_ordinary_batch with 1 to 8 threads (the best).",
    "threads, processes: encode_ordinary in one worker a core, 1,000 texts at a time; processes have been started and",
    "have loaded the vocabulary before (start_s: how long that took). ours: tasks.forecast.token_counts, threads started each time.",
    "commits: the texts of a commit joined in one call, in one thread; a run counts its counterfactual by the loop, in the thread of its commits.",
    f"ours/best: aim at least {AIM}. Every way gives the same counts, which is checked.",
]
Way = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts to count, and what they are."""

    name: str
    texts: list[str]

    @property
    def megabytes(self) -> float:
        """Their size in UTF-8."""
        return sum(len(text.encode()) for text in self.texts) / 1e6


def corpora(megabytes: float, data: Path = DATA) -> Iterator[Corpus]:
    """Yield short, middle and long texts: real ones where they are there, made up ones elsewhere."""
    tickets, products = data / "tickets_sentiment.parquet", data / "products.parquet"
    if tickets.is_file() and products.is_file():
        short = pl.read_parquet(tickets)["text"].drop_nulls().to_list()
        frame = pl.read_parquet(products, columns=["name", "description"])
        middle = [f"{name}\n{description or ''}" for name, description in frame.iter_rows()]
    else:
        print("the real data sets are not there: made up texts are counted")
        random, words = Random(3), TALK.split()  # noqa: S311  no secret is made of it
        short = [message(random, words) for _ in range(10_000)]
        middle = ["\n".join(short[place : place + 4]) for place in range(0, len(short), 4)]
    long = ["\n".join(middle[place : place + 20]) for place in range(0, len(middle), 20)]
    for name, texts in (("short", short), ("middle", middle), ("long", long)):
        size = sum(map(len, texts)) / 1e6
        yield Corpus(name, (texts * ceil(megabytes / size))[: round(len(texts) * megabytes / size)])


_worker: list[tiktoken.Encoding] = []


def start_worker(cache: Path) -> None:
    """Load the vocabulary in a process that counts."""
    _worker.append(load_encoding(MODEL, cache))


def count_piece(texts: Sequence[str]) -> bytes:
    """Count texts in a process; the counts go back as bytes."""
    return array("I", map(len, map(_worker[0].encode_ordinary, texts))).tobytes()


def ways(tokenizer: tiktoken.Encoding, stack: ExitStack) -> dict[str, Way]:
    """Return every way to count that is compared; `stack` holds their workers."""
    cores = len(os.sched_getaffinity(0))
    threads = stack.enter_context(ThreadPoolExecutor(cores))
    processes = stack.enter_context(
        ProcessPoolExecutor(
            cores, multiprocessing.get_context("spawn"), start_worker, (Settings().cache_dir,)
        )
    )

    def loop(texts: Sequence[str]) -> list[int]:
        return list(map(len, map(tokenizer.encode_ordinary, texts)))

    def batch(count: int) -> Way:
        return lambda texts: list(map(len, tokenizer.encode_ordinary_batch(list(texts), num_threads=count)))

    def ours(texts: Sequence[str]) -> list[int]:
        with TextCounter(tokenizer) as counter:
            return counter.count(texts)

    def commits(texts: Sequence[str]) -> list[int]:
        counter = TextCounter(tokenizer, threads=1)
        return [count for some in pieces(texts, COMMIT) for count in counter._together(some)]  # noqa: SLF001

    return {
        "loop": loop,
        "commits": commits,
        **{f"batch{count}": batch(count) for count in (1, 2, 4, 8)},
        "threads": lambda texts: spread(threads, loop, texts),
        "processes": lambda texts: [
            count for piece in spread_bytes(processes, texts) for count in array("I", piece)
        ],
        "ours": ours,
    }


def pieces(texts: Sequence[str], size: int = PIECE) -> list[Sequence[str]]:
    """Cut texts for workers, or for commits."""
    return [texts[place : place + size] for place in range(0, len(texts), size)]


def spread(pool: Executor, way: Way, texts: Sequence[str]) -> list[int]:
    """Count on a pool of threads."""
    return [count for piece in pool.map(way, pieces(texts)) for count in piece]


def spread_bytes(pool: Executor, texts: Sequence[str]) -> Iterator[bytes]:
    """Count on a pool of processes."""
    return pool.map(count_piece, pieces(texts))


def measure(corpus: Corpus, compared: dict[str, Way], repetitions: int) -> dict[str, float]:
    """Return the best megabytes a second of each way. Raises `ValueError` where one counts otherwise."""
    expected, size = compared["loop"](corpus.texts), corpus.megabytes
    best = dict.fromkeys(compared, 0.0)
    for _ in range(repetitions):
        for name, way in compared.items():
            start = time.perf_counter()
            counts = way(corpus.texts)
            best[name] = max(best[name], size / (time.perf_counter() - start))
            if counts != expected:
                msg = f"{name} counts otherwise than encode_ordinary"
                raise ValueError(msg)
    return best


def run(repetitions: int, megabytes: float) -> Iterator[Row]:
    """Compare all ways on all corpora."""
    tokenizer = load_encoding(MODEL, Settings().cache_dir)
    with ExitStack() as stack:
        compared = ways(tokenizer, stack)
        start = time.perf_counter()
        compared["processes"](["warm", "up"] * PIECE)
        started = time.perf_counter() - start
        for corpus in corpora(megabytes):
            yield row(corpus, measure(corpus, compared, repetitions), started)


def row(corpus: Corpus, best: dict[str, float], started: float) -> Row:
    """Put the figures of one corpus in a row; of the batch calls the best."""
    batch = max(speed for name, speed in best.items() if name.startswith("batch"))
    theirs = {
        "loop": best["loop"],
        "batch": batch,
        "threads": best["threads"],
        "processes": best["processes"],
    }
    return {
        "texts": corpus.name,
        "count": len(corpus.texts),
        "mean_chars": sum(map(len, corpus.texts)) / len(corpus.texts),
        "MB": corpus.megabytes,
        **theirs,
        "start_s": started,
        "ours": best["ours"],
        "ours/best": best["ours"] / max(theirs.values()),
        "commits": best["commits"],
        "commits/loop": best["commits"] / best["loop"],
    }


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--megabytes", type=float, default=8.0, help="of each corpus, about")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    rows = list(run(options.repetitions, options.megabytes))
    settings = {
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "repetitions": options.repetitions,
        "megabytes": options.megabytes,
    }
    publish(Finding("tokens", "Tokens counted, megabytes of text a second", rows, settings, NOTES))


if __name__ == "__main__":
    main()
