"""One CSV or JSON file: its columns, and its rows one after the other."""

import re
from collections.abc import Iterator, KeysView, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import cast

from models.errors import InputError, hide_secrets
from models.settings.workload import MAX_TEXT_CHARS
from tasks.reading.failures import input_errors
from tasks.reading.files.locate import Files, Format
from tasks.reading.longest import cut_rows
from tasks.reading.text.csv_records import CsvRecords, Dialect
from tasks.reading.text.json_records import json_records
from tasks.reading.text.lines import AUTO, Broken, RawRow, TextLines, head_and_rest
from tasks.reading.text.sniff import sniff
from tasks.reading.text.unpack import CHUNK

SAMPLE = 1000
"""So many rows are looked at to tell what a file holds."""
_JSON = re.compile(rb'\s*(\{\s*"|\[\s*\{)')
_MARKS = ("", "\ufeff")
_NULL = "\\N"
"""NULL as PostgreSQL, MySQL and Hive write it."""


@dataclass(frozen=True)
class TextFile:
    """A file of rows as text, whatever its dialect, its compression and the store that it is in.

    `delimiter` and `encoding`: what separates the fields of CSV and how the text is encoded, as the settings say it.
    `max_chars`: of the texts in its rows; a longer one is cut, and still too long.
    """

    path: str
    format: Format
    delimiter: str = AUTO
    encoding: str = AUTO
    max_chars: int = MAX_TEXT_CHARS

    @cached_property
    def columns(self) -> list[str]:
        r"""Names of the columns as they are written; of JSON the keys of the first `SAMPLE` objects.

        None where the file holds neither a header nor an object. Bytes of a name that are no UTF-8 are shown as
        \xNN. Raises `InputError`.
        """
        if self.format == "csv":
            return _names(self._opened[1])
        objects = islice(json_records(self.path, self.encoding), SAMPLE)
        return list(dict.fromkeys(name for some in objects if not isinstance(some, Broken) for name in some))

    @property
    def has_decimal_commas(self) -> bool:
        """Whether numbers may be written `3,50`: in CSV whose fields something else separates. Raises `InputError`."""
        return self.format == "csv" and self._opened[0].delimiter != ","

    def key_sets(self) -> Iterator[KeysView[str]]:
        """Yield the names of the members of each JSON object, from the start. Raises `InputError`."""
        return (
            found.keys() for found in json_records(self.path, self.encoding) if not isinstance(found, Broken)
        )

    def rows(self, wanted: Sequence[str]) -> Iterator[RawRow]:
        """Yield the wanted columns of each row, from the start; a row that cannot be taken apart as `Broken`.

        A column that the file lacks is None in each. Raises `InputError`.
        """
        if self.format == "csv":
            return cut_rows(self._csv_rows(wanted), self.max_chars)
        rows = (
            row if isinstance(row, Broken) else tuple(row.get(name) for name in wanted)
            for row in json_records(self.path, self.encoding)
        )
        return cut_rows(rows, self.max_chars)

    @cached_property
    def _opened(self) -> tuple[Dialect, list[str]]:
        """The dialect, and the header."""
        with input_errors(self.path):
            records, header = self._records()
            return records.dialect, header

    def _records(self) -> tuple[CsvRecords, list[str]]:
        """Open the file. Return its records, and the header, which is read."""
        head, chunks = head_and_rest(self.path, self.encoding)
        if _JSON.match(head):
            msg = f"{hide_secrets(self.path)} is not CSV; it holds JSON: let its name end in .jsonl"
            raise InputError(msg)
        dialect = sniff(head, whole=len(head) < CHUNK, delimiter=self.delimiter)
        records = CsvRecords(TextLines(chunks, also_cr=dialect.also_cr), dialect)
        return records, records.header()

    def _csv_rows(self, wanted: Sequence[str]) -> Iterator[RawRow]:
        with input_errors(self.path):
            records, header = self._records()
            names = _names(header)
            places = [names.index(name) if name in names else len(names) for name in wanted]
            lacking = [None] if len(names) in places else []
            nulls = records.dialect.escape or records.dialect.delimiter != ","
            pick = itemgetter(*places) if places else lambda _: ()
            single = len(places) == 1
            again = {f"{mark}{header[0]}" for mark in _MARKS} if len(header) > 1 else set()
            for row in records.rows():
                if isinstance(row, Broken):
                    yield row
                    continue
                if (
                    row[0] in again and row[1:] == header[1:]
                ):  # the next file's header, where files were joined
                    continue
                cells: list[str | None] = [*row, *lacking] if lacking else cast("list[str | None]", row)
                if nulls and _NULL in cells:
                    cells = [None if cell == _NULL else cell for cell in cells]
                yield (pick(cells),) if single else cast("tuple[object, ...]", pick(cells))


def text_files(files: Files) -> list[TextFile]:
    """Return the CSV or JSON files of an input, each to be read as the settings say."""
    return [
        TextFile(path, files.format, files.delimiter, files.encoding, files.max_chars) for path in files.paths
    ]


def _names(header: Sequence[str]) -> list[str]:
    """Return names of columns without lone surrogates, which no other library takes."""
    return [name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for name in header]
