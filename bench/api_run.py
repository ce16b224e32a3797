"""Passes over an API in a process of its own: prints one JSON line for each result.

`python -m bench.api_run pairs URL CONCURRENCY RECORDS PAIRS` alternates our pipeline and the bare loops;
`python -m bench.api_run memory URL CONCURRENCY RECORDS` makes one pass of ours and samples its memory.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.api_passes import Endpoint, Pass, bare_pass, bodies_of, create, pipeline_pass, post
from bench.child import tell
from bench.texts import write_messages

WARM_UP = 200  # records of the passes before the first pair: everything is imported, threads were started


def run_pairs(endpoint: Endpoint, records: int, count: int, folder: Path) -> None:
    """Make a pass in each way, `count` times, in an order that moves on by one each time."""
    few, source = folder / "few.parquet", folder / "records.parquet"
    write_messages(few, WARM_UP, seed=1)
    write_messages(source, records)
    bodies = bodies_of(source, endpoint)
    ways: dict[str, Callable[[], Pass]] = {
        "pipeline": lambda: pipeline_pass(source, endpoint),
        "create": lambda: bare_pass(bodies, endpoint, create),
        "post": lambda: bare_pass(bodies, endpoint, post),
    }
    pipeline_pass(few, endpoint)
    for ask in (create, post):
        bare_pass(bodies[:WARM_UP], endpoint, ask)
    names = list(ways)
    for pair in range(count):
        turn = pair % len(names)
        tell({name: asdict(ways[name]()) for name in names[turn:] + names[:turn]})


def run_memory(endpoint: Endpoint, records: int, folder: Path) -> None:
    """Make one pass of our pipeline."""
    source = folder / "records.parquet"
    write_messages(source, records)
    tell(asdict(pipeline_pass(source, endpoint)))


def main() -> None:
    """Make the passes that are asked for."""
    what, url, concurrency, records, *count = sys.argv[1:]
    endpoint = Endpoint(url, int(concurrency))
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        if what == "pairs":
            run_pairs(endpoint, int(records), int(count[0]), Path(folder))
        else:
            run_memory(endpoint, int(records), Path(folder))


if __name__ == "__main__":
    main()
