"""An object store gives the same records as a local folder."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tests.integration.reading.conftest import Bucket

DAY = date(2024, 1, 2)
WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "jsonl": pl.DataFrame.write_ndjson,
}
FRAME = pl.DataFrame({"id": [1, 2], "text": ["one", "two"], "created_at": ["2024-01-02", "2024-01-02"]})


def texts(location: object, day: date = DAY, **settings: object) -> list[str]:
    """Return the texts of a partition's records; a quarantined row gives its reason."""
    source = Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(location))
    batches = open_partition(source, day).batches()
    return [getattr(row, "text", "") or getattr(row, "reason", "") for batch in batches for row in batch]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_one_object_is_read_like_a_file(bucket: Bucket, tmp_path: Path, kind: str) -> None:
    """Every format comes the same from a store as from a folder."""
    path = tmp_path / f"in.{kind}"
    WRITERS[kind](FRAME, path)
    assert texts(bucket.put(path.name, path.read_bytes())) == texts(path) == ["one", "two"]
