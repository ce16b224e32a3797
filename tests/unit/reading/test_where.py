"""A condition's literals decide what a column is: text beside text, a number beside a number, in every format."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition

DAY = date(2024, 1, 2)
FRAME = pl.DataFrame({
    "id": [1, 2, 3],
    "text": ["a", "b", "c"],
    "zip": ["01234", "12345", "00501"],
    "n": [1234, 99, 5],
    "price": ["5", "n/a", " 7.5"],
    "active": ["true", "False", "t"],
    "day": ["2024-01-01", "2024-01-02", "2024-03-01"],
    "big": [9007199254740993, 9007199254740992, 2],
})  # fmt: skip


def read(path: Path, where: str) -> dict[str, str]:
    """Return each row that is read, with the reason where it is set aside."""
    if path.suffix == ".csv":
        FRAME.write_csv(path)
    elif path.suffix == ".jsonl":
        FRAME.write_ndjson(path)
    else:
        FRAME.with_columns(pl.col("day").str.to_date()).write_parquet(path)
    settings = WorkloadSettings(where=where, timestamp_column="")
    source = Source.of(settings, ("text",), location=str(path))
    rows: list[Record | Quarantined] = []
    try:
        rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    except EmptyPartition:
        return {}
    return {str(row.id): getattr(row, "reason", "ok") for row in rows}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("zip = '01234'", "1"),
        ("'01234' = zip", "1"),
        ("zip <> '01234'", "23"),
        ("zip = 1234", "1"),
        ("zip IN ('01234', '00501')", "13"),
        ("zip = ANY(ARRAY['00501'])", "3"),
        ("zip BETWEEN '00000' AND '02000'", "13"),
        ("zip LIKE '0%'", "13"),
        ("LEFT(zip, 2) = '01'", "1"),
        ("LENGTH(zip) = 5", "123"),
        ("COALESCE(zip, '') = '01234'", "1"),
        ("CAST(zip AS INT) = 501", "3"),
        ("n = '1234'", "1"),
        ("n LIKE '1%'", "1"),
        ("n > 5 AND n % 2 = 0", "1"),
        ("price = '5'", "1"),
        ("active = true", "13"),
        ("active IS FALSE", "2"),
        ("active = 'true'", "1"),
        ("day >= '2024-01-02'", "23"),
        ("day >= DATE '2024-01-02'", "23"),
        ("day > TIMESTAMP '2024-01-02 00:00:00'", "3"),
        ("big = 9007199254740993", "1"),
        ("big = '9007199254740993'", "1"),
    ],
)
def test_the_literal_decides(tmp_path: Path, kind: str, where: str, ids: str) -> None:
    """What a column holds is read as what it is compared with, whatever its first rows look like."""
    assert read(tmp_path / f"in.{kind}", where) == dict.fromkeys(ids, "ok")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_value_that_is_no_number(tmp_path: Path, kind: str) -> None:
    """Beside a number it cannot be judged: the row is set aside, the others are compared."""
    assert read(tmp_path / f"in.{kind}", "price > 6") == {"2": "wrong_type", "3": "ok"}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("where", ["text > 3", "text > 3.5", "zip = '01234' AND zip > 7"])
def test_a_comparison_that_cannot_be_meant(tmp_path: Path, kind: str, where: str) -> None:
    """Text of which nothing is a number, or a column that is both, is refused in one line."""
    with pytest.raises(
        InputError, match=r"cannot compare string with numeric; (text|zip) holds text"
    ) as raised:
        read(tmp_path / f"in.{kind}", where)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("price > 12", "23"),
        ("price = 1234.5", "3"),
        ("price = '12,50'", "2"),
        ("price > 3 AND price < 13", "12"),
    ],
)
def test_a_comma_before_fractions(tmp_path: Path, where: str, ids: str) -> None:
    """Where something else separates the fields, 3,50 is a number beside a number, and 1.234,50 too."""
    path = tmp_path / "in.csv"
    path.write_text("id;text;price\n1;a;4\n2;b;12,50\n3;c;1.234,50\n4;d;0,1\n")
    source = Source.of(WorkloadSettings(where=where, timestamp_column=""), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert [(row.id, getattr(row, "reason", "ok")) for row in rows] == [(id_, "ok") for id_ in ids]


def test_a_comma_between_digits_is_no_fraction_where_commas_separate_fields(tmp_path: Path) -> None:
    """There it may stand after thousands, so the row is set aside."""
    path = tmp_path / "in.csv"
    path.write_text('id,text,price\n1,a,4\n2,b,"1,500"\n')
    source = Source.of(
        WorkloadSettings(where="price > 3", timestamp_column=""), ("text",), location=str(path)
    )
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "wrong_type"]


def test_truth_values_of_csv(tmp_path: Path) -> None:
    """A column of truth values is a condition by itself."""
    assert read(tmp_path / "in.csv", "NOT active") == {"2": "ok"}
    assert read(tmp_path / "in.csv", "active AND n > 5") == {"1": "ok"}


def test_a_fraction_after_a_thousand_whole_numbers(tmp_path: Path) -> None:
    """A column whose first rows are whole numbers may hold fractions later."""
    path = tmp_path / "in.csv"
    sizes = [*map(str, range(1500)), "2000.5"]
    pl.DataFrame({"id": range(1501), "text": "t", "size": sizes}).write_csv(path)
    settings = WorkloadSettings(where="size > 1498", timestamp_column="")
    source = Source.of(settings, ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert [getattr(row, "reason", row.id) for row in rows] == ["1499", "1500"]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@pytest.mark.parametrize("literal", ["'{}'", "TIMESTAMP '{}'", "'{}Z'"])
def test_moments_in_parquet(tmp_path: Path, zone: str | None, literal: str) -> None:
    """A moment beside a column of moments is one, in UTC, also where it is written as text or the column has a zone."""
    path = tmp_path / "in.parquet"
    stamps = pl.Series(["2024-01-02 09:00:00", "2024-01-02 10:00:00"]).str.to_datetime(time_zone="UTC")
    stamps = stamps.dt.convert_time_zone(zone) if zone else stamps.dt.replace_time_zone(None)
    pl.DataFrame({"id": [1, 2], "text": "t", "created_at": stamps}).write_parquet(path)
    settings = WorkloadSettings(where=f"created_at >= {literal.format('2024-01-02 10:00:00')}")
    source = Source.of(settings, ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert [row.id for row in rows] == ["2"]


def test_dates_in_parquet(tmp_path: Path) -> None:
    """Text beside a column of dates is a date."""
    assert read(tmp_path / "in.parquet", "day BETWEEN '2024-01-01' AND '2024-01-31'") == {
        "1": "ok",
        "2": "ok",
    }
    with pytest.raises(InputError, match=r"cannot compare"):
        read(tmp_path / "in.parquet", "day > 'soon'")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("where", ["id = + '01234'", "big = 1 + 'a'", "COALESCE(big, 1 + 'a') = 1"])
def test_literals_that_cannot_be_worked_out(tmp_path: Path, kind: str, where: str) -> None:
    """They are told in a line; the first two were tracebacks of polars."""
    with pytest.raises(InputError, match="is not allowed"):
        read(tmp_path / f"in.{kind}", where)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("big < 99999999999999999999999999", 3),
        ("big > -9223372036854775809", 3),
        ("big IN (2, 99999999999999999999999999)", 1),
    ],
)
def test_whole_numbers_of_any_size(tmp_path: Path, kind: str, where: str, count: int) -> None:
    """A literal beyond 64 bits stays the number that it is."""
    assert len(read(tmp_path / f"in.{kind}", where)) == count
