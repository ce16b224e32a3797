"""Opening a partition: the forms an input can have, and one clear line for each mistake."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition

DAY = date(2024, 1, 2)
FRAME = pl.DataFrame({
    "id": [1, 2, 1, 3],
    "text": ["one", "two", "three", "four"],
    "more": ["1", None, " ", "4"],
    "created_at": ["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"],
})  # fmt: skip


def source(location: Path | str, texts: tuple[str, ...] = ("text",), /, **settings: object) -> Source:
    """Make the source of a location."""
    return Source.of(WorkloadSettings.model_validate(settings), texts, location=str(location))


def records(source: Source, limit: int | None = None, day: date = DAY) -> list[Record]:
    """Read a partition that has no bad row."""
    reader = open_partition(source, day, limit)
    rows = [row for batch in reader.batches(3) for row in batch]
    assert reader.count() == len(rows)
    assert [row for batch in reader.batches() for row in batch] == rows
    good = [row for row in rows if isinstance(row, Record)]
    assert len(good) == len(rows)
    return good


def write(path: Path, frame: pl.DataFrame = FRAME) -> Path:
    """Write a frame in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)
    return path


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name each format in turn."""
    return str(request.param)


def test_one_file_with_a_timestamp(tmp_path: Path, kind: str) -> None:
    """Only the date's rows are read, numbered from 0; `where`, `limit` and the mapping hold."""
    path = write(tmp_path / f"in.{kind}")
    assert records(source(path)) == [Record("2", "2", 0, "two"), Record("1", "1", 1, "three")]
    assert records(source(path), limit=1) == [Record("2", "2", 0, "two")]
    assert records(source(path, where="id < 2")) == [Record("1", "1", 0, "three")]
    assert [row.text for row in records(source(path, ("text", "more")))] == ["two", "three"]
    assert [row.text for row in records(source(path, ("text", "more")), day=date(2024, 1, 3))] == ["four\n4"]
    assert [row.id for row in records(source(path, id_column="text"))] == ["two", "three"]


def test_a_file_without_timestamp_is_one_partition(tmp_path: Path, kind: str) -> None:
    """Without a timestamp column, or with an empty name for it, the given date holds everything."""
    path = write(tmp_path / f"in.{kind}", FRAME.drop("created_at"))
    assert [row.key for row in records(source(path))] == ["1", "2", "1#2", "3"]
    dated = write(tmp_path / f"dated.{kind}")
    assert len(records(source(dated, timestamp_column=""))) == 4
    assert [row.key for row in records(source(dated, timestamp_column=""), limit=3)] == ["1", "2", "1#2"]


def test_a_hive_folder(tmp_path: Path, kind: str) -> None:
    """Of a folder of dates only the date's files are read, in order of their names, hidden ones not."""
    for name in ("b", "a"):
        write(tmp_path / "date=2024-01-02" / f"{name}.{kind}", FRAME.with_columns(text=pl.lit(name)))
    write(tmp_path / "date=2024-01-01" / f"a.{kind}")
    (tmp_path / "date=2024-01-02" / "_SUCCESS").touch()
    (tmp_path / "date=2024-01-02" / f".x.{kind}").touch()
    assert [row.text for row in records(source(tmp_path))] == ["a"] * 4 + ["b"] * 4
    with pytest.raises(EmptyPartition, match="2 dates, 2024-01-01 to 2024-01-02"):
        open_partition(source(tmp_path), date(2024, 5, 1))


def test_globs_folders_and_urls(tmp_path: Path, kind: str) -> None:
    """A glob, a plain folder and a URL give the same rows as the files."""
    write(tmp_path / f"1.{kind}")
    write(tmp_path / f"2.{kind}")
    for location in (tmp_path, f"{tmp_path}/*.{kind}"):
        assert [row.key for row in records(source(location))] == ["2", "1", "2#2", "1#2"]
    reader = open_partition(source(f"file://{tmp_path}/1.{kind}"), DAY)
    assert [row.key for batch in reader.batches() for row in batch] == ["2", "1"]


def test_a_date_without_rows_names_the_dates(tmp_path: Path, kind: str) -> None:
    """No record of the date is told apart from a mistake, and the range is named."""
    with pytest.raises(EmptyPartition, match="created_at goes from 2024-01-01 to 2024-01-03"):
        open_partition(source(write(tmp_path / f"in.{kind}")), date(2024, 5, 1))
    none = write(tmp_path / f"none.{kind}", FRAME.with_columns(created_at=pl.lit("soon")))
    with pytest.raises(InputError, match="no value of column created_at") as raised:
        open_partition(source(none), DAY)
    assert not isinstance(raised.value, EmptyPartition)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"id_column": "key"}, "no column key; it has: id, text, more, created_at"),
        ({"text_columns": ["text", "body"]}, "no column body; it has"),
        ({"timestamp_column": "when"}, "no column when; it has"),
        ({"where": "colour = 'red'"}, "no column colour; it has"),
        ({"where": "id in ("}, "cannot understand the condition"),
        ({"where": "text > 3"}, "cannot compare string with numeric"),
    ],
)
def test_a_wrong_mapping_is_one_clear_line(
    tmp_path: Path, kind: str, settings: dict[str, object], message: str
) -> None:
    """A column that does not exist, or a condition that cannot work, is said before anything is read."""
    with pytest.raises(InputError, match=message) as raised:
        open_partition(source(write(tmp_path / f"in.{kind}"), ("text",), **settings), DAY)
    assert "\n" not in str(raised.value)


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    """A path that is not there, an unknown kind, mixed kinds and empty files are each one clear line."""
    write(tmp_path / "mix" / "a.csv")
    write(tmp_path / "mix" / "b.jsonl")
    for name in ("notes.txt", "empty.csv", "empty.jsonl", "bad.parquet", "bad.csv.gz"):
        (tmp_path / name).write_bytes(b"\x1f\x8b\x08 no" if name.startswith("bad") else b"")
    (tmp_path / "nothing").mkdir()
    for location, message in {
        "gone.csv": "does not exist",
        "*.none": "does not exist",
        "notes.txt": "unknown kind of file",
        "mix": "mixes csv and jsonl",
        "nothing": "holds no file to read",
        "empty.csv": "is empty",
        "empty.jsonl": "holds no JSON object",
        "bad.parquet": "cannot read",
        "bad.csv.gz": "cannot read",
    }.items():
        with pytest.raises(InputError, match=message) as raised:
            open_partition(source(tmp_path / location), DAY)
        assert "\n" not in str(raised.value)


def test_an_id_column_that_is_no_id(tmp_path: Path) -> None:
    """Parquet ids of a type that is neither text nor a number are refused at once."""
    path = write(tmp_path / "in.parquet", FRAME.with_columns(pl.col("id").cast(pl.Boolean)))
    with pytest.raises(InputError, match="must be text or an integer"):
        open_partition(source(path), DAY)


def test_a_source_needs_an_input() -> None:
    """No input, both kinds of input, or a query without a database are said at once."""
    for settings, message in (
        (WorkloadSettings(), "no input is set"),
        (WorkloadSettings(input="a.csv", query="select 1"), "both an input and a query"),
        (WorkloadSettings(query="select 1"), "no query_url"),
    ):
        with pytest.raises(InputError, match=message):
            Source.of(settings, ("text",))


def test_fingerprints_tell_inputs_apart_and_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same input has one fingerprint, however its path is written; passwords appear nowhere."""
    monkeypatch.chdir(tmp_path)
    one = source("in.csv")
    assert one.fingerprint() == source(tmp_path / "in.csv").fingerprint()
    others = [source("b.csv"), source("in.csv", where="id = 1"), source("in.csv", id_column="k")]
    assert len({one.fingerprint(), *(other.fingerprint() for other in others)}) == 4
    urls = [SecretStr(f"postgresql://me:{password}@db/tickets") for password in ("hunter2", "hunter3")]
    first, second = (
        Source.of(WorkloadSettings(query="select :partition", query_url=url), ("text",)) for url in urls
    )
    assert first.fingerprint() == second.fingerprint()
    assert "hunter" not in first.name + repr(first)
    assert "db/tickets" in first.name
