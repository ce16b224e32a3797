"""Which partitions a range has: the same as trying each date in turn, found in one pass."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 9)
FRAME = pl.DataFrame({
    "id": [1, 2, 3, 4, 5],
    "text": ["one", "two", "three", "four", "five"],
    "created_at": ["2024-01-02 23:30:00 -0800", "2024-01-02", "soon", "2024-01-07T00:00:00Z", "2023-12-31"],
})  # fmt: skip
WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "jsonl": pl.DataFrame.write_ndjson,
}


def source(location: Path | str, **settings: object) -> Source:
    """Make the source of a location."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(location))


def write(path: Path, frame: pl.DataFrame = FRAME) -> Path:
    """Write a frame in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix[1:]](frame, path)
    return path


def one_by_one(source: Source, first: date = FIRST, last: date = LAST) -> list[date]:
    """Try every date, as a run would."""
    found = []
    for place in range((last - first).days + 1):
        try:
            open_partition(source, first + timedelta(days=place))
        except EmptyPartition:
            continue
        found.append(first + timedelta(days=place))
    return found


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name each format in turn."""
    return str(request.param)


def test_dates_of_a_file(tmp_path: Path, kind: str) -> None:
    """Both ends count, other dates do not; a moment counts for its UTC date, an unreadable one for none."""
    file = source(write(tmp_path / f"in.{kind}"))
    found = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 7)]
    assert partitions_between(file, FIRST, LAST) == one_by_one(file) == found
    assert partitions_between(file, found[0], found[-1]) == found
    assert partitions_between(file, date(2024, 1, 3), date(2024, 1, 6)) == found[1:2]
    assert partitions_between(file, date(2024, 1, 4), date(2024, 1, 6)) == []
    assert partitions_between(file, LAST, FIRST) == []


def test_where_decides_too(tmp_path: Path, kind: str) -> None:
    """A date whose rows the condition leaves out is none, and neither is one for which it is NULL."""
    file = source(write(tmp_path / f"in.{kind}"), where="id <> 2")
    assert partitions_between(file, FIRST, LAST) == [date(2024, 1, 3), date(2024, 1, 7)]
    blank = FRAME.with_columns(id=pl.when(pl.col("id") != 4).then("id"))
    file = source(write(tmp_path / f"blank.{kind}", blank), where="id > 1")
    assert partitions_between(file, FIRST, LAST) == one_by_one(file) == [date(2024, 1, 2)]


def test_a_row_that_cannot_be_judged_is_no_row_of_its_date(tmp_path: Path) -> None:
    """Where a value has not the type that the condition asks for, the row is set aside and makes no partition."""
    path = tmp_path / "in.jsonl"
    common: list[tuple[object, str]] = [(1, "2024-01-01")] * 1000  # what the types are taken from
    rows = [*common, (2, "2024-01-02"), ("three", "2024-01-03")]
    path.write_text(
        "".join(json.dumps({"id": id_, "text": "t", "created_at": day}) + "\n" for id_, day in rows)
    )
    file = source(path, where="id > 1")
    assert partitions_between(file, FIRST, LAST) == one_by_one(file) == [date(2024, 1, 2)]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([date(2024, 1, 1), None, date(2024, 1, 9), date(2024, 1, 10)]),
        pl.Series([datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 9, 23, 59, 59, 999999, tzinfo=UTC)]),
        pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 10), None]),  # noqa: DTZ001  a naive time is UTC
        pl.Series([datetime(2024, 1, 2, 3, tzinfo=UTC)]).dt.convert_time_zone("America/New_York"),
        pl.Series([datetime(2024, 1, 2, 3, tzinfo=UTC)]).cast(pl.Datetime("ns", "UTC")),
        pl.Series([1704067200, 1704067199, 1704844799999, -5, 2**60]),
        pl.Series([1704067200.5, None, 1704844799.9]),
        pl.Series(["20240103", "2024-01-05 10:00", "", "1704067200"], dtype=pl.Categorical),
    ],
)
def test_every_kind_of_timestamp(tmp_path: Path, values: pl.Series) -> None:
    """Dates, moments with and without zones, epoch numbers and text are told as the reader tells them."""
    frame = pl.DataFrame({"id": range(len(values)), "text": "t", "created_at": values})
    file = source(write(tmp_path / "in.parquet", frame))
    assert partitions_between(file, FIRST, LAST) == one_by_one(file) != []


MOMENTS = st.one_of(
    st.integers(0, 12).map(lambda day: f"2023-12-{30 + day}" if day < 2 else f"2024-01-{day - 1:02}"),
    st.datetimes(datetime(2023, 12, 30), datetime(2024, 1, 11)).map(str),  # noqa: DTZ001
    st.tuples(
        st.datetimes(datetime(2023, 12, 30), datetime(2024, 1, 11)),  # noqa: DTZ001
        st.sampled_from(["Z", "+05:30", "-0800", " UTC"]),
    ).map(lambda pair: pair[0].strftime("%Y-%m-%dT%H:%M:%S") + pair[1]),
    st.sampled_from(["", "soon", "2024-13-45", "1704067200", "1704067200000"]),
)
ROWS = {
    "csv": lambda moment: f'1,"a, b",{moment}\n',
    "jsonl": lambda moment: f'{{"id": 1, "text": "a", "created_at": "{moment}"}}\n',
}
BROKEN = ['"\n', "1,2\n", "\n", "{\n", "7\n", '1,"never closed,2024-01-05\n', "\xff,\xff,2024-01-05\n"]


@given(
    kind=st.sampled_from(["csv", "jsonl"]),
    rows=st.lists(st.one_of(MOMENTS, st.sampled_from(BROKEN)), min_size=1, max_size=12),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_broken_rows_hide_no_date(tmp_path: Path, kind: str, rows: list[str]) -> None:
    """Whatever rows are broken, one pass finds the dates that the reader finds date by date."""
    head = "id,text,created_at\n" if kind == "csv" else '{"id": 0, "text": "a", "created_at": "2024-01-01"}\n'
    lines = [row if row in BROKEN else ROWS[kind](row) for row in rows]
    path = tmp_path / f"in.{kind}"
    path.write_text(head + "".join(lines), "latin-1")
    file = source(path)
    try:
        expected: list[date] | str = one_by_one(file)
    except InputError as error:
        expected = str(error)
    try:
        found: list[date] | str = partitions_between(file, FIRST, LAST)
    except InputError as error:
        found = str(error)
    assert found == expected


def test_folders_are_listed(tmp_path: Path, kind: str) -> None:
    """Folders in the range that hold a row count; empty ones, those without files and no dates do not."""
    for day in ("2024-01-03", "2024-01-01", "2023-12-31", "2024-01-09"):
        write(tmp_path / f"date={day}" / f"a.{kind}")
    for name in ("date=2024-01-05", "date=2024-02-31", "other"):
        (tmp_path / name).mkdir()
    if kind == "parquet":
        write(tmp_path / "date=2024-01-04" / "a.parquet", FRAME.clear())
    found = [date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 9)]
    assert partitions_between(source(tmp_path), FIRST, LAST) == one_by_one(source(tmp_path)) == found
    assert partitions_between(source(tmp_path, where="id > 5"), FIRST, LAST) == []
    assert partitions_between(source(tmp_path), date(2024, 5, 1), date(2024, 5, 2)) == []


def test_folders_of_an_object_store(tmp_path: Path) -> None:
    """A URL of folders is listed once; `where` and columns that only some files have are no obstacle."""
    write(tmp_path / "date=2024-01-03" / "a.parquet")
    write(tmp_path / "date=2024-01-04" / "a.parquet", FRAME.with_columns(more=1, id=pl.col("id") + 10))
    write(tmp_path / "date=2024-01-10" / "a.parquet")
    store = source(f"file://{tmp_path}")
    assert partitions_between(store, FIRST, LAST) == [date(2024, 1, 3), date(2024, 1, 4)]
    assert one_by_one(store, date(2024, 1, 3), date(2024, 1, 4)) == [date(2024, 1, 3), date(2024, 1, 4)]
    picky = source(f"file://{tmp_path}", where="id > 10")
    assert partitions_between(picky, FIRST, LAST) == [date(2024, 1, 4)]
    with pytest.raises(InputError, match=r"no column colour; it has: id, text, created_at$"):
        partitions_between(source(f"file://{tmp_path}", where="colour = 1"), FIRST, LAST)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timestamp_column": "when"}, "no column when; it has: id, text, created_at"),
        ({"timestamp_column": ""}, "no column of dates .*: a range of dates needs one, or folders"),
        ({"timestamp_column": "text"}, "no value of column text"),
        ({"text_columns": ["body"]}, "no column body; it has"),
        ({"where": "colour = 'red'"}, "no column colour; it has"),
        ({"where": "text > 3"}, "cannot compare string with numeric"),
    ],
)
def test_a_wrong_mapping_is_one_clear_line(
    tmp_path: Path, kind: str, settings: dict[str, object], message: str
) -> None:
    """What a run would refuse is refused before a range of it is quoted, in the same words."""
    with pytest.raises(InputError, match=message) as raised:
        partitions_between(source(write(tmp_path / f"in.{kind}"), **settings), FIRST, LAST)
    assert "\n" not in str(raised.value)


def test_no_dates_and_no_file(tmp_path: Path, kind: str) -> None:
    """A file without a timestamp column has no range; a missing or damaged one is named."""
    undated = write(tmp_path / f"undated.{kind}", FRAME.drop("created_at"))
    (tmp_path / "bad.parquet").write_bytes(b"no")
    (tmp_path / "date=2024-01-05").mkdir()
    (tmp_path / "date=2024-01-05" / "bad.parquet").write_bytes(b"no")
    cases: dict[Path | str, str] = {
        undated: "has no column of dates .*created_at.*folders date=YYYY-MM-DD",
        tmp_path / "gone.csv": "does not exist",
        tmp_path / "bad.parquet": "cannot read .*bad.parquet",
        tmp_path: "cannot read",
        f"file://{tmp_path}/none": "does not exist",
    }
    for location, message in cases.items():
        with pytest.raises(InputError, match=message) as raised:
            partitions_between(source(location), FIRST, LAST)
        assert "\n" not in str(raised.value)
