"""Which files an input is: the same in a local folder and in an object store."""

import io
import logging
import random
from collections.abc import Callable
from datetime import date

import orjson
import polars as pl
import pytest

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between
from tasks.reading.files.locate import InputMissing, dated_folders
from tasks.reading.files.store import InputChanged, open_bytes
from tasks.reading.newest import newest_dates
from tasks.reading.partition import open_raw
from tasks.reading.whole import columns_of, open_all
from tests.integration.reading.conftest import Bucket, Folder

DAY = date(2024, 1, 2)
Shelf = Bucket | Folder
WRITERS: dict[str, Callable[[pl.DataFrame, io.BytesIO], object]] = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "jsonl": pl.DataFrame.write_ndjson,
}


def source(location: str, **settings: object) -> Source:
    """Make the source of a location."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=location)


def texts(location: str, day: date = DAY, **settings: object) -> list[str]:
    """Return the texts of a partition's records; a quarantined row gives its reason."""
    batches = open_partition(source(location, **settings), day).batches()
    return [row.text if isinstance(row, Record) else row.reason for batch in batches for row in batch]


def content(kind: str, *rows: str, day: str | None = "2024-01-02") -> bytes:
    """Return a file of these texts, all of one date; None: without a date."""
    frame = pl.DataFrame({"id": list(rows), "text": list(rows)})
    buffer = io.BytesIO()
    WRITERS[kind](frame if day is None else frame.with_columns(created_at=pl.lit(day)), buffer)
    return buffer.getvalue()


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name each format in turn."""
    return str(request.param)


LITERAL = [
    "a[1]",
    "a*",
    "a?",
    "a b",
    "a%20b",
    "a+b",
    "ä",
    "a#b",
    "a{b}",
    "a&b=c",
    "$a",
    "a'b",
    "~a",
    "a;b,c@d",
]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_exists_is_meant_literally(shelf: Shelf, kind: str) -> None:
    """A name with characters of patterns or addresses is read, not what it would match, as file and as folder."""
    for other in ("a", "a1", "aa", "a b c"):
        shelf.put(f"{other}.{kind}", content(kind, f"not {other}"))
        shelf.put(f"of {other}/1.{kind}", content(kind, f"not {other}"))
    for name in LITERAL:
        file = shelf.put(f"{name}.{kind}", content(kind, name))
        shelf.put(f"of {name}/1.{kind}", content(kind, name))
        folder = f"{shelf.url}/of {name}"
        assert texts(file) == texts(folder) == texts(f"{folder}/*.{kind}") == [name]


def test_a_pattern_that_matches_no_file_name(shelf: Shelf, kind: str) -> None:
    """Each form of a pattern gives the files in the order of their names; one that matches nothing is said."""
    for name in ("a1", "a2", "b1", "deep/a3", "deep/er/a4"):
        shelf.put(f"{name}.{kind}", content(kind, name))
    for pattern, names in {
        "a*": ["a1", "a2"],
        "[ab]1": ["a1", "b1"],
        "[!a]?": ["b1"],
        "*/a?": ["deep/a3"],
        "**/a*": ["a1", "a2", "deep/a3", "deep/er/a4"],
        "deep/**/*": ["deep/a3", "deep/er/a4"],
    }.items():
        assert texts(f"{shelf.url}/{pattern}.{kind}") == names
    assert texts(f"{shelf.url}/de*/") == ["deep/a3", "deep/er/a4"]
    for nothing in (f"c*.{kind}", f"none/*.{kind}", f"c.{kind}", "c", "c/"):
        with pytest.raises(InputMissing, match="does not exist"):
            texts(f"{shelf.url}/{nothing}")


def test_each_file_has_its_own_header(shelf: Shelf) -> None:
    """Two CSV files with other orders of columns are two files, not one with a header among its rows."""
    shelf.put("in/1.csv", b"id,text,created_at\n1,one,2024-01-02\n")
    shelf.put("in/2.csv", b"created_at,text,id\n2024-01-02,two,2\n")
    assert (
        texts(f"{shelf.url}/in/*.csv")
        == texts(f"{shelf.url}/in")
        == texts(f"{shelf.url}/in/")
        == ["one", "two"]
    )


DAYS = [
    "date={0:%Y-%m-%d}",
    "dt={0:%Y%m%d}/hour=13",
    "year={0.year}/month={0.month}/day={0.day}",
    "{0:%Y/%m/%d}",
    "region=eu/date={0:%Y-%m-%d}",
    "dt={0:%Y-%m-%d} 00%3A00%3A00",
]


@pytest.mark.parametrize("form", DAYS)
def test_folders_of_dates(shelf: Shelf, form: str) -> None:
    """A day is the files below its folders, in every form; one without a folder is an answer, not an error."""
    days = [date(2023, 12, 31), DAY, date(2024, 2, 2)]
    for day in days:
        shelf.put(f"{form.format(day)}/1.csv", content("csv", str(day), day=None))
    assert texts(shelf.url) == [str(DAY)]
    assert dated_folders(shelf.url) == newest_dates(source(shelf.url), DAY) == days
    assert partitions_between(source(shelf.url), date(2024, 1, 1), date(2024, 2, 2)) == days[1:]
    assert columns_of(shelf.url) == {"id": True, "text": True}
    whole = [chunk for raw in open_all(source(shelf.url, timestamp_column="")) for chunk in raw.chunks()]
    assert [list(chunk.ids) for chunk in whole] == [[str(day)] for day in days]
    with pytest.raises(EmptyPartition, match="3 dates, 2023-12-31 to 2024-02-02"):
        texts(shelf.url, date(2024, 1, 5))


def test_a_pattern_over_folders_of_dates(shelf: Shelf, kind: str) -> None:
    """Where no column says the day, the folders that the pattern leaves open do; a column comes first, and an empty setting says neither."""
    for day in ("2024-01-01", "2024-01-02", "2024-01-04"):
        shelf.put(f"bare/dt={day}/a.{kind}", content(kind, day, day=None))
        shelf.put(f"bare/2024/{day[5:7]}/{day[8:]}/a.{kind}", content(kind, day, day=None))
        shelf.put(f"told/dt={day}/a.{kind}", content(kind, day))
    for pattern in ("bare/dt=*", "bare/2024/*/*", "bare/dt=2024-01-0[12]"):
        location = f"{shelf.url}/{pattern}/*.{kind}"
        assert texts(location) == ["2024-01-02"]
        with pytest.raises(EmptyPartition, match="has no folder date=2024-01-03"):
            texts(location, date(2024, 1, 3))
    location = f"{shelf.url}/bare/dt=*/*.{kind}"
    assert partitions_between(source(location), date(2024, 1, 2), date(2024, 1, 9)) == [DAY, date(2024, 1, 4)]
    assert newest_dates(source(location), DAY) == [date(2024, 1, 1), DAY, date(2024, 1, 4)]
    assert len(texts(location, timestamp_column="")) == 3
    assert len(texts(f"{shelf.url}/told/dt=*/*.{kind}")) == 3


def test_a_day_of_several_places(shelf: Shelf, kind: str) -> None:
    """A day whose folders lie in several is all of them; folders of no date are left out, and said."""
    shelf.put(f"region=eu/dt=2024-01-02/1.{kind}", content(kind, "eu"))
    shelf.put(f"region=us/dt=2024-01-02/1.{kind}", content(kind, "us"))
    shelf.put(f"region=us/dt=__HIVE_DEFAULT_PARTITION__/1.{kind}", content(kind, "no date"))
    assert texts(shelf.url) == ["eu", "us"]
    assert dated_folders(shelf.url) == [DAY]


def test_a_day_without_rows_or_files(shelf: Shelf, kind: str) -> None:
    """A folder of a date with files without rows, or nothing to read, is an empty day."""
    shelf.put(f"date=2024-01-01/1.{kind}", content(kind, "one", day=None))
    shelf.put("date=2024-01-02/_SUCCESS", b"")
    shelf.put("date=2024-01-03/notes.txt", b"no data")
    for day in (2, 3, 4):
        with pytest.raises(EmptyPartition):
            texts(shelf.url, date(2024, 1, day))
    assert partitions_between(source(shelf.url), date(2024, 1, 1), date(2024, 1, 9)) == [date(2024, 1, 1)]


def test_folders_without_dates_are_read_whole(shelf: Shelf, kind: str) -> None:
    """Where folders say no date, every file below is read, and its timestamps decide; files beside folders are read alone."""
    shelf.put(f"country=de/1.{kind}", content(kind, "de"))
    shelf.put(f"country=fr/city=paris/1.{kind}", content(kind, "paris"))
    assert texts(shelf.url) == ["de", "paris"]
    assert dated_folders(shelf.url) is None
    shelf.put(f"top.{kind}", content(kind, "top"))
    assert texts(shelf.url) == ["top"]


def test_hidden_names_are_left_out_and_said(
    shelf: Shelf, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What programs leave behind is no data: not in a folder, a pattern or a day. One line says it, once."""
    caplog.set_level(logging.WARNING)
    shelf.put(f"in/1.{kind}", content(kind, "yes"))
    for name in ("_temporary/0/2", ".ipynb_checkpoints/1-checkpoint", "_delta_log/0", "_3", ".4", "._1"):
        shelf.put(f"in/{name}.{kind}", content(kind, "no"))
    assert texts(f"{shelf.url}/in") == texts(f"{shelf.url}/in") == ["yes"]
    assert [line for line in caplog.messages if "_temporary/" in line] == [caplog.messages[0]]
    for location in (f"in/*.{kind}", f"**/*.{kind}", f"*/**/*.{kind}", "i*"):
        assert texts(f"{shelf.url}/{location}") == ["yes"]
    assert texts(f"{shelf.url}/in/_temporary/*/*.{kind}") == texts(f"{shelf.url}/in/_temporary/0") == ["no"]
    assert texts(f"{shelf.url}/in/_3.{kind}") == texts(f"{shelf.url}/in/_*.{kind}") == ["no"]
    shelf.put(f"dated/date=2024-01-02/1.{kind}", content(kind, "yes"))
    shelf.put(f"dated/date=2024-01-02/_temporary/1.{kind}", content(kind, "no"))
    shelf.put(f"dated/_backup/date=2024-01-02/1.{kind}", content(kind, "no"))
    assert texts(f"{shelf.url}/dated") == ["yes"]


def test_files_without_a_byte_are_left_out(shelf: Shelf, kind: str) -> None:
    """An empty part file takes no other with it."""
    shelf.put(f"in/1.{kind}", b"")
    shelf.put(f"in/2.{kind}", content(kind, "yes"))
    shelf.put(f"days/dt=2024-01-02/1.{kind}", b"")
    shelf.put(f"days/dt=2024-01-02/2.{kind}", content(kind, "yes"))
    for location in ("in", f"in/*.{kind}", "days"):
        assert texts(f"{shelf.url}/{location}") == ["yes"]


@pytest.mark.parametrize("name", ["IN.CSV", "in.json", "in.NDJSON", "part-0.c000.snappy.parquet"])
def test_endings_of_names(shelf: Shelf, name: str) -> None:
    """Endings are told without case, with what people and programs put around them."""
    kind = {"csv": "csv", "parquet": "parquet"}.get(name.rpartition(".")[2].lower(), "jsonl")
    assert texts(shelf.put(name, content(kind, "yes"))) == ["yes"]


def test_a_file_that_changes_while_it_is_read(shelf: Shelf, kind: str) -> None:
    """Cut off, rewritten, replaced by as long a content, or removed: reading ends with an error that names the file."""
    rows = [f"text {number}" for number in range(3000)]
    for change in (rows[:10], [*rows, "more"], [row.upper() for row in rows], None):
        shelf.put(f"in/1.{kind}", content(kind, *rows))
        shelf.put(f"in/2.{kind}", content(kind, "two"))
        batches = open_partition(source(f"{shelf.url}/in"), DAY).batches()
        next(batches)
        if change is None:
            shelf.delete(f"in/1.{kind}")
        else:
            shelf.put(f"in/1.{kind}", content(kind, *change))
        with pytest.raises(InputChanged, match=rf"in/1\.{kind} .* while it was read") as raised:
            list(batches)
        assert "\n" not in str(raised.value)
    shelf.put(f"in/1.{kind}", content(kind, *rows))
    assert len(texts(f"{shelf.url}/in")) == 3001


def test_a_day_that_a_change_emptied_is_no_empty_day(shelf: Shelf, kind: str) -> None:
    """A file that is rewritten between its opening and the look for a row says that it changed, not that the day has no record."""
    shelf.put(f"in/1.{kind}", content(kind, "1"))
    raw = open_raw(source(f"{shelf.url}/in"), DAY)
    shelf.put(f"in/1.{kind}", content(kind))
    with pytest.raises(InputChanged, match=rf"in/1\.{kind} was changed while it was read"):
        raw.is_empty()
    shelf.put(f"in/1.{kind}", content(kind, "1"))
    raw = open_raw(source(f"{shelf.url}/in"), DAY)
    shelf.put(f"in/1.{kind}", content(kind))
    with pytest.raises(InputChanged, match=rf"in/1\.{kind} was changed while it was read"):
        raw.dates_between(DAY, DAY)


def test_files_that_come_while_others_are_read(shelf: Shelf, kind: str) -> None:
    """A further file does not disturb the ones that are read: it is late data of a later run."""
    shelf.put(f"in/1.{kind}", content(kind, *map(str, range(3000))))
    batches = open_partition(source(f"{shelf.url}/in"), DAY).batches()
    next(batches)
    shelf.put(f"in/0.{kind}", content(kind, "new"))
    assert sum(map(len, batches)) == 2000


def test_what_a_store_refuses_is_one_line(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that is not there, a key that is none, and a store that is away are each one line."""
    for location, message in {
        "s3://bucket-of-nobody/in": "there is no such bucket",
        "s3://bucket-of-nobody/in.csv": "there is no such bucket|does not exist",
        f"{bucket.url}/a//b.csv": "empty path segment",
        f"{bucket.url}/none.csv": "does not exist",
        f"{bucket.url}/x.docx": "does not exist",
        "s9://what/in.csv": "cannot read s9://what/in.csv",
    }.items():
        with pytest.raises(InputError, match=message) as raised:
            texts(location)
        assert "\n" not in str(raised.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot read s3://bucket-away/in") as raised:
        texts("s3://bucket-away/in")
    assert "\n" not in str(raised.value)


def test_a_delta_table_is_what_its_log_says(shelf: Shelf) -> None:
    """Files that an update or delete has left behind are not read; a checkpoint stands for the commits before it."""

    def commit(version: int, *actions: dict[str, dict[str, object]]) -> None:
        lines = b"\n".join(orjson.dumps(action) for action in ({"commitInfo": {}}, *actions))
        shelf.put(f"table/_delta_log/{version:020}.json", lines)

    for name in ("old", "new", "day=1/a b"):
        shelf.put(f"table/{name}.parquet", content("parquet", name))
    commit(0, {"protocol": {}}, {"add": {"path": "old.parquet"}}, {"add": {"path": "day=1/a%20b.parquet"}})
    assert texts(f"{shelf.url}/table") == ["day=1/a b", "old"]
    commit(1, {"remove": {"path": "old.parquet"}}, {"add": {"path": "new.parquet"}})
    for location in ("table", "table/**/*.parquet", "t*/"):
        assert texts(f"{shelf.url}/{location}") == ["day=1/a b", "new"]
    assert texts(f"{shelf.url}/table/*.parquet") == ["new"]
    assert texts(f"{shelf.url}/table/day=1") == ["day=1/a b"]
    buffer = io.BytesIO()
    pl.DataFrame(
        {"add": [{"path": "new.parquet"}, None], "remove": [None, {"path": "old.parquet"}]}
    ).write_parquet(buffer)
    shelf.put(f"table/_delta_log/{1:020}.checkpoint.parquet", buffer.getvalue())
    shelf.delete(f"table/_delta_log/{0:020}.json")
    assert texts(f"{shelf.url}/table/") == ["new"]
    commit(3, {"add": {"path": "old.parquet"}})
    with pytest.raises(InputError, match="log lacks commits"):
        texts(f"{shelf.url}/table")
    commit(2, {"add": {"path": "old.parquet", "deletionVector": {"storageType": "u"}}})
    with pytest.raises(InputError, match="deletion vectors"):
        texts(f"{shelf.url}/table")


def test_descriptions_beside_data(shelf: Shelf) -> None:
    """A description in JSON, or a second form of the same rows, is no further part of a folder of data."""
    shelf.put("in/1.csv", content("csv", "yes"))
    shelf.put("in/datapackage.json", b'{"name": "tickets"}')
    shelf.put("in/1.tsv", content("csv", "no"))
    shelf.put("only/1.json", content("jsonl", "yes"))
    assert texts(f"{shelf.url}/in") == texts(f"{shelf.url}/only") == ["yes"]


@pytest.mark.parametrize("size", [0, 1, 2**18 - 1, 2**18, 2**18 + 1, 5 * 2**18, 3 * 2**20 + 7])
def test_an_object_is_streamed_whole(bucket: Bucket, size: int) -> None:
    """Every byte of an object comes once and in order, whatever its size is; the head takes one small request."""
    whole = random.Random(size).randbytes(size)
    location = bucket.put("some bytes", whole)
    with open_bytes(location) as file:
        assert file.read() == whole
    with open_bytes(location) as file:
        assert file.read(10) == whole[:10]


def test_an_object_that_changes_between_two_pieces(bucket: Bucket) -> None:
    """The second piece of another content is never read as the rest of the first."""
    location = bucket.put("in", b"a" * 2**19)
    with open_bytes(location) as file:
        file.read(10)
        bucket.put("in", b"b" * 2**19)
        with pytest.raises(InputChanged, match="was changed while it was read"):
            file.read()
