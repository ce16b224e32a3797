"""One reader over one CSV, in a process of its own: `python -m bench.text_readers_run READER PATH`."""

import re
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

from bench.child import tell

NAMES = ["id", "text", "created_at"]
Bad = tuple[int | None, bool]
"""The line of a bad row, and whether its place among the others is known."""
_NUMBER = re.compile(r"line (\d+)")
_AT_ONCE = 2000


def read_ours(path: str) -> Iterator[tuple[Any, ...] | Bad]:
    """Read by the product's own reader."""
    from tasks.reading.text.lines import Broken  # noqa: PLC0415  each process imports its own reader alone
    from tasks.reading.text.text_file import TextFile  # noqa: PLC0415

    for row in TextFile(path, "csv").rows(NAMES):
        if isinstance(row, Broken):
            found = _NUMBER.search(row.fault.detail)
            yield (int(found[1]) if found else None, True)
        else:
            yield row


def read_duckdb(path: str) -> Iterator[tuple[Any, ...] | Bad]:
    """Read by DuckDB; it tells the bad rows at the end, in a table of their own."""
    import duckdb  # noqa: PLC0415

    db = duckdb.connect()
    db.execute(
        "SELECT id, text, created_at FROM read_csv(?, header = true, all_varchar = true, store_rejects = true,"
        " rejects_limit = 0, delim = ',', quote = '\"', escape = '\"', strict_mode = true)",
        [path],
    )
    while some := db.fetchmany(_AT_ONCE):
        yield from some
    for (line,) in db.execute("SELECT DISTINCT line FROM reject_errors ORDER BY line").fetchall():
        yield (line, False)


def read_polars(path: str) -> Iterator[tuple[Any, ...] | Bad]:
    """Read by polars, which tells of no bad row."""
    import polars as pl  # noqa: PLC0415

    frame = pl.scan_csv(
        path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True, ignore_errors=True
    )
    for batch in frame.collect_batches(chunk_size=_AT_ONCE, maintain_order=True, lazy=True):
        yield from batch.iter_rows()


READERS: dict[str, Callable[[str], Iterator[tuple[Any, ...] | Bad]]] = {
    "ours": read_ours,
    "duckdb": read_duckdb,
    "polars": read_polars,
}


def read_whole(reader: str, path: str) -> dict[str, Any]:
    """Read a file. Return what came: good rows in their order, bad rows as they are told, and what stopped it."""
    good, kept, before, failed = 0, 0, -1, ""
    told: list[int | None] = []
    in_place = 0
    try:
        for row in READERS[reader](path):
            if len(row) == 2:  # noqa: PLR2004 - a bad row's line, and whether its place is known
                told.append(row[0])
                in_place += bool(row[1])
            elif _is_bad_text(row[1]):
                told.append(None)
                in_place, kept = in_place + 1, kept + 1
            elif _is_good(row) and (number := int(row[0][1:])) > before:
                good, before = good + 1, number
    except Exception as error:  # noqa: BLE001  whatever a reader meets is a finding
        failed = f"{type(error).__name__}: {str(error).splitlines()[0]}"[:80]
    return {"good": good, "told": told, "in_place": in_place, "kept": kept, "failed": failed}


def _is_bad_text(text: str | None) -> bool:
    """Whether bytes that are no UTF-8 can be seen in a text."""
    return text is not None and not text.isascii() and "\udce9" in text


def _is_good(row: tuple[Any, ...]) -> bool:
    """Whether a row is whole: a good one begins with its number and ends with a date of ten characters."""
    return (
        None not in row
        and row[0][:1] == "m"
        and row[0][1:].isdigit()
        and row[2][:8] == "2026-11-"
        and len(row[2]) == len("2026-11-23")
        and "\ufffd" not in row[1]
        and '"' not in row[1].replace('"he said"', "")
    )


def main() -> None:
    """Read the file and tell what was found."""
    reader, path = sys.argv[1:]
    found = read_whole(reader, path)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    tell({**found, "cpu_s": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss >> 10})


if __name__ == "__main__":
    main()
