"""The file of records that are to be labelled: never over one that exists, in a form that is read back as it was."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.errors import UsageError
from models.workloads.base import Workload
from tasks.reading.source import Source
from tasks.runtime.atomic_files import output_errors

_LABEL = "label"
_JSON = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where records to label go, and its columns: id, text columns, and one for the label if the workload answers one."""

    path: Path
    columns: tuple[str, ...]

    @classmethod
    def plan(cls, out: Path | None, workload: Workload, source: Source, label_column: str) -> Self:
        """Say what the file will be, before anything is read.

        Raises `UsageError` where it exists (somebody's labels may be in it), is of another kind, or the column for
        the label has the name of another.
        """
        path = Path(f"{workload.name}-to-label.csv") if out is None else out
        if path.suffix.lower() not in (".csv", *_JSON):
            msg = f"records to label go to a .csv or .jsonl file, which {path} is not: choose another with --out"
            raise UsageError(msg)
        if path.exists():
            raise _exists(path)
        columns = tuple(dict.fromkeys((source.id_column, *source.text_columns)))
        if _LABEL not in workload.output.model_fields:
            return cls(path, columns)
        if label_column in columns:
            msg = (
                f"the column {label_column} is the input's own: set another label_column for {workload.name}"
            )
            raise UsageError(msg)
        return cls(path, (*columns, label_column))

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write rows of the columns, each with an empty label. Raises `OutputError`, or `UsageError` as `plan` does."""
        table = [[_plain(row.get(name)) for name in self.columns] for row in rows]
        render = _as_csv if self.path.suffix.lower() == ".csv" else _as_json
        content = render(self.columns, table)
        with output_errors(self.path, "--out"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = self.path.open("xb")
            except FileExistsError:
                raise _exists(self.path) from None
            try:
                with file:
                    file.write(content)
            except OSError:
                self.path.unlink()
                raise


def _as_csv(columns: Sequence[str], table: Sequence[Sequence[object]]) -> bytes:
    """Render CSV as spreadsheets expect it: with a mark of its encoding, and CRLF, so that a lone CR is quoted too."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(table)
    return text.getvalue().encode("utf-8-sig", "backslashreplace")


def _as_json(columns: Sequence[str], table: Sequence[Sequence[object]]) -> bytes:
    lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in table)
    return "".join(lines).encode("utf-8", "backslashreplace")


def _plain(value: object) -> str | int | None:
    """Return a value as both formats can hold it; text stays as it is."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if value is None or isinstance(value, str | int) else str(value)


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists, and may hold labels already: remove it, or choose another name with --out"
    )
