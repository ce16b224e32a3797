"""What the parts of a version that was begun hold of each record: whether its input is still that, and what can be taken over."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from models.records import Quarantined, Record
from models.shards import share_of
from tasks.storage.parquet_schema import output_schema
from tasks.storage.part_files import OUTPUT, read_part
from tasks.storage.scratch_db import Scratch
from tasks.storage.set_aside_rows import count_set_aside
from tasks.storage.unchanged_rows import PublishedRow, PublishedRows

_COLUMNS = ("record_key", "text_hash", "engine", "confidence", "reason", "escalation")


def is_outdated(parts: Sequence[Path], batches: Iterable[Sequence[Record | Quarantined]]) -> bool:
    """Whether a record that parts hold as done is another one in the input by now, or is there no more.

    Rows that the input has besides outdate nothing. Raises `OutputError` for a part that is missing or damaged.
    """
    with Scratch() as known, Scratch() as answered:
        total = sum(_remember(read_part(path, _COLUMNS), known, answered) for path in parts)
        seen = 0
        for batch in batches:
            done = known.done([item.key for item in batch])
            seen += len(done)
            same = known.unchanged_rows.unchanged(batch)
            readable = {item.key for item in batch if isinstance(item, Record)}
            if (done & readable) - same.keys() or answered.done(sorted(done - readable)):
                return True
        return seen < total


def is_of_another_cut(path: Path) -> bool:
    """Whether a part of a shard holds a row that was set aside and is in another shard as partitions are cut now. Raises `OutputError`."""
    share = share_of(path.parent.name)
    if share is None or not path.is_file() or not count_set_aside([path]).aside:
        return False
    rows = read_part(path, ("record_key", "text_hash", "reason"))
    aside = rows.filter(pl.col("reason").is_not_null() & pl.col("text_hash").is_null())
    keys = aside.get_column("record_key").to_list()
    return len(share.places(keys, [None] * len(keys))) < len(keys)


def load_begun(parts: Iterable[Path], output: type[BaseModel], rows: PublishedRows) -> None:
    """Fill the scratch with the records that parts hold an answer to. Raises `OutputError`."""
    own = list(output_schema(output))
    for path in parts:
        frame = read_part(path, [*_COLUMNS, *(OUTPUT + name for name in own)])
        rows.add(_answered(frame.filter(pl.col("reason").is_null() & pl.col("escalation").is_null()), own))


def _remember(frame: pl.DataFrame, known: Scratch, answered: Scratch) -> int:
    """Remember the rows of a part that are done; return how many."""
    done = frame.filter(pl.col("escalation").is_null())
    known.add_done(done.get_column("record_key"))
    known.unchanged_rows.add(_answered(done, ()))
    answered.add_done(done.filter(pl.col("reason").is_null()).get_column("record_key"))
    return done.height


def _answered(frame: pl.DataFrame, own: Iterable[str]) -> Iterator[PublishedRow]:
    for row in frame.iter_rows(named=True):
        output = {name: row[OUTPUT + name] for name in own}
        yield row["record_key"], row["text_hash"], row["engine"] or "vllm", row["confidence"], output
