"""A record's text made of its row by a template, with passages that belong to the record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from models.errors import InputError
from models.records import Fault
from models.settings import WorkloadSettings
from models.settings.places import place_of
from models.settings.workload import MAX_TEXT_CHARS
from models.workloads.definition import CONTEXT
from models.workloads.template import TemplateMistake, TextTemplate, text_template
from tasks.reading.cells import UTF_8, as_text, is_text, plain_id, shows_nothing
from tasks.reading.failures import input_errors
from tasks.reading.files.formats import Format
from tasks.reading.longest import UNLIMITED, too_long
from tasks.reading.text.lines import Broken
from tasks.reading.text.text_file import TextFile

PASSAGE = "text"
"""Column of the passages in a file of them."""
BETWEEN = "\n\n"
_FORMATS: Mapping[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


@dataclass(frozen=True)
class RowTemplate:
    """How a row becomes a record's text: a template over its columns.

    `context_column` holds the passages, or `context_file` does, by the ids in `id_column`.
    """

    source: str
    context_column: str | None = None
    context_file: Path | None = None
    id_column: str = "id"
    workload: str = ""

    @classmethod
    def of(
        cls, settings: WorkloadSettings, text_columns: Sequence[str], workload: str = ""
    ) -> "RowTemplate | None":
        """Return the template of a workload; None where its text is its columns, one below the other."""
        has_context = settings.context is not None or settings.context_file is not None
        if settings.text is None and not has_context:
            return None
        source = settings.text
        if source is None:
            rows = [f"{{{{ row[{name!r}] }}}}" for name in settings.text_columns or text_columns]
            source = BETWEEN.join([f"{{{{ {CONTEXT} }}}}", *rows])
        return cls(source, settings.context, settings.context_file, settings.id_column, workload)

    @cached_property
    def template(self) -> TextTemplate:
        """The template, which the workload has checked already."""
        return text_template(self.source)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the row that are read."""
        names = [self._column(name) for name in self.template.names]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def place(self) -> str:
        """Where the template stands, for messages."""
        return place_of(("workloads", self.workload, "text"))

    def identity(self) -> tuple[object, ...]:
        """Return what decides the text that is made of a row."""
        return self.source, self.context_column, str(self.context_file or "")

    def _column(self, name: str) -> str | None:
        if name != CONTEXT:
            return name
        return self.id_column if self.context_file is not None else self.context_column or CONTEXT

    def render(
        self, texts: Sequence[Sequence[object]], faults: dict[int, Fault], limit: int = MAX_TEXT_CHARS
    ) -> list[str]:
        """Return the texts of rows, given by column; where there is none, "" and a fault.

        A row of which all columns are empty has no text, whatever the template says around them. `limit`: characters
        of a column, and of the text.
        """
        made = []
        for place, values in enumerate(zip(*texts, strict=True)):
            row = {
                name: as_text(value, name, place, faults, limit) if isinstance(value, str | bytes) else value
                for name, value in zip(self.columns, map(self._plain, self.columns, values), strict=True)
            }
            made.append("" if place in faults else self._text(row, place, faults, limit))
        return made

    def _plain(self, name: str, value: object) -> object:
        """Return a value as it is, an id by which passages are found as people know it."""
        return plain_id(value) if self.context_file is not None and name == self.id_column else value

    def _text(self, row: Mapping[str, object], place: int, faults: dict[int, Fault], limit: int) -> str:
        named = ", ".join(self.columns)
        values = {name: self._value(name, row) for name in self.template.names}
        own = [value for name, value in values.items() if name != CONTEXT or len(values) == 1]
        if not any(_has_text(value) for value in own):
            rule = "one of them must hold text" if len(self.columns) > 1 else "must not be empty"
            faults.setdefault(place, Fault("missing_text", f"{named} hold no text", named, rule))
            return ""
        try:
            text = self.template.render(values)
        except TemplateMistake as error:
            fault = Fault(
                "wrong_type", f"the template of text fails: {error}", named, "must suit the template of text"
            )
            faults.setdefault(place, fault)
            return ""
        if len(text) > limit:
            faults.setdefault(place, too_long(named, limit))
            return ""
        if not is_text(text):
            faults.setdefault(place, Fault("undecodable", f"{named} make no valid UTF-8", named, UTF_8))
        if shows_nothing(text):
            faults.setdefault(
                place, Fault("missing_text", f"{named} make no text", named, "must make a text")
            )
        return text

    def _value(self, name: str, row: Mapping[str, object]) -> object:
        if name != CONTEXT:
            return row[name]
        if self.context_file is not None:
            return self._passages.get(str(row[self.id_column]), "")
        found = row[self.context_column or CONTEXT]
        return (
            BETWEEN.join(str(one) for one in found if one is not None) if isinstance(found, list) else found
        )

    def read_passages(self) -> None:
        """Read the file of passages, where there is one, so that what is wrong with it is said at once. Raises `InputError`."""
        if self.context_file is not None:
            _ = self._passages

    @cached_property
    def _passages(self) -> Mapping[str, str]:
        """Read the passages, in the order of the file, joined by record. Raises `InputError`."""
        path = self.context_file or Path()
        format_ = _FORMATS.get(path.suffix.lower())
        if format_ is None:
            msg = f"context_file {path} must be Parquet, CSV or JSON lines (.parquet, .csv, .jsonl)"
            raise InputError(msg)
        names = (self.id_column, PASSAGE)
        passages: dict[str, list[str]] = {}
        for id_, text in (
            _passages_of_parquet(path, names)
            if format_ == "parquet"
            else _passages_of_text(path, format_, names)
        ):
            if id_ is not None and text is not None:
                passages.setdefault(str(plain_id(id_)), []).append(str(text))
        return {id_: BETWEEN.join(some) for id_, some in passages.items()}


def _passages_of_parquet(path: Path, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    with input_errors(str(path)):
        frame = pl.read_parquet(path, glob=False)
    _check_columns(path, names, frame.columns)
    return frame.select(names[0], *(pl.col(name).cast(pl.String) for name in names[1:])).iter_rows()


def _passages_of_text(path: Path, format_: Format, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    file = TextFile(str(path), format_, max_chars=UNLIMITED)
    _check_columns(path, names, file.columns)
    for row in file.rows(names):
        if isinstance(row, Broken):
            msg = f"context_file {path}: {row.fault.detail}"
            raise InputError(msg)
        yield row


def _check_columns(path: Path, names: Sequence[str], existing: Sequence[str]) -> None:
    if missing := [name for name in names if name not in existing]:
        msg = f"context_file {path} has no column {missing[0]}; it has: {', '.join(existing)}"
        raise InputError(msg)


def text_source(
    settings: WorkloadSettings, text_columns: tuple[str, ...], workload: str = ""
) -> tuple[tuple[str, ...], RowTemplate | None]:
    """Return the columns that a record's text is made of, and the template that makes it, None without one.

    `text_columns` are the workload's own, for settings that name none.
    """
    template = RowTemplate.of(settings, text_columns, workload)
    return (settings.text_columns or text_columns, None) if template is None else (template.columns, template)


def _has_text(value: object) -> bool:
    return value is not None and value != [] and not shows_nothing(str(value))
