"""The file of records that are to be labelled: never over one that exists, in a form that is read back as it was."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.errors import UsageError
from models.formulas import escape_formula
from models.private_files import create_file, make_folder
from models.workloads.base import Workload
from tasks.documents.amounts import join_words
from tasks.labelling.choose_references import columns_to_fill, field_schemas
from tasks.reading.row_template import BETWEEN
from tasks.reading.source import Source
from tasks.runtime.atomic_files import output_errors

_JSON = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where records to label go, and its columns: id, text columns, and those `to_fill` in with right answers."""

    path: Path
    columns: tuple[str, ...]
    to_fill: tuple[str, ...] = ()

    @classmethod
    def plan(cls, out: Path | None, workload: Workload, source: Source) -> Self:
        """Say what the file will be, before anything is read.

        Raises `UsageError` where it exists (somebody's labels may be in it), is of another kind, or the column for
        the right answer has the name of another.
        """
        path = Path(f"{workload.name}-to-label.csv") if out is None else out
        if path.suffix.lower() not in (".csv", *_JSON):
            msg = f"records to label go to a .csv or .jsonl file, which {path} is not: choose another with --out"
            raise UsageError(msg)
        if path.exists():
            raise _exists(path)
        columns = tuple(dict.fromkeys((source.id_column, *source.text_columns)))
        to_fill = columns_to_fill(workload, columns)
        return cls(path, (*columns, *to_fill), to_fill)

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write rows of the columns, each without a right answer yet. Raises `OutputError`, or `UsageError` as `plan` does."""
        table = [[_plain(row.get(name)) for name in self.columns] for row in rows]
        render = _as_csv if self.path.suffix.lower() == ".csv" else _as_json
        content = render(self.columns, table)
        with output_errors(self.path, "--out"):
            make_folder(self.path.parent)
            try:
                file = create_file(self.path)
            except FileExistsError:
                raise _exists(self.path) from None
            try:
                with file:
                    file.write(content)
            except OSError:
                self.path.unlink()
                raise


def describe_filling(workload: Workload, columns: Sequence[str]) -> str:
    """Say in one sentence how the right answers are filled in, by the kind of workload."""
    named = join_words(list(columns))
    match workload.kind:
        case "label":
            return f"write the right label of each into the column {named}"
        case "labels":
            return f"write the right labels of each into the column {named}, with | between several and [] where none is right"
        case "text":
            return f"write a right answer of each into the column {named}; without one, answers can only be judged (--judge)"
        case "object":
            into = f"the columns {named}" if len(columns) > 1 else f"the column {named}"
            as_fields = set(columns) <= set(field_schemas(workload))
            how = "a list as JSON or with | between its members" if as_fields else "the whole object as JSON"
            return f"write what is right of each into {into} ({how}); without it, answers can only be judged (--judge)"


def _as_csv(columns: Sequence[str], table: Sequence[Sequence[object]]) -> bytes:
    """Render CSV as spreadsheets expect it: with a mark of its encoding, and CRLF, so that a lone CR is quoted too.

    Nothing of an input is a formula there: `read_labelled` takes the apostrophe off that stands before what would be one.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(escape_formula, columns))
    writer.writerows([[escape_formula(_in_cell(value)) for value in row] for row in table])
    return text.getvalue().encode("utf-8-sig", "backslashreplace")


def _as_json(columns: Sequence[str], table: Sequence[Sequence[object]]) -> bytes:
    lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in table)
    return "".join(lines).encode("utf-8", "backslashreplace")


def _in_cell(value: object) -> object:
    """Return a list of passages as one text, of which a run makes the same record."""
    return BETWEEN.join(map(str, value)) if isinstance(value, list) else value


def _plain(value: object) -> str | int | list[str] | None:
    """Return a value as both formats can hold it; text stays as it is."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return [str(one) for one in value if one is not None]
    return value if value is None or isinstance(value, str | int) else str(value)


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists, and may hold labels already: remove it, or choose another name with --out"
    )
