"""Columns of CSV and JSON: later than the first rows, otherwise written, in another order, in some of the files alone."""

import logging
from collections.abc import Iterator, KeysView, Mapping
from datetime import date
from pathlib import Path

import orjson
import polars as pl
import pytest

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between
from tasks.reading.text.text_file import SAMPLE, TextFile
from tests.integration.reading.conftest import Bucket, Folder

DAY, NEXT = date(2024, 1, 1), date(2024, 1, 2)
Shelf = Bucket | Folder


def source(location: str, **settings: object) -> Source:
    """Make the source of a location."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=location)


def read(location: str, day: date = DAY, **settings: object) -> list[str]:
    """Return the ids of a day's records; of a row that is set aside the reason."""
    batches = open_partition(source(location, **settings), day).batches()
    return [row.id if isinstance(row, Record) else row.reason for batch in batches for row in batch]


def objects(*rows: Mapping[str, object]) -> bytes:
    """Write JSON lines."""
    return b"\n".join(map(orjson.dumps, rows))


def late(name: str, before: int = SAMPLE + 200) -> bytes:
    """Write objects of which the first ones have no timestamp, and then one on each of two days."""
    rows: list[dict[str, object]] = [{"id": f"{number}", "text": "t"} for number in range(before)]
    dated = [{"id": f"on {day}", "text": "t", name: f"{day}T01:00:00Z", "lang": "en"} for day in (DAY, NEXT)]
    return objects(*rows, *dated)


@pytest.mark.parametrize("name", ["created_at", "createdAt", "Date", "ts"])
def test_json_whose_timestamp_comes_late(shelf: Shelf, name: str) -> None:
    """A timestamp that first stands in object 1,201 dates the file: its day is not the whole file, and rows without are set aside."""
    location = shelf.put("in.jsonl", late(name))
    assert read(location) == ["bad_timestamp"] * 1200 + [f"on {DAY}"]
    assert read(location, NEXT)[-1] == f"on {NEXT}"
    assert partitions_between(source(location), DAY, date(2024, 2, 1)) == [DAY, NEXT]
    with pytest.raises(EmptyPartition, match="goes from 2024-01-01 to 2024-01-02"):
        read(location, date(2024, 1, 3))


def test_other_columns_that_come_late(shelf: Shelf) -> None:
    """A column that is set, or that a condition names, is found wherever it first stands; one that is nowhere is an error."""
    location = shelf.put("in.jsonl", late("when"))
    assert read(location, timestamp_column="when")[-1] == f"on {DAY}"
    assert read(location, where="lang = 'en'") == [f"on {DAY}", f"on {NEXT}"]
    assert len(read(location)) == 1202  # `when` is no name of a timestamp: one partition of any day
    with pytest.raises(InputError, match=r"no column country; .*it has: id, text, when, lang"):
        read(location, where="country = 'x'")


def test_objects_are_read_no_further_than_needed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look for a late column ends at the object that has it, and is not repeated in a run."""
    location = shelf.put("in.jsonl", late("created_at") + b"\n" + objects(*[{"id": "1"}] * 5000))
    seen: list[object] = []
    sets = TextFile.key_sets

    def noted(self: TextFile) -> Iterator[KeysView[str]]:
        for keys in sets(self):
            seen.append(keys)
            yield keys

    monkeypatch.setattr(TextFile, "key_sets", noted)
    for _ in range(3):
        open_partition(source(location), DAY)
    assert len(seen) == 1201


def test_a_file_without_the_timestamp_is_named(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    """In a folder where one CSV lacks the column, the others keep their days; its rows are set aside, and one line names it."""
    shelf.put("in/a.csv", b"id,text,created_at\n1,t,2024-01-01\n2,t,2024-01-02\n")
    shelf.put("in/b.csv", b"id,text\n3,t\n4,t\n")
    with caplog.at_level(logging.WARNING):
        assert read(f"{shelf.url}/in") == ["1", "bad_timestamp", "bad_timestamp"]
        assert read(f"{shelf.url}/in", NEXT) == ["2", "bad_timestamp", "bad_timestamp"]
    said = [record.message for record in caplog.records if "bad_timestamp" in record.message]
    assert said == [
        f"{shelf.url}/in/b.csv: no column created_at; rows without it are set aside as bad_timestamp"
    ]


def test_the_first_file_may_be_the_one_that_lacks_it(shelf: Shelf) -> None:
    """It does not matter which file is listed first; the same holds for JSON lines."""
    shelf.put("in/a.csv", b"text,id\nt,3\n")
    shelf.put("in/b.csv", b"id,text,created_at\n1,t,2024-01-01\n")
    shelf.put("json/a.jsonl", objects({"id": "3", "text": "t"}))
    shelf.put("json/b.jsonl", objects({"id": "1", "text": "t", "created_at": "2024-01-01"}))
    assert read(f"{shelf.url}/in") == read(f"{shelf.url}/json") == ["bad_timestamp", "1"]


def test_files_order_and_write_their_columns_differently(shelf: Shelf) -> None:
    """Each file of a folder is read by its own header: other order, letter case and further columns."""
    shelf.put("in/a.csv", b"id,text,created_at\n1,one,2024-01-01\n")
    shelf.put("in/b.csv", b"CREATED_AT,Text,Extra,ID\n2024-01-01,two,x,2\n")
    shelf.put("in/c.csv", b"Text,createdAt,id\nthree,2024-01-01,3\nfour,2024-01-02,4\n")
    rows = [row for batch in open_partition(source(f"{shelf.url}/in"), DAY).batches() for row in batch]
    assert [(row.id, row.text) for row in rows if isinstance(row, Record)] == [
        ("1", "one"),
        ("2", "two"),
        ("3", "three"),
    ]
    assert read(f"{shelf.url}/in", where="Id >= 2") == ["2", "3"]
    assert read(f"{shelf.url}/in", NEXT) == ["4"]


def test_a_file_without_the_text_is_an_error_that_names_it(shelf: Shelf) -> None:
    """A CSV file among others that lacks the text or the id is no file of empty texts."""
    shelf.put("in/a.csv", b"id,text,ts\n1,t,2024-01-01\n")
    shelf.put("in/b.csv", b"id,body,ts\n2,t,2024-01-01\n")
    with pytest.raises(InputError, match=r"in/b\.csv has no column text; it has: id, body, ts"):
        read(f"{shelf.url}/in")


def test_the_timestamp_that_all_files_have_comes_first(shelf: Shelf) -> None:
    """Where one file has a further column that is called like a timestamp, the one that all have is meant."""
    shelf.put("in/a.csv", b"id,text,created_at,timestamp\n1,t,2024-01-01,2024-01-02\n")
    shelf.put("in/b.csv", b"id,text,created_at\n2,t,2024-01-01\n")
    assert read(f"{shelf.url}/in") == ["1", "2"]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_the_timestamps_are_those_that_all_files_have(tmp_path: Path, kind: str) -> None:
    """A column that newer files gained dates no row of the older ones: the one that all have does, whatever the format."""
    old = {"id": ["1"], "text": ["a"], "Date": [str(DAY)]}
    new = {"id": ["2"], "text": ["b"], "date": [str(DAY)], "timestamp": [str(NEXT)]}
    for name, columns in (("old", old), ("new", new)):
        getattr(pl.DataFrame(columns), f"write_{kind}")(tmp_path / f"{name}.{kind}")
    assert sorted(read(str(tmp_path))) == ["1", "2"]
    assert read(str(tmp_path), NEXT, timestamp_column="timestamp") == ["2", "bad_timestamp"]
