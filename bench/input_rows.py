"""What reading CSV and JSON lines takes: a million rows of one day, and a history over 88 days, day by day."""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

from bench.child import results, tell
from bench.report import Finding, Row, publish
from bench.texts import TALK, message
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.dates import partitions_between
from tasks.reading.input_cache import InputCache

FIRST = date(2024, 1, 1)
GIB = 2**30
PASSES = 3  # over each day of a range: the survey, the quote, the run
AIM = "aim: 1,000,000 rows in 0.5 to 0.8 s of processor time per 100,000 and below 400 MB; a range in time that grows with its rows, not with rows times days"


def write_history(path: Path, rows: int, days: int) -> None:
    """Write messages with timestamps over days, in a random order of the days."""
    random, words = Random(0), TALK.split()  # noqa: S311  no secret is made of it
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("id,text,created_at\n")
        for number in range(rows):
            when = f"{FIRST + timedelta(days=random.randrange(days))}T{number % 24:02d}:00:00Z"
            one = (f"message-{number}", message(random, words), when)
            if path.suffix == ".csv":
                file.write(f'{one[0]},"{one[1]}",{one[2]}\n')
            else:
                file.write(json.dumps(dict(zip(("id", "text", "created_at"), one, strict=True))) + "\n")


def measure(path: str, folder: str, days: int, passes: int) -> Row:
    """Read each day of a file so often, in this process; with a folder, what was read is kept there."""
    cache = InputCache(Path(folder), 4 * GIB) if folder else None
    source = Source.of(WorkloadSettings(), ("text",), location=path, cache=cache)
    before, cpu = time.perf_counter(), time.process_time()
    found = partitions_between(source, FIRST, FIRST + timedelta(days=days)) if days > 1 else [FIRST]
    rows = 0
    for _ in range(passes):
        for day in found:
            reader = open_partition(source, day)
            reader.count()
            rows += sum(len(batch) for batch in reader.batches())
    return {
        "rows_read": rows,
        "seconds": time.perf_counter() - before,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def run(rows: int, history: int, days: int) -> Finding:
    """Measure a day of `rows` rows, and `history` rows over `days` days, of CSV and of JSON lines."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        for kind in ("csv", "jsonl"):
            day, long = Path(folder) / f"day.{kind}", Path(folder) / f"history.{kind}"
            write_history(day, rows, 1)
            write_history(long, history, days)
            cache = str(Path(folder) / "kept")
            found += [
                *_rows(f"{kind}, one day, nothing kept", day, "", 1, 1),
                *_rows(f"{kind}, one day, first pass", day, cache, 1, 1),
                *_rows(f"{kind}, one day, second pass", day, cache, 1, 1),
                *_rows(f"{kind}, {days} days, three passes", long, cache, days, PASSES),
            ]
    return Finding(
        "input_rows",
        "Reading text inputs: rows of one day, and day by day over a history",
        found,
        {"rows": rows, "history": history, "days": days},
        [AIM, "keys of the records included; a pass is opening, counting and reading"],
    )


def _rows(what: str, path: Path, cache: str, days: int, passes: int) -> Iterator[Row]:
    for one in results("bench.input_rows", "--measure", path, cache, days, passes):
        per = one["cpu_s"] / one["rows_read"] * 100_000
        yield {"read": what, **one, "cpu_s_per_100k": per}


def main() -> None:
    """Measure and publish; with `--measure`, read one file and tell what it took."""
    if sys.argv[1:2] == ["--measure"]:
        path, cache, days, passes = sys.argv[2:]
        tell(measure(path, cache, int(days), int(passes)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--history", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=88)
    options = parser.parse_args()
    publish(run(options.rows, options.history, options.days))


if __name__ == "__main__":
    main()
