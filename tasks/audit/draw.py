"""Which published records are audited, and their texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from models.errors import OutputError
from models.records import Record
from models.requests import JsonValue
from models.workloads.answer_kind import published_answer
from models.workloads.base import Workload
from tasks.reading import PartitionReader
from tasks.reading.sampling import draw_number
from tasks.storage.merge_parts import TEXT_HASH
from tasks.storage.parquet_schema import output_schema

_ALL = 2**64
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class ServedRecord:
    """A published record that was served without the API: what was published, by which engine and model, of which text."""

    engine: str
    model: str
    text_hash: int
    value: JsonValue = field(repr=False)


def is_drawn(workload: str, partition: date, record_key: str, share: float) -> bool:
    """Whether a record is among a share (0..1) of its partition: the same on every try, and among those of a larger share."""
    key = f"{workload}\0{partition}\0{record_key}"
    return draw_number(0, key.encode("utf-8", "surrogatepass")) < share * _ALL


def read_served(path: Path, workload: Workload, is_wanted: Callable[[str], bool]) -> dict[str, ServedRecord]:
    """Read those records of a published file that no API served and that are wanted, by their keys. Raises `OutputError`."""
    wanted = ("record_key", "engine", "model", TEXT_HASH, *output_schema(workload.output))
    drawn: dict[str, ServedRecord] = {}
    try:
        rows = (
            pl.scan_parquet(path, hive_partitioning=False).filter(pl.col("engine") != "openai").select(wanted)
        )
        for batch in rows.collect_batches(chunk_size=_CHUNK, maintain_order=True, lazy=True):
            for row in batch.iter_rows(named=True):
                if is_wanted(row["record_key"]):
                    served = ServedRecord(
                        row["engine"], row["model"], row[TEXT_HASH], published_answer(workload, row)
                    )
                    drawn[row["record_key"]] = served
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read what is published, {path}: {str(error).splitlines()[0]}; --rerun makes it anew"
        raise OutputError(msg) from error
    return drawn


def read_hashes(path: Path) -> dict[str, int]:
    """Return the hash of the text that each answer of a published file is to, by record key. Raises `OutputError`."""
    try:
        rows = pl.read_parquet(path, columns=["record_key", TEXT_HASH], hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read the API's answers, {path}: {str(error).splitlines()[0]}; audit it again"
        raise OutputError(msg) from error
    return dict(rows.iter_rows())


def find_texts(reader: PartitionReader, drawn: Mapping[str, ServedRecord]) -> dict[str, str]:
    """Return the texts of drawn records, by their keys, from the input; without those whose text is another one by now.

    Raises `InputError` where the input turns out to be damaged.
    """
    texts: dict[str, str] = {}
    for batch in reader.batches():
        for item in batch:
            if not isinstance(item, Record) or item.key not in drawn:
                continue
            if item.text_hash == drawn[item.key].text_hash:
                texts[item.key] = item.text
    return texts
