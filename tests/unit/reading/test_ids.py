"""Ids of every type that other programs write become the text that people know them by."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import polars as pl
import pytest
from polars.datatypes import DataTypeClass

from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.rows import Chunk, parse_rows

DAY = date(2024, 1, 2)
KNOWN = UUID("0190b7e4-3c5f-7d20-8a6b-1f0e2d3c4b5a")


def read(path: Path) -> list[Record | Quarantined]:
    """Read an undated file whole."""
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    return [row for batch in open_partition(source, DAY).batches() for row in batch]


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (KNOWN.bytes, str(KNOWN)),
        (UUID(int=0).bytes, str(UUID(int=0))),
        (b"ticket-000000017", "ticket-000000017"),
        ("Größe-Nr-0017".encode() + b"x", "Größe-Nr-0017x"),
        (17.0, "17"),
        (-3.0, "-3"),
        (2.0**53 - 1, "9007199254740991"),
        (Decimal("17.00"), "17"),
        (Decimal("1E+2"), "100"),
        (Decimal(10**37), str(10**37)),
        (2**70, str(2**70)),
    ],
)
def test_values_that_are_ids(value: object, id_: str) -> None:
    """UUIDs in 16 bytes and whole numbers of any type are ids; 16 bytes of text stay text."""
    (row,) = parse_rows(Chunk([value], [["text"]]), 0, ("text",), list).items()
    assert row == Record(id_, id_, 0, "text")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (17.5, "wrong_type"),
        (2.0**53, "wrong_type"),
        (float("inf"), "wrong_type"),
        (float("nan"), "missing_id"),
        (Decimal("17.5"), "wrong_type"),
        (Decimal("Infinity"), "wrong_type"),
        (Decimal("NaN"), "missing_id"),
        (10**600, "wrong_type"),
        (True, "wrong_type"),
        (b"\xff" * 15, "undecodable"),
    ],
)
def test_values_that_are_none(value: object, reason: str) -> None:
    """A fraction, a float whose last digits are lost, and what is no number are set aside."""
    (row,) = parse_rows(Chunk([value], [["text"]]), 0, ("text",), list).items()
    assert isinstance(row, Quarantined)
    assert (row.key, row.id, row.reason) == ("#0", None, reason)


@pytest.mark.parametrize(
    ("kind", "written", "id_"),
    [
        ("UUID", f"'{KNOWN}'", str(KNOWN)),
        ("HUGEINT", "17", "17"),
        ("UBIGINT", "18446744073709551615", "18446744073709551615"),
        ("DECIMAL(38, 0)", "12345678901234567890123", "12345678901234567890123"),
        ("DOUBLE", "17", "17"),
        ("FLOAT", "17", "17"),
    ],
)
def test_ids_as_duckdb_writes_them(tmp_path: Path, kind: str, written: str, id_: str) -> None:
    """Its UUIDs are 16 bytes in Parquet, its largest integers decimals or floats."""
    path = tmp_path / "in.parquet"
    duckdb.sql(f"COPY (SELECT {written}::{kind} AS id, 'text' AS text) TO '{path}' (FORMAT parquet)")
    assert read(path) == [Record(id_, id_, 0, "text")]


@pytest.mark.parametrize("kind", [pl.Float32, pl.Float64])
def test_a_float_that_shows_its_last_digit_no_more(tmp_path: Path, kind: DataTypeClass) -> None:
    """Two ids must not become one: from 2**24 and 2**53 on, a float is no id."""
    path = tmp_path / "in.parquet"
    least = 2**24 if kind == pl.Float32 else 2**53
    ids = pl.Series([1, least - 1, least, None], dtype=pl.Int64).cast(kind)
    pl.DataFrame({"id": ids, "text": "text"}).write_parquet(path)
    reasons = [getattr(row, "reason", row.key) for row in read(path)]
    assert reasons == ["1", str(least - 1), "wrong_type", "missing_id"]


@pytest.mark.parametrize("form", ["{}\n", "[{}]", "[\n{},\n{}]"])
@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**30 + 1])
def test_large_integers_in_json(tmp_path: Path, form: str, number: int) -> None:
    """Every digit of a large integer is kept, in lines and in an array; a large fraction is no id."""
    path = tmp_path / "in.json"
    row = f'{{"id": {number}, "text": "text", "other": 1e300}}'
    path.write_text(form.replace("{}", row))
    assert read(path)[0] == Record(str(number), str(number), 0, "text")
    path.write_text(form.replace("{}", row.replace(str(number), "1e300")))
    assert getattr(read(path)[0], "reason", None) == "wrong_type"
