"""A large CSV with some bad rows, read by our reader, by DuckDB and by polars: time, memory, and what becomes of a bad row."""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench.child import results
from bench.report import Finding, publish
from bench.texts import TALK, message

READERS = ("ours", "duckdb", "polars")
SPACING = 2_000
"""One row of so many is bad."""
NOTES = [
    "Each reader turns the file into Python tuples of three texts, in order, in a process of its own; the readers take turns.",
    "cpu_s: user and system time of all threads, median of the repetitions; cpu_least_s: the least. mib: the most memory of the process at once.",
    "lost: good rows that did not come, or not whole, or not in order. The bad rows are of five kinds: a field too few, a field too",
    "many, a quote that is closed too early, one that is never closed, bytes that are no UTF-8. told: those that are told as bad, one by one;",
    "with_line: those with the right number of their line; in_place: those whose place among the good rows is told;",
    "kept: good values of a row whose text alone is bad (id and timestamp of a row with bytes that are no UTF-8).",
    "DuckDB: all_varchar, store_rejects, its dialect given; what it calls a line is the row, not the line of the file. polars: infer_schema=False, utf8-lossy, truncate_ragged_lines, ignore_errors.",
]


def write_file(path: Path, rows: int, seed: int = 0) -> dict[str, Any]:
    """Write the file. Return how many rows are good, and the line of each bad one by its kind."""
    random, words = Random(seed), TALK.split()  # noqa: S311  no secret is made of it
    bad: dict[str, list[int]] = {kind: [] for kind in ("few", "many", "early", "open", "bytes")}
    kinds, line = list(bad), 2
    with path.open("wb") as file:
        file.write(b"id,text,created_at\n")
        for number in range(rows):
            text = message(random, words)
            if number % SPACING == SPACING // 2:
                kind = kinds[number // SPACING % len(kinds)]
                bad[kind].append(line)
                row = _bad_row(kind, number, text)
            elif number % 10 == 0:
                row = f'm{number},"{text}, ""he said""\nand left",2026-11-{1 + number % 28:02}\n'.encode()
            else:
                row = f'm{number},"{text}",2026-11-{1 + number % 28:02}\n'.encode()
            file.write(row)
            line += row.count(b"\n")
    return {"good": rows - sum(map(len, bad.values())), "bad": bad}


def _bad_row(kind: str, number: int, text: str) -> bytes:
    return {
        "few": f"m{number},{text}\n".encode(),
        "many": f"m{number},{text},a,2026-11-23\n".encode(),
        "early": f'm{number},"{text}" and more,2026-11-23\n'.encode(),
        "open": f'm{number},"{text},2026-11-23\n'.encode(),
        "bytes": b"m%d,caf\xe9,2026-11-23\n" % number,
    }[kind]


def judge(found: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, object]:
    """Say what a reader made of the file."""
    lines = {line for some in written["bad"].values() for line in some}
    told = found["told"]
    return {
        "lost": written["good"] - found["good"],
        "told": f"{len(told)} of {len(lines)}",
        "with_line": sum(one in lines for one in told),
        "in_place": found["in_place"],
        "kept": found["kept"],
        "failed": found["failed"],
    }


def main() -> None:
    """Write the file, have each reader read it in turn, and publish what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {reader: [] for reader in READERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        written = write_file(path, given.rows)
        mib = path.stat().st_size >> 20
        for _ in range(given.repetitions):
            for reader in READERS:
                runs[reader] += results("bench.text_readers_run", reader, path)
    rows = [
        {
            "reader": reader,
            "cpu_s": round(median(one["cpu_s"] for one in found), 2),
            "cpu_least_s": round(min(one["cpu_s"] for one in found), 2),
            "mib": max(one["mib"] for one in found),
            **judge(found[0], written),
        }
        for reader, found in runs.items()
    ]
    settings = {"rows": given.rows, "repetitions": given.repetitions, "file_mib": mib}
    publish(Finding("text_readers", "One CSV, three readers", rows, settings, NOTES))


if __name__ == "__main__":
    main()
