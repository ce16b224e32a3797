"""A partition whose files must stay what they were when they were opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from models.errors import InputError
from tasks.reading.columns import Columns
from tasks.reading.files.locate import Files
from tasks.reading.files.store import check_unchanged
from tasks.reading.rows import Chunk

if TYPE_CHECKING:
    from tasks.reading.partition import RawPartition


@dataclass(frozen=True)
class WatchedPartition:
    """Raw rows of files that may be replaced or cut off at any time: then reading them ends with `InputChanged`."""

    _raw: "RawPartition"
    _files: Files

    @property
    def columns(self) -> Columns:
        """The columns that are read."""
        return self._raw.columns

    def chunks(self) -> Iterator[Chunk]:
        """Yield the partition's rows in input order. Raises `InputChanged` after the last one, or in place of what else is wrong."""
        try:
            yield from self._raw.chunks()
        except InputError:
            check_unchanged(self._files.paths, self._files.states)
            raise
        check_unchanged(self._files.paths, self._files.states)

    def count(self) -> int | None:
        """Return the number of rows, None where it is not cheap to know."""
        return self._raw.count()

    def is_empty(self) -> bool:
        """Whether no row is sure to belong to the partition. Raises `InputChanged` where a change may be why."""
        empty = self._raw.is_empty()
        if empty:
            check_unchanged(self._files.paths, self._files.states)
        return empty

    def dates(self) -> tuple[date, date] | None:
        """Return the first and last date of the whole input, None where it is not known."""
        return self._raw.dates()

    def dates_between(self, first: date, last: date) -> list[date]:
        """Return the dates in the range to which a row surely belongs, ascending; none without timestamps.

        Raises `InputChanged`.
        """
        dates = self._raw.dates_between(first, last)
        check_unchanged(self._files.paths, self._files.states)
        return dates
