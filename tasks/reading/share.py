"""Reads one shard of a partition: the rows that are its own, and a look at all of them."""

from collections.abc import Iterator

from models.errors import InputError
from models.records import Quarantined, Record
from models.shards import Share
from tasks.reading.partition import PartitionReader
from tasks.storage.input_digest import InputDigest


def read_share(
    reader: PartitionReader, share: Share, digest: bytes | None
) -> Iterator[list[Record | Quarantined]]:
    """Yield the rows of a shard in input order, with the keys that they have in the whole partition.

    All shards must be cut from the same rows: raises `InputError` at the end where what was read is not what `digest` stands for.
    """
    read = InputDigest()
    for rows in reader.rows():
        hashes = rows.text_hashes()
        read.add_rows(rows.for_digest(hashes))
        if own := rows.items(share.places(rows.keys, hashes)):
            yield own
    if read.digest() != digest:
        raise changed(reader, share)


def changed(reader: PartitionReader, share: Share) -> InputError:
    """Say that the input is not what the partition was cut from."""
    return InputError(
        f"the input of {reader.partition} has changed since the partition was cut, {share} is not what it was: what is "
        "done is kept, the same command goes on with the input as it is now"
    )
