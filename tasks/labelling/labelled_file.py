"""Labelled records from a file: each distinct text once, with its label, under a key that is made of the text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import polars as pl

from models.errors import InputError, UsageError
from models.formulas import unescape_formula
from models.records import Record
from models.workloads.answer_kind import answers_labels
from models.workloads.base import Workload
from tasks.labelling.cells import RowPlace, check_cell
from tasks.labelling.choose_references import choose_references, choose_second, label_columns
from tasks.labelling.label_errors import (
    ENOUGH,
    LEAST,
    check_columns,
    check_enough,
    check_labels,
    check_rows,
    check_second,
)
from tasks.labelling.label_rows import LabelRows, text_key
from tasks.labelling.references import Reference, References
from tasks.reading.columns import match_columns
from tasks.reading.files.locate import InputMissing
from tasks.reading.longest import LEAST as NEVER_CUT
from tasks.reading.row_template import RowTemplate, text_source
from tasks.reading.sampling import BottomSample
from tasks.reading.source import Source
from tasks.reading.whole import columns_of, is_csv, open_all, records_of
from tasks.runtime.atomic_files import replace_file


@dataclass(frozen=True, slots=True)
class Labelled:
    """A distinct text and its right answer: the label, JSON of what else a workload answers, None where it has none.

    `key`: 16 hex digits that are made of the text, so that it has the same in every file. Of several labels the JSON is a
    sorted list, of an object its fields, of a text the list of the texts that are right. `second`: what a second labeller gave.
    """

    key: str
    text: str = field(repr=False)
    label: str | None
    second: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """What an evaluation uses of a file of labelled records, in the order of keys, and what became of the other rows.

    `records` were drawn from `distinct` texts. The other rows of the file are `duplicates` (the text and the label
    of a row before), `unlabelled`, and `quarantined` (without text, or not to be taken apart). `columns`: those that hold
    the right answers, none where there are none; `second_column` those of a second labeller. `left_for_training`: distinct texts that a training may use,
    and that were left out.
    """

    path: str
    columns: tuple[str, ...]
    records: tuple[Labelled, ...]
    distinct: int
    rows: int
    duplicates: int
    unlabelled: int
    quarantined: int
    second_column: str | None = None
    left_for_training: int = 0

    @property
    def has_references(self) -> bool:
        """Whether the records have right answers."""
        return bool(self.columns)

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
    workload: Workload,
    label_column: str | None,
    limit: int | None,
    seed: int,
    second_column: str | None = None,
    held_out_only: bool = False,
) -> LabelledFile:
    """Read a file of labelled records for a workload: Parquet, CSV or JSON lines, or whatever an input can be.

    Texts are made of the workload's text columns as in a run. Labels are compared in their letter case, whatever white space, invisible
    marks and Unicode form they have; numbers and booleans are taken as text. Rows without a right answer are left out; where no row of an object or a text has
    one, all are taken, and none is. `second_column`: where a second labeller's labels are, of some records or all. `limit` draws so many by seed and key, so that what a smaller limit draws is part of
    what a larger one does. `held_out_only`: leave out what a training may use, before anything is drawn.

    Raises `InputError` for a file that cannot be used (`tasks.labelling.label_errors`), `UsageError` for a limit below two, and for second
    labels of a workload that answers none.
    """
    if limit is not None and limit < LEAST:
        msg = f"--limit {limit} is too small: an evaluation needs at least {LEAST} records, {ENOUGH}"
        raise UsageError(msg)
    if second_column is not None and not answers_labels(workload):
        msg = f"--second-labels is for workloads that answer labels; {workload.name} answers {workload.kind}: leave it out"
        raise UsageError(msg)
    asked = [name for name in (label_column, second_column) if name is not None]
    file = _File.open(str(path), workload, asked)
    references = choose_references(file.path, workload, label_column, file.existing, file.texts)
    second = (
        None
        if second_column is None
        else choose_second(file.path, workload, second_column, file.existing, references)
    )
    sample = (limit, seed)
    rows = file.take(references, *sample, second, held_out_only=held_out_only)
    is_empty = not rows.seen and not rows.left_for_training
    if is_empty and rows.unlabelled and not answers_labels(workload):
        rows = file.take(None, *sample, None, held_out_only=held_out_only)
    return finish_rows(file.path, rows, workload, limit, file.texts, second_column)


def finish_rows(
    path: str,
    rows: LabelRows,
    workload: Workload,
    limit: int | None,
    texts: Sequence[str],
    second_column: str | None = None,
) -> LabelledFile:
    """Return the labelled records of rows that were taken in, of columns `texts`. Raises `InputError` for what cannot be used."""
    check_rows(path, rows, texts)
    check_labels(path, rows, workload)
    check_enough(path, rows, limit)
    check_second(path, rows)
    drawn = rows.texts()
    return LabelledFile(
        path=path,
        columns=() if rows.references is None else rows.references.columns,
        records=tuple(
            Labelled(key, drawn[key], rows.seen[key][0], rows.second_labels.get(key)) for key in sorted(drawn)
        ),
        distinct=len(rows.seen),
        rows=rows.rows,
        duplicates=rows.duplicates,
        unlabelled=rows.unlabelled,
        quarantined=rows.quarantined,
        second_column=second_column,
        left_for_training=len(rows.left_for_training),
    )


def each_answer(
    path: str | Path, workload: Workload, label_column: str | None = None
) -> Iterator[tuple[str, Reference]]:
    """Yield text and right answer of every row that has both, whatever other rows say of the same text.

    Raises `InputError` for a file that cannot be read, or has no column for right answers.
    """
    file = _File.open(str(path), workload, [] if label_column is None else [label_column])
    references = choose_references(file.path, workload, label_column, file.existing, file.texts)
    if references is None:
        return
    for row, record, values in file.rows(references.columns):
        found = None if record is None else references.read(values, row)
        if record is not None and found is not None and found.text is not None:
            yield record.text, found


def keys_in(path: str | Path, workload: Workload) -> frozenset[str]:
    """Return the keys of all texts of a file, whether they are labelled or not. Raises `InputError`."""
    return frozenset(map(text_key, each_record(path, workload)))


def each_record(path: str | Path, workload: Workload) -> Iterator[Record]:
    """Yield the record of every row of a file that has text, whether it is labelled or not. Raises `InputError`."""
    file = _File.open(str(path), workload)
    return (record for _, record, _ in file.rows(()) if record is not None)


def write_snapshot(labelled: LabelledFile, path: Path) -> None:
    """Write the records without their right answers as an input that a run reads, in the order of keys. Raises `OutputError`."""
    write_records({one.key: one.text for one in labelled.records}, path)


def write_records(texts: Mapping[str, str], path: Path) -> None:
    """Write texts by their keys to a Parquet file with `id` and `text`, which `Source.snapshot` reads. Raises `OutputError`."""
    columns = {"id": list(texts), "text": list(texts.values())}
    with replace_file(path) as temporary:
        pl.DataFrame(columns, schema={"id": pl.String, "text": pl.String}).write_parquet(temporary)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of labelled records with its columns found. `id`: the id's, where there is one.

    `actual`: the names in the file of columns by those that they are known by. `is_csv`: a formula in it may be escaped.
    """

    path: str
    existing: tuple[str, ...]
    texts: tuple[str, ...]
    id: str | None
    template: RowTemplate | None
    actual: Mapping[str, str]
    is_csv: bool
    max_text_chars: int

    @classmethod
    def open(cls, path: str, workload: Workload, asked: Sequence[str] = ()) -> "_File":
        """Find the columns, `asked` among them, as those of an input are found. Raises `InputError` for a file that is not there, or lacks one."""
        own = workload.settings
        texts, template = text_source(own, workload.text_columns, workload.name)
        try:
            found = columns_of(path)
        except InputMissing as error:
            msg = (
                f"the labels file {path} does not exist; `breakeven evaluate {workload.name} --sample 100` "
                "draws records to label"
            )
            raise InputError(msg) from error
        in_csv = is_csv(path)
        wanted = [*texts, own.id_column, *label_columns(workload), *asked]
        actual = _name_columns(
            {str(unescape_formula(name)) if in_csv else name: name for name in found}, wanted, path
        )
        existing = {name: found[column] for name, column in actual.items()}
        check_columns(path, list(existing), texts, workload)
        unfit = [name for name in texts if not existing[name]]
        if unfit and template is None:
            msg = f"column {unfit[0]} of {path} holds no text, which {workload.name} reads there"
            raise InputError(msg)
        named = own.id_column if own.id_column in existing else None
        return cls(path, tuple(existing), texts, named, template, actual, in_csv, own.max_text_chars)

    def take(
        self,
        references: References | None,
        limit: int | None,
        seed: int,
        second: References | None,
        *,
        held_out_only: bool,
    ) -> LabelRows:
        """Take all rows in, with their right answers if they are to be read."""
        rows = LabelRows(references, BottomSample(limit), seed, second=second, held_out_only=held_out_only)
        columns = [name for one in (references, second) if one is not None for name in one.columns]
        for row, record, values in self.rows(columns):
            rows.take(row, record, values)
        return rows

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[RowPlace, Record | None, Sequence[object]]]:
        """Yield each row: where it is, its record if it has text, and what these columns hold. Raises `InputError`."""
        every = [*self.texts, *columns, *(() if self.id is None else (self.id,))]
        names = [self.actual[name] for name in every]
        source = Source(
            self.path, tuple(names), names[0], timestamp_column="", max_text_chars=self.max_text_chars
        )
        first, last = len(self.texts), len(self.texts) + len(columns)
        number = 0
        for raw in open_all(source):
            for chunk in raw.chunks():
                records = records_of(chunk, self._written(chunk.texts[:first]), self.texts, self.template)
                ids = [None] * len(records) if self.id is None else self._written([chunk.texts[last]])[0]
                for place, record in enumerate(records):
                    number += 1
                    row = RowPlace(number, ids[place])
                    values = [column[place] for column in chunk.texts[first:last]]
                    for value in values:
                        check_cell(value, row, max(self.max_text_chars, NEVER_CUT))
                    yield row, record, values

    def _written(self, columns: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
        """Return columns as they were before they were written to a CSV file to label."""
        return [list(map(unescape_formula, one)) for one in columns] if self.is_csv else columns


def _name_columns(columns: Mapping[str, str], wanted: Sequence[str], path: str) -> dict[str, str]:
    """Return columns by the names by which they are wanted, where they have those in another letter case or with other signs."""
    matched = match_columns(wanted, list(columns), path)
    known = {column: name for name, column in reversed(matched.items()) if column not in wanted}
    return {known.get(name, name): column for name, column in columns.items()}
