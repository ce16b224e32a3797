"""Which part of a partition's records a run answers."""

from dataclasses import dataclass
from zlib import crc32

from models.records import Quarantined, Record


@dataclass(frozen=True, slots=True)
class Share:
    """One shard of a partition, counted from 1, and into how many the partition is cut.

    A record is in one by its text, so that identical texts meet; a row that reading sets aside by its key, which it keeps when rows
    come in before it.
    """

    shard: int
    shards: int

    def takes(self, item: Record | Quarantined) -> bool:
        """Whether a row is in this shard."""
        number = (
            crc32(item.key.encode("utf-8", "surrogatepass"))
            if isinstance(item, Quarantined)
            else item.text_hash
        )
        return number % self.shards == self.shard - 1

    @property
    def folder(self) -> str:
        """Name of the folder of its parts, in that of the version's."""
        return f"{FOLDER}{self.shard}-of-{self.shards}"

    def __str__(self) -> str:
        return f"shard {self.shard} of {self.shards}"


MOST_SHARDS = 1000
"""Into how many a partition may be cut: every one reads the whole input."""
FOLDER = "shard-"
"""How the names of folders of shards begin."""
