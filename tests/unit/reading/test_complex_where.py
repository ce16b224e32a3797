"""The policy's condition on the input's columns marks records; it selects none and reads nothing where unset."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.conditions import Condition

DAY = date(2024, 1, 2)
FRAME = pl.DataFrame({
    "id": [1, 2, 3, 4, 5, 6],
    "text": ["one", "two", "three", "four", "five", "six"],
    "lines": [9, 1, None, 9, 9, 2],
    "kind": ["b2b", "b2c", "b2b", None, "b2c", "b2b"],
    "created_at": ["2024-01-01", *["2024-01-02"] * 4, "2024-01-03"],
})  # fmt: skip


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write the frame in each format in turn."""
    return write(tmp_path / f"in.{request.param}", FRAME)


def write(path: Path, frame: pl.DataFrame) -> Path:
    """Write a frame in the format that the name says."""
    writers: dict[str, Any] = {
        ".parquet": frame.write_parquet,
        ".csv": frame.write_csv,
        ".jsonl": frame.write_ndjson,
    }
    writers[path.suffix](path)
    return path


def source(path: Path | str, complex_where: str | None, **settings: object) -> Source:
    """Make the source of a file whose policy has a condition."""
    return Source.of(
        WorkloadSettings.model_validate(settings),
        ("text",),
        location=str(path),
        complex_where=complex_where,
    )


def marked(source: Source, limit: int | None = None, size: int = 1000) -> dict[str, bool]:
    """Read the day's partition; return which of its records are complex."""
    rows = [row for batch in open_partition(source, DAY, limit).batches(size) for row in batch]
    return {row.key: row.complex for row in rows if isinstance(row, Record)}


@pytest.mark.parametrize(
    ("condition", "complex_"),
    [
        ("lines > 5", {"4", "5"}),
        ("kind = 'b2b'", {"3"}),
        ("lines > 5 AND kind = 'b2c'", {"5"}),
        ("NOT lines > 5", {"2"}),
        ("lines IS NULL OR kind IS NULL", {"3", "4"}),
        ("length(text) > 3", {"3", "4", "5"}),
        ("id IN (2, 3)", {"2", "3"}),
        ("kind LIKE '%2c'", {"2", "5"}),
        ("true", {"2", "3", "4", "5"}),
        ("1 = 2", set()),
        ("NULL", set()),
    ],
)
def test_a_condition_marks_the_rows_it_holds_for(path: Path, condition: str, complex_: set[str]) -> None:
    """Every record of the day is read, those that satisfy the condition are marked, NULL counts as false."""
    assert marked(source(path, condition)) == {key: key in complex_ for key in ("2", "3", "4", "5")}


def test_unset_marks_none(path: Path) -> None:
    """Without a condition, or with an empty one, no record is complex."""
    for unset in (None, ""):
        assert marked(source(path, unset)) == dict.fromkeys(("2", "3", "4", "5"), False)


def test_a_limit_and_small_batches_change_no_mark(path: Path) -> None:
    """The mark belongs to the row, wherever the reading is cut."""
    assert marked(source(path, "lines > 5"), limit=3, size=1) == {"2": False, "3": False, "4": True}


def test_where_selects_and_complex_where_marks(path: Path) -> None:
    """Both conditions may look at the same column, and each does its own work."""
    assert marked(source(path, "lines > 5", where="lines > 0")) == {"2": False, "4": True, "5": True}
    assert marked(source(path, "text = 'four'", where="kind = 'b2c' OR id = 4")) == {
        "2": False,
        "4": True,
        "5": False,
    }


def test_the_conditions_columns_are_no_text(path: Path) -> None:
    """The text and the key of a record are the same with and without a condition."""
    with_, without = (
        [
            (row.key, row.text, row.ordinal)
            for batch in open_partition(source(path, condition), DAY).batches()
            for row in batch
            if isinstance(row, Record)
        ]
        for condition in ("lines > 5", None)
    )
    assert with_ == without


def test_many_rows_keep_their_marks(tmp_path: Path) -> None:
    """Over several chunks, with rows of other days between them, each mark stays at its row."""
    days = [DAY if number % 3 else date(2024, 1, 1) for number in range(9000)]
    frame = pl.DataFrame({"id": range(9000), "text": ["t"] * 9000, "ts": days})
    for suffix in ("parquet", "csv", "jsonl"):
        found = marked(source(write(tmp_path / f"in.{suffix}", frame), "id % 7 = 0"))
        assert len(found) == 6000
        assert all(holds == (int(key) % 7 == 0) for key, holds in found.items())


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("colour = 'red'", "no column colour; it has: id, text, lines, kind, created_at"),
        ("lines in (", "cannot understand the condition"),
        ("kind > 3", "cannot compare string with numeric"),
        ("lines + 1", "is no condition"),
    ],
)
def test_a_condition_that_cannot_work_is_one_clear_line(path: Path, condition: str, message: str) -> None:
    """It is said before anything is read, as for `where`."""
    with pytest.raises(InputError, match=message) as raised:
        open_partition(source(path, condition), DAY)
    assert "\n" not in str(raised.value)


def test_a_value_of_another_type_costs_only_its_mark(tmp_path: Path) -> None:
    """A row that the condition cannot judge is read as a simple record; it is not quarantined."""
    rows = [f'{{"id":{n},"text":"t","n":{n}}}' for n in range(1200)]
    rows += [
        '{"id":"x","text":"t","n":"many"}',
        '{"id":"y","text":"t","n":[1]}',
        '{"id":"z","text":"t","n":7}',
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(rows), "utf-8")
    found = marked(source(path, "n >= 7"))
    assert len(found) == 1203
    assert [key for key, holds in found.items() if not holds] == ["0", "1", "2", "3", "4", "5", "6", "x", "y"]


def test_a_bad_row_takes_no_mark_from_others(tmp_path: Path) -> None:
    """Rows that cannot be taken apart are set aside, and the marks of the rows around them are right."""
    path = tmp_path / "in.csv"
    path.write_text("id,text,n\na,t,9\nb\nc,,9\nd,t,9\ne,t,1\n", "utf-8")
    rows = [row for batch in open_partition(source(path, "n > 5"), DAY).batches() for row in batch]
    assert [row.complex for row in rows if isinstance(row, Record)] == [True, True, False]
    assert sum(isinstance(row, Quarantined) for row in rows) == 2


def test_a_cast_that_fails_for_one_row_fails_for_no_other(tmp_path: Path) -> None:
    """A strict cast over a value that is no number leaves that row simple."""
    frame = pl.DataFrame({"id": range(50), "text": ["t"] * 50, "n": ["9"] * 30 + ["many"] + ["9"] * 19})
    for suffix in ("parquet", "csv", "jsonl"):
        found = marked(source(write(tmp_path / f"in.{suffix}", frame), "CAST(n AS INT) > 5"))
        assert [key for key, holds in found.items() if not holds] == ["30"]


def test_no_column_is_read_for_an_unset_condition(path: Path) -> None:
    """Only id, text and timestamp are read; with a condition its columns too, each once."""
    plain, conditioned = (
        open_partition(source(path, one), DAY)._raw for one in (None, "lines > 5 OR id = 2")
    )
    assert plain.columns.wanted() == ["id", "text", "created_at"]
    assert conditioned.columns.wanted() == ["id", "text", "created_at", "lines"]


def test_nothing_is_judged_for_an_unset_condition(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that most runs take does not touch conditions at all."""
    monkeypatch.setattr(Condition, "judge", lambda *_: pytest.fail("judged"))
    assert len(marked(source(path, None))) == 4


def test_the_condition_is_part_of_the_fingerprint_only_where_it_is_set() -> None:
    """Partitions that were begun before there was such a condition go on; another condition is another input."""
    plain = source("s3://bucket/in.csv", None, where="id = 1")
    assert plain.fingerprint() == "2f4f520232e764fd"
    others = [source("s3://bucket/in.csv", condition, where="id = 1") for condition in ("n > 1", "n > 2")]
    assert len({plain.fingerprint(), *(other.fingerprint() for other in others)}) == 3


def test_a_query_is_a_source_with_a_condition_too() -> None:
    """The condition is kept beside a query, whose own WHERE selects the rows."""
    settings = WorkloadSettings(query="select :partition", query_url=SecretStr("sqlite://"))
    assert Source.of(settings, ("text",), complex_where="n > 1").complex_where == "n > 1"
