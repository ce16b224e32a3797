"""Reading one partition of a workload's input, lazily, with bad rows set aside."""

from tasks.reading.files.locate import EmptyPartition
from tasks.reading.partition import PartitionReader, open_partition
from tasks.reading.source import Source

__all__ = ["EmptyPartition", "PartitionReader", "Source", "open_partition"]
