"""Labelled records from a file: each distinct text once, with its label, under a key that is made of the text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from hashlib import blake2b
from pathlib import Path

import polars as pl

from models.errors import InputError, UsageError
from models.records import Record
from models.settings import Settings
from models.workloads.base import Workload
from tasks.labelling.label_errors import ENOUGH, LEAST, check_columns, check_enough, check_labels, check_rows
from tasks.labelling.label_rows import LabelRows, RowPlace, text_key
from tasks.reading.row_template import RowTemplate
from tasks.reading.sampling import BottomSample
from tasks.reading.source import Source, is_remote
from tasks.reading.whole import columns_of, open_all, records_of
from tasks.runtime.atomic_files import replace_file


@dataclass(frozen=True, slots=True)
class Labelled:
    """A distinct text and its right label; None where the workload has no label set.

    `key`: 16 hex digits that are made of the text, so that it has the same in every file.
    """

    key: str
    text: str = field(repr=False)
    label: str | None


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """What an evaluation uses of a file of labelled records, in the order of keys, and what became of the other rows.

    `records` were drawn from `distinct` texts. The other rows of the file are `duplicates` (the text and the label
    of a row before), `unlabelled`, and `quarantined` (without text, or not to be taken apart).
    """

    path: str
    label_column: str | None
    records: tuple[Labelled, ...]
    distinct: int
    rows: int
    duplicates: int
    unlabelled: int
    quarantined: int

    @property
    def digest(self) -> str:
        """32 hex digits over keys and labels of `records`, whatever file they came in and in whatever order."""
        digest = blake2b(digest_size=16)
        for record in self.records:
            digest.update(f"{record.key}\0{record.label or ''}\0".encode())
        return digest.hexdigest()


def read_labelled(
    path: str | Path,
    *,
    settings: Settings,
    workload: Workload,
    label_column: str | None,
    labels: Sequence[str] | None,
    limit: int | None,
    seed: int,
) -> LabelledFile:
    """Read a file of labelled records for a workload: Parquet, CSV or JSON lines, or whatever an input can be.

    Texts are made of the workload's text columns as in a run. `labels` None: the workload has no label set, and
    no label is read. Labels are compared exactly, but for white space around them; numbers and booleans are taken
    as text. Rows without a label are left out. `limit` draws so many by seed and key, so that what a smaller limit
    draws is part of what a larger one does.

    Raises `InputError`: the file or a column is missing or cannot be read, there is no label or one that the
    workload does not know, a text has two, there are fewer than two records, or all have one label. Raises
    `UsageError` for a limit below two.
    """
    if limit is not None and limit < LEAST:
        msg = f"--limit {limit} is too small: an evaluation needs at least {LEAST} records, {ENOUGH}"
        raise UsageError(msg)
    column = None
    if labels is not None:
        column = label_column or settings.workload(workload.name).label_column
    file = _File.open(str(path), workload, column)
    rows = LabelRows(None if labels is None else frozenset(labels), BottomSample(limit), seed)
    for row, record, value in file.rows():
        rows.take(row, record, value)
    check_rows(file.path, rows, column, file.texts)
    if labels is not None:
        check_labels(file.path, rows, labels, workload)
    check_enough(file.path, rows, labels, limit)
    texts = rows.texts()
    return LabelledFile(
        path=file.path,
        label_column=column,
        records=tuple(Labelled(key, texts[key], rows.seen[key][0]) for key in sorted(texts)),
        distinct=len(rows.seen),
        rows=rows.rows,
        duplicates=rows.duplicates,
        unlabelled=rows.unlabelled,
        quarantined=rows.quarantined,
    )


def keys_in(path: str | Path, workload: Workload) -> frozenset[str]:
    """Return the keys of all texts of a file, whether they are labelled or not. Raises `InputError`."""
    file = _File.open(str(path), workload, None)
    return frozenset(text_key(record) for _, record, _ in file.rows() if record is not None)


def write_snapshot(labelled: LabelledFile, path: Path) -> None:
    """Write the records without their labels as an input that a run reads: a Parquet file with `id` and `text`.

    The id is the key; rows are in the order of keys. A run reads it with id_column "id", text_columns ("text",) and
    timestamp_column "" (none: it is one partition). Raises `OutputError`.
    """
    columns = {"id": [one.key for one in labelled.records], "text": [one.text for one in labelled.records]}
    with replace_file(path) as temporary:
        pl.DataFrame(columns, schema={"id": pl.String, "text": pl.String}).write_parquet(temporary)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of labelled records with its columns found. `more`: the label's and the id's, where they are read."""

    path: str
    texts: tuple[str, ...]
    label: str | None
    id: str | None
    template: RowTemplate | None

    @classmethod
    def open(cls, path: str, workload: Workload, label: str | None) -> "_File":
        """Find the columns. Raises `InputError` for a file that is not there, or lacks one."""
        if not (is_remote(path) or has_magic(path) or Path(path).exists()):
            msg = (
                f"the labels file {path} does not exist; `breakeven evaluate {workload.name} --sample 100` draws "
                "records to label"
            )
            raise InputError(msg)
        own = workload.settings
        template = RowTemplate.of(own, workload.text_columns, workload.name)
        texts = own.text_columns or workload.text_columns if template is None else template.columns
        existing = columns_of(path)
        check_columns(path, list(existing), texts, label, workload)
        unfit = [name for name in texts if not existing[name]]
        if unfit and template is None:
            msg = f"column {unfit[0]} of {path} holds no text, which {workload.name} reads there"
            raise InputError(msg)
        return cls(path, texts, label, own.id_column if own.id_column in existing else None, template)

    def rows(self) -> Iterator[tuple[RowPlace, Record | None, object]]:
        """Yield each row: where it is, its record if it has text, and what its label column holds."""
        names = [*self.texts, *(name for name in (self.label, self.id) if name is not None)]
        source = Source(self.path, tuple(names), id_column=self.texts[0], timestamp_column="")
        count, number = len(self.texts), 0
        for raw in open_all(source):
            for chunk in raw.chunks():
                records = records_of(chunk, chunk.texts[:count], self.texts, self.template)
                blank = [None] * len(records)
                labels = blank if self.label is None else chunk.texts[count]
                ids = blank if self.id is None else chunk.texts[-1]
                for record, value, id_ in zip(records, labels, ids, strict=True):
                    number += 1
                    yield RowPlace(number, id_), record, value
