"""One CSV or JSON file: its columns, and its rows one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from tasks.reading.files.locate import Format
from tasks.reading.text.lines import Broken, RawRow, csv_header, csv_rows, json_objects, json_rows

SAMPLE = 1000
"""So many rows are looked at to tell what a file holds."""


@dataclass(frozen=True)
class TextFile:
    """A file of rows as text, whatever its dialect, its compression and the store that it is in."""

    path: str
    format: Format

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns as they are written; of JSON the keys of the first `SAMPLE` objects. Raises `InputError`."""
        if self.format == "csv":
            return csv_header(self.path)
        objects = [
            found for found in islice(json_objects(self.path), SAMPLE) if not isinstance(found, Broken)
        ]
        return list(dict.fromkeys(name for some in objects for name in some))

    def rows(self, wanted: Sequence[str]) -> Iterator[RawRow]:
        """Yield the wanted columns of each row, from the start; a row that cannot be taken apart as `Broken`."""
        return (csv_rows if self.format == "csv" else json_rows)(self.path, wanted)
