"""What one pass over a partition's input finds, before anything is begun or paid."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from models.records import WHOLE_LINE
from tasks.reading import PartitionReader
from tasks.reading.partition import open_raw
from tasks.storage.input_digest import InputDigest


@dataclass(frozen=True, slots=True)
class InputFacts:
    """What a partition's input holds: its rows, how many of them reading sets aside, by reason, and its digest.

    `dateless` counts, among those, the rows that may belong to any date: they are set aside in each partition of the
    input. `first` is the first row that is set aside of those that surely belong to this one, and why: its number in the
    partition, from 1, and what is wrong with it.
    """

    rows: int
    faults: Mapping[str, int]
    dateless: int
    first: tuple[int, str] | None
    digest: bytes | None

    @property
    def own_rows(self) -> int:
        """The rows that surely belong to the partition."""
        return self.rows - self.dateless

    @property
    def own_faults(self) -> int:
        """Those of them that reading sets aside."""
        return sum(self.faults.values()) - self.dateless


def read_facts(reader: PartitionReader) -> InputFacts:
    """Read the whole input once, in flat memory. Raises `InputError` where it turns out to be damaged."""
    digest, rows, dateless = InputDigest(), 0, 0
    faults: Counter[str] = Counter()
    first: tuple[int, str] | None = None
    has_dates = reader.timestamp_column is not None
    for some in reader.rows():
        digest.add_rows(some.for_digest(some.text_hashes()))
        rows += len(some)
        for place, fault in sorted(some.faults.items()):
            faults[fault.reason] += 1
            if has_dates and is_dateless(fault.reason, fault.field):
                dateless += 1
            elif first is None:
                first = (some.first + place + 1, fault.detail)
    return InputFacts(rows, faults, dateless, first, digest.digest())


def is_dateless(reason: str, field: str | None) -> bool:
    """Whether a row of an input with timestamps may belong to any date, since its own cannot be read."""
    return reason == "bad_timestamp" or field == WHOLE_LINE


def count_all_rows(reader: PartitionReader, is_enough: Callable[[int], bool]) -> int:
    """Count the rows of an input with timestamps, whatever their dates, until there are enough or no more."""
    count = 0
    for chunk in open_raw(replace(reader.source, timestamp_column=""), reader.partition).chunks():
        count += len(chunk.ids)
        if is_enough(count):
            break
    return count
