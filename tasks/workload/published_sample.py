"""Draws published records by a seed, and finds their texts in the input again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from db.partitions import PartitionVersion, list_published
from models.errors import InputError, OutputError, UsageError
from models.records import Record
from models.settings import Settings
from models.workloads.base import Workload
from tasks.planning.read_again import read_again
from tasks.reading.sampling import BottomSample, draw_number
from tasks.runtime.ledger_access import ledger_if_any
from tasks.storage.merge_parts import TEXT_HASH

KEY = "record_key"


@dataclass(frozen=True, slots=True)
class PublishedRecord:
    """A published record as it was drawn: `row` holds its columns, `text` what it answers, as the input has it now."""

    partition: date
    key: str
    row: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)

    @property
    def id(self) -> str:
        """What names it among records of several partitions."""
        return f"{self.partition} {self.key}"


@dataclass(frozen=True, slots=True)
class DrawnRecords:
    """A sample of published records. `lost`: drawn ones whose text the input does not have any more; `of`: all there are."""

    records: tuple[PublishedRecord, ...]
    lost: int
    of: int

    @property
    def newest(self) -> date:
        """The newest partition of which there is a record."""
        return max(one.partition for one in self.records)


def draw_published(
    workload: Workload, settings: Settings, size: int, seed: int, location: str | None = None
) -> DrawnRecords:
    """Draw `size` published records of a workload and read their texts from the input (`location`: another one).

    A record is drawn by its partition and key alone, so that a larger sample holds a smaller one. Raises `UsageError` where
    nothing is published, `InputError` where the input is not there or has none of the drawn texts, `OutputError`.
    """
    with ledger_if_any(settings, update=True) as session:
        every = [] if session is None else list_published(session)
    versions = [one for one in every if one.workload == workload.name and one.output_path]
    if not versions:
        msg = f"nothing of {workload.name} is published, so there is nothing to compare with: try it first"
        raise UsageError(msg)
    drawn, total = _draw(versions, size, seed)
    found = [
        one
        for version in versions
        if version.partition in drawn
        for one in _with_texts(workload, version, drawn[version.partition], location)
    ]
    if not found:
        msg = (
            f"none of {sum(map(len, drawn.values()))} drawn records is in the input of {workload.name} with the text that "
            "was published; --input names another"
        )
        raise InputError(msg)
    return DrawnRecords(tuple(found), sum(map(len, drawn.values())) - len(found), total)


def _draw(versions: Iterable[PartitionVersion], size: int, seed: int) -> tuple[dict[date, list[str]], int]:
    sample, total = BottomSample[tuple[date, str]](size), 0
    for version in versions:
        for key in _read(version, [KEY]).get_column(KEY):
            total += 1
            sample.add(draw_number(seed, f"{version.partition} {key}".encode()), (version.partition, key))
    by_partition: defaultdict[date, list[str]] = defaultdict(list)
    for partition, key in sample.result():
        by_partition[partition].append(key)
    return dict(by_partition), total


def _with_texts(
    workload: Workload, version: PartitionVersion, keys: Sequence[str], location: str | None
) -> list[PublishedRecord]:
    """Read published rows by their keys, those of them whose text is in the input unchanged."""
    frame = _read(version, None).filter(pl.col(KEY).is_in(list(keys)))
    if TEXT_HASH not in frame.columns:  # a version of the program that wrote no hashes
        return []
    rows = {row[KEY]: row for row in frame.iter_rows(named=True)}
    texts = _texts(workload, version.partition, set(keys), location)
    return [
        PublishedRecord(version.partition, key, rows[key], texts[key].text)
        for key in keys
        if key in rows and key in texts and texts[key].text_hash == rows[key][TEXT_HASH]
    ]


def _texts(
    workload: Workload, partition: date, wanted: set[str], location: str | None
) -> Mapping[str, Record]:
    found: dict[str, Record] = {}
    for row in read_again(workload, partition, location):
        if row.key in wanted:
            found[row.key] = row
            if len(found) == len(wanted):
                break
    return found


def _read(version: PartitionVersion, columns: list[str] | None) -> pl.DataFrame:
    path = Path(version.output_path or "")
    try:
        return pl.read_parquet(path, columns=columns, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read what is published in {path}: {str(error).splitlines()[0]}"
        raise OutputError(msg) from error
