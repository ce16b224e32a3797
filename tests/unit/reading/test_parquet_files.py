"""Parquet files that other programs wrote: unknown types, files of one folder that differ, files without a row."""

import logging
import re
from base64 import b64decode, b64encode
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.datatypes import DataType, DataTypeClass

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between
from tasks.reading.whole import columns_of

DAY = date(2024, 1, 2)
Kind = DataType | DataTypeClass
AT = datetime(2024, 1, 2, 10)  # noqa: DTZ001 - naive is UTC


def source(path: Path, **settings: object) -> Source:
    """Make the source of a file or folder."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path))


def read(path: Path, **settings: object) -> list[Record | Quarantined]:
    """Read the day's partition whole; its count agrees."""
    reader = open_partition(source(path, **settings), DAY)
    rows = [row for batch in reader.batches() for row in batch]
    assert reader.count() == len(rows)
    return rows


def frame(id_: object = 1, text: object = "t", at: object = AT, **more: object) -> pl.DataFrame:
    """Make one row; a series is taken as it is."""
    values = {"id": id_, "text": text, "created_at": at, **more}
    return pl.DataFrame(
        {name: value if isinstance(value, pl.Series) else [value] for name, value in values.items()}
    )


def folder(path: Path, *frames: pl.DataFrame | None) -> Path:
    """Write frames into a folder of part files, None as a file without a byte."""
    path.mkdir(exist_ok=True)
    for number, some in enumerate(frames):
        part = path / f"part-{number}.parquet"
        part.write_bytes(b"") if some is None else some.write_parquet(part)
    return path


def of(kind: Kind, value: object) -> pl.Series:
    """Make a column of one value of a type."""
    return pl.Series([value]).cast(kind)


def rename_zone(path: Path, old: bytes, new: bytes) -> None:
    """Put another time zone of the same length into a file's Arrow schema, as pyarrow would write it."""
    content = path.read_bytes()
    (schema,) = re.findall(rb"ARROW:schema.{2,4}?(/////[A-Za-z0-9+/]+=*)", content, re.DOTALL)
    renamed = b64encode(b64decode(schema).replace(old, new))
    assert renamed != schema
    path.write_bytes(content.replace(schema, renamed))


@pytest.mark.parametrize("role", ["created_at", "other"])
def test_a_zone_without_a_name(tmp_path: Path, role: str) -> None:
    """`timestamp[us, +05:30]` is read as the moment that it is, and disturbs nothing where it is not wanted."""
    zoned = pl.Series([datetime(2024, 1, 1, 23, tzinfo=UTC), datetime(2024, 1, 2, 23, tzinfo=UTC)])
    zoned = zoned.dt.convert_time_zone("Israel")
    rows = pl.DataFrame({"id": [1, 2], "text": "t", "created_at": [datetime(2024, 1, 1), AT]})  # noqa: DTZ001
    path = tmp_path / "in.parquet"
    rows.with_columns(zoned.alias(role)).write_parquet(path)
    rename_zone(path, b"Israel", b"+05:30")
    assert [row.key for row in read(path)] == ["2"]
    assert partitions_between(source(path), date(2024, 1, 1), DAY) == [date(2024, 1, 1), DAY]
    assert columns_of(str(path))["text"]


@pytest.mark.parametrize(
    "value", ["INTERVAL 1 DAY", "TIME '10:00'", "uuid()", "{'a': 1}", "MAP {'a': 1}", "[1]"]
)
def test_a_type_that_nobody_wants(tmp_path: Path, value: str) -> None:
    """A column that is not read may be of any type that DuckDB writes."""
    path = tmp_path / "in.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS id, 't' AS text, {value} AS other) TO '{path}' (FORMAT parquet)")
    assert read(path) == [Record("1", "1", 0, "t")]
    assert list(columns_of(str(path))) == ["id", "text", "other"]


def test_a_type_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Where the file as a whole cannot be read, the line names it."""
    path = tmp_path / "in.parquet"
    path.write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(InputError, match=r"cannot read .*in\.parquet") as raised:
        read(path)
    assert "\n" not in str(raised.value)


def test_columns_that_nobody_wants_differ(tmp_path: Path) -> None:
    """Other unused columns, in another order and of other types, change nothing."""
    parts = (
        frame(1, u=1),
        frame(2, u="x").select("u", "created_at", "text", "id"),
        frame(3),
        frame(4, v=[1]),
    )
    assert [row.key for row in read(folder(tmp_path / "in", *parts))] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "parts",
    [
        [frame(of(pl.Int32, 1)), frame(of(pl.Int64, 2)), frame(of(pl.UInt8, 3))],
        [frame(of(pl.Int64, 1)), frame(of(pl.Float64, 2)), frame(of(pl.Decimal(38, 0), 3))],
        [frame("1"), frame(of(pl.Categorical, "2")), frame(of(pl.Enum(["3"]), "3"))],
        [frame("1"), frame(of(pl.Binary, "2")), frame(of(pl.Categorical, "3"))],
        [frame(1, at=of(unit, AT)).with_columns(id=n) for n, unit in enumerate([pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns")], 1)],
        [frame(1), frame(2, at=of(pl.Datetime("us", "UTC"), AT)), frame(3, at=DAY)],
        [frame(1, at="2024-01-02"), frame(2, at=20240102), frame(3)],
        [frame(1, of(pl.Categorical, "t")), frame(2), frame(3, of(pl.Enum(["t"]), "t"))],
        [frame(1), frame(2).rename({"text": "Text", "created_at": "createdAt"}), frame(3).rename({"id": "ID"})],
    ],
)  # fmt: skip
def test_columns_that_are_wanted_differ(tmp_path: Path, parts: list[pl.DataFrame]) -> None:
    """Types that fit into one another, and names that are alike, are read as one column, file after file."""
    for order in (parts, parts[::-1]):
        path = folder(tmp_path / "in", *order)
        assert sorted(row.key for row in read(path)) == ["1", "2", "3"]
        assert partitions_between(source(path), date(2024, 1, 1), date(2024, 1, 3)) == [DAY]


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (frame(2, text=5), r"column text is Int64 in .*part-1.*, but String in .*part-0"),
        (frame("2"), r"column id is String in .*part-1.*, but Int64 in .*part-0"),
        (frame(2).drop("text"), r"part-1.* has no column text; it has: id, created_at"),
    ],
)
def test_the_odd_file_is_named(tmp_path: Path, odd: pl.DataFrame, said: str) -> None:
    """Text beside numbers is not guessed, and a column that is missing is said of the file that lacks it."""
    with pytest.raises(InputError, match=said):
        read(folder(tmp_path / "in", frame(1), odd))


def test_a_file_without_timestamps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its rows belong to no day: they are set aside, and one line names the file."""
    path = folder(tmp_path / "in", frame(1), frame(2).drop("created_at"))
    with caplog.at_level(logging.WARNING):
        rows = [row for _ in range(2) for row in read(path)]
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "bad_timestamp"] * 2
    (said,) = [record.getMessage() for record in caplog.records]
    assert "part-1.parquet has no column created_at" in said


def test_parts_without_rows(tmp_path: Path) -> None:
    """No byte, no row, no column, or types that only a file without rows has: all are passed over."""
    no_rows = frame(1.5, 2.5, at="x").clear()
    parts = (None, pl.DataFrame(), frame(1), no_rows, frame(2).clear(), frame(2), no_rows.drop("text"))
    assert [row.key for row in read(folder(tmp_path / "in", *parts))] == ["1", "2"]
    for number, empty in enumerate(((None, None), (pl.DataFrame(),))):
        with pytest.raises(EmptyPartition, match="holds no row: its files are empty"):
            read(folder(tmp_path / str(number), *empty))


def test_a_condition_over_files_that_differ(tmp_path: Path) -> None:
    """`where` looks at the column whatever its type and name in each file."""
    parts = (frame(1, size=of(pl.Int8, 5)), frame(2, size=7.5), frame(3, Size=2))
    path = folder(tmp_path / "in", *parts)
    assert [row.key for row in read(path, where="size > 4")] == ["1", "2"]
