"""A folder of Parquet files that differ reads the same in an object store as on disk."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tests.integration.reading.conftest import Bucket

DAY = date(2024, 1, 2)


def test_files_that_differ(tmp_path: Path, bucket: Bucket) -> None:
    """Names, types, unused columns, UUIDs, a file without timestamps and one without a byte: the same rows, the same reasons."""
    at = datetime(2024, 1, 2, 10)  # noqa: DTZ001 - naive is UTC
    first = pl.DataFrame({"id": [b"ticket-1"], "text": ["one"], "created_at": [at], "more": [1]})
    other = pl.DataFrame({"ID": ["ticket-2"], "Text": ["two"], "createdAt": [20240102], "more": ["x"]})
    first.write_parquet(tmp_path / "a.parquet")
    other.write_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"")
    columns = "'0190b7e4-3c5f-7d20-8a6b-1f0e2d3c4b5a'::UUID AS id, 'three' AS text, INTERVAL 1 DAY AS wait"
    duckdb.sql(f"COPY (SELECT {columns}) TO '{tmp_path / 'd.parquet'}' (FORMAT parquet)")
    found = []
    for place in (str(tmp_path), bucket.copy_folder(tmp_path)):
        source = Source.of(WorkloadSettings(), ("text",), location=place)
        rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
        found.append([(row.key, getattr(row, "reason", "ok")) for row in rows])
    uuid = "0190b7e4-3c5f-7d20-8a6b-1f0e2d3c4b5a"
    assert found[0] == [("ticket-1", "ok"), ("ticket-2", "ok"), (uuid, "bad_timestamp")]
    assert found[1] == found[0]
