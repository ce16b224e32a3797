"""A whole input, whatever its dates: its columns, its rows, and their texts as a run would see them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date

from models.records import Record
from tasks.reading.files.address import is_remote
from tasks.reading.files.locate import EmptyPartition, Files, dated_folders, locate
from tasks.reading.parquet_files import TEXT_LIKE, ParquetFiles
from tasks.reading.partition import RawPartition, open_raw
from tasks.reading.row_template import RowTemplate
from tasks.reading.rows import Chunk, parse_rows
from tasks.reading.source import Source
from tasks.reading.text.text_columns import text_columns

ANY_DAY = date(1970, 1, 1)
"""The date of an input without dates: any will do."""
_AT_ONCE = 8


def columns_of(location: str) -> dict[str, bool]:
    """Return the columns of an input, and whether they may hold text. Raises `InputError`."""
    files = _files(location)
    if files.format != "parquet":
        return dict.fromkeys(text_columns(files), True)
    return {name: isinstance(kind, TEXT_LIKE) for name, kind in ParquetFiles(files).kinds.items()}


def is_csv(location: str) -> bool:
    """Whether an input is CSV. Raises `InputError` where there is none."""
    return _files(location).format == "csv"


def open_all(source: Source) -> Iterator[RawPartition]:
    """Open everything that a source without timestamps has, one folder of a date after the other."""
    days = dated_folders(source.location or "") or [ANY_DAY]
    if not is_remote(source.location or ""):
        yield from filter(None, (_open_day(source, day) for day in days))
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # a store answers slowly, but many at a time
        try:
            yield from filter(None, pool.map(lambda day: _open_day(source, day), days))
        finally:
            pool.shutdown(cancel_futures=True)


def _open_day(source: Source, day: date) -> RawPartition | None:
    """Open one folder of a date; None where it holds no file."""
    try:
        return open_raw(source, day)
    except EmptyPartition:
        return None


def records_of(
    chunk: Chunk,
    texts: Sequence[Sequence[object]],
    columns: Sequence[str],
    template: RowTemplate | None = None,
) -> list[Record | None]:
    """Return each row as a run would see it, but for its id; None where it would be set aside.

    `texts` are the values of the text columns, whose names are `columns`; `template` as in `parse_rows`.
    """
    rows = parse_rows(replace(chunk, ids=["-"] * len(chunk.ids), texts=texts), 0, columns, list, template)
    return [row if isinstance(row, Record) else None for row in rows.items()]


def _files(location: str) -> Files:
    """Return the files of an input: of folders by date, those of the last date that has some."""
    days = dated_folders(location) or [ANY_DAY]
    for day in reversed(days[1:]):
        with suppress(EmptyPartition):
            return locate(location, day)
    return locate(location, days[0])
