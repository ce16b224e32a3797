"""Which part of a partition's records a run answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Share:
    """One shard of a partition, counted from 1, and into how many the partition is cut.

    A record is in one by its text, so that identical texts meet; a row that reading sets aside by its key, which it keeps when rows
    come in before it.
    """

    shard: int
    shards: int

    def places(self, keys: Sequence[str], hashes: Sequence[int | None]) -> list[int]:
        """Return which rows are in this shard, of some that follow each other.

        `keys` are those of the rows, `hashes` those of their texts; a row that was set aside has no hash, and goes by its key.
        """
        mine = self.shard - 1
        return [
            place
            for place, (key, text_hash) in enumerate(zip(keys, hashes, strict=True))
            if (crc32(key.encode("utf-8", "surrogatepass")) if text_hash is None else text_hash) % self.shards
            == mine
        ]

    @property
    def folder(self) -> str:
        """Name of the folder of its parts, in that of the version's."""
        return f"{FOLDER}{self.shard}-of-{self.shards}"

    def __str__(self) -> str:
        return f"shard {self.shard} of {self.shards}"


def share_of(folder: str) -> Share | None:
    """Return the shard whose parts lie in a folder of this name; None for any other folder."""
    shard, _, shards = folder.removeprefix(FOLDER).partition("-of-")
    is_one = folder.startswith(FOLDER) and shard.isdecimal() and shards.isdecimal()
    return Share(int(shard), int(shards)) if is_one else None


MOST_SHARDS = 1000
"""Into how many a partition may be cut: every one reads the whole input."""
FOLDER = "shard-"
"""How the names of folders of shards begin."""
