"""Reads a partition's records again, for what is to be told of texts that were answered before."""

from collections.abc import Iterator
from datetime import date

from models.records import Record
from models.routing.policy import Policy
from models.workloads.base import Workload
from tasks.planning.checks import source_of
from tasks.planning.request import RunRequest
from tasks.reading import EmptyPartition
from tasks.reading.input_cache import InputCache
from tasks.reading.partition import open_partition


def read_again(
    workload: Workload, partition: date, location: str | None = None, cache: InputCache | None = None
) -> Iterator[Record]:
    """Yield the records of a partition as the input has them now, none where its rows were deleted since.

    `location`: another input than the workload's. Raises `InputError`.
    """
    request = RunRequest(workload.name, partition, location)
    try:
        reader = open_partition(source_of(workload, request, Policy(), cache), partition)
    except EmptyPartition:
        return
    for batch in reader.batches():
        yield from (row for row in batch if isinstance(row, Record))
