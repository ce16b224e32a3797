"""CSV and JSON lines with timestamps are read once: every other pass and day takes its rows from what was kept."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between
from tasks.reading.input_cache import InputCache
from tasks.reading.partition import RawPartition, open_raw
from tasks.reading.text import file_rows, kept_rows, text_partition
from tasks.reading.text.lines import RawRow
from tasks.reading.text.text_file import TextFile
from tests.integration.reading.conftest import Bucket, Folder
from tests.sampling import sampled

FIRST = date(2024, 1, 1)
DAYS = 5
ROWS = 12_000
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    """Make a cache of a megabyte or so of room for each test."""
    return InputCache(tmp_path / "kept", 2**28)


def source(path: Path | str, cache: InputCache | None, **settings: object) -> Source:
    """Make the source of a location."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path), cache=cache)


def filler(number: int) -> str:
    """Make 60 characters that cannot be packed to a few."""
    return blake2b(number.to_bytes(4), digest_size=30).hexdigest()


def history(path: Path, rows: int = ROWS, days: int = DAYS) -> Path:
    """Write rows over days in mixed order, some without a readable date."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text,created_at\n")
        for number in range(rows):
            day = FIRST + timedelta(days=number * 7 % days)
            when = "soon" if number % 1000 == 0 else f"{day}T12:00:00Z"
            file.write(f"{number},text of the row {number} {filler(number)},{when}\n")
    return path


def read(source: Source, day: date) -> list[object]:
    """Read a day whole; nothing where it has no record."""
    try:
        reader = open_partition(source, day)
    except EmptyPartition:
        return []
    rows = [row for batch in reader.batches() for row in batch]
    assert reader.count() in (None, len(rows))
    return list(rows)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the file of each reading of rows from an input."""
    found: list[str] = []
    rows = TextFile.rows

    def noted(self: TextFile, wanted: Sequence[str]) -> Iterator[RawRow]:
        found.append(Path(self.path).name)
        return rows(self, wanted)

    monkeypatch.setattr(TextFile, "rows", noted)
    return found


def test_a_range_reads_the_file_once(tmp_path: Path, cache: InputCache, readings: list[str]) -> None:
    """All passes over all days of a range, in this process and the next, take one reading of the input."""
    path = history(tmp_path / "in.csv")
    plain, kept = source(path, None), source(path, cache)
    days = partitions_between(kept, FIRST, FIRST + timedelta(days=DAYS))
    first, second = ([read(kept, day) for day in days] for _ in range(2))
    assert readings == ["in.csv"]
    assert len(days) == DAYS
    assert first == second == [read(plain, day) for day in days]
    assert (
        sum(map(len, first)) == ROWS + (DAYS - 1) * ROWS // 1000
    )  # rows of no readable date are set aside each day


def test_a_small_file_is_read_as_it_is(tmp_path: Path, cache: InputCache) -> None:
    """Nothing is kept of a file below a megabyte, and nothing of one without timestamps."""
    small = history(tmp_path / "in.csv", 1000)
    assert read(source(small, cache), FIRST)
    large = history(tmp_path / "large.csv")
    assert read(source(large, cache, timestamp_column=""), FIRST)
    assert not cache.folder.exists()


def test_only_new_files_of_a_folder_are_read(tmp_path: Path, cache: InputCache, readings: list[str]) -> None:
    """Of a folder that grows, what was kept of the older files stays; a file that changed is read again."""
    folder = tmp_path / "in"
    folder.mkdir()
    a, b = history(folder / "a.csv"), history(folder / "b.csv", 100)
    read(source(folder, cache), FIRST)
    assert readings == ["a.csv", "b.csv"]
    history(folder / "c.csv", 100)
    with b.open("a", encoding="utf-8") as file:
        file.write(f"more,one more,{FIRST}\n")
    assert read(source(folder, cache), FIRST) == read(source(folder, None), FIRST)
    assert readings[:4] == ["a.csv", "b.csv", "b.csv", "c.csv"]
    assert len(list(cache.folder.iterdir())) == 3
    assert a.exists()


def test_a_limit_keeps_nothing(tmp_path: Path, cache: InputCache, readings: list[str]) -> None:
    """The first rows of a large file come without reading all of it; where its rows were kept, from there."""
    file = source(history(tmp_path / "in.csv"), cache)
    reader = open_partition(file, FIRST, 5)
    first = [row for batch in reader.batches() for row in batch]
    assert not cache.folder.exists()
    everything = read(file, FIRST)
    readings.clear()
    assert [row for batch in open_partition(file, FIRST, 5).batches() for row in batch] == first
    assert first == everything[:5]
    assert not readings


def test_other_settings_have_rows_of_their_own(tmp_path: Path, cache: InputCache) -> None:
    """Another column, or a condition over one more, is not answered from rows that lack it."""
    path = history(tmp_path / "in.csv")
    for own in ({}, {"text_columns": ["id"]}, {"where": "text LIKE '%1 a%'"}, {"id_column": "text"}):
        kept, plain = source(path, cache, **own), source(path, None, **own)
        assert read(kept, FIRST) == read(plain, FIRST)
        assert partitions_between(kept, FIRST, date(2024, 1, 5)) == partitions_between(
            plain, FIRST, date(2024, 1, 5)
        )


@contextmanager
def tiny() -> Iterator[None]:
    """Keep rows of the smallest files, three at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_partition, "_SMALL", -1)
        patch.setattr(kept_rows, "CHUNK", 3)
        patch.setattr(file_rows, "CHUNK", 3)
        yield


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["\ud83d", "\ude00", "\udce9", "true", "1", ""]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=2), SCALARS, max_size=2)
)
WHEN = st.one_of(
    st.sampled_from([f"2024-01-0{n}T23:59:59Z" for n in range(1, 6)]),
    st.sampled_from([None, "soon", 1704153600]),
)


def as_json(row: tuple[object, object, object]) -> bytes:
    """Write a row as JSON does that is not strict: NaN, whole numbers of any size, lone surrogates."""
    return json.dumps(dict(zip(("id", "text", "ts"), row, strict=True))).encode()


def raw(partition: RawPartition) -> list[tuple[object, ...]]:
    """Return the raw values of a partition, with the fault of each row and whether it is complex."""
    return [
        (id_, *(column[place] for column in chunk.texts), chunk.faults.get(place), place in chunk.complex)
        for chunk in partition.chunks()
        for place, id_ in enumerate(chunk.ids)
    ]


def same(path: Path, folder: Path, **settings: object) -> None:
    """Assert that what was kept gives what the file gives: rows, values, faults, counts and dates."""
    plain = source(path, None, **settings)
    kept = source(path, InputCache(folder, 2**28), **settings)
    for day in (FIRST + timedelta(days=number) for number in (1, 0)):
        if day:
            one, other = open_raw(plain, day), open_raw(kept, day)
            assert repr(raw(one)) == repr(raw(other))
            assert (one.count(), one.is_empty(), one.dates()) == (
                other.count(),
                other.is_empty(),
                other.dates(),
            )
            assert one.dates_between(FIRST, day) == other.dates_between(FIRST, day)
    assert len(list(folder.iterdir())) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.one_of(st.tuples(VALUES, VALUES, WHEN), st.just(b'{"id": 1, "te')), min_size=1, max_size=12
    )
)
def test_json_values_keep_their_kinds(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Numbers of any size, NaN, nested values, undecoded bytes and broken lines come back as they were, in their order."""
    folder = tmp_path_factory.mktemp("kept")
    path = folder / "in.jsonl"
    known = as_json(("first", "caf", "2024-01-01"))
    lines = [row if isinstance(row, bytes) else as_json(row) for row in rows]
    path.write_bytes(b"\n".join([known, known.replace(b"caf", b"caf\xe9"), *lines]))
    with tiny():
        same(path, folder / "cache")
        same(path, folder / "where", where="id = 'first' OR text IS NULL")


PRINTED = st.characters(exclude_categories=("Cc", "Cs"))  # a file with others may be no text
CELLS = st.one_of(st.text(PRINTED, max_size=4), st.sampled_from(['"', '"a', "a\nb", "1", "01", "é"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, WHEN), max_size=12), quote=st.booleans())
def test_csv_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, object]], quote: bool
) -> None:
    """Bytes that are no UTF-8, open quotes, rows of the wrong width and line breaks: each row, fault and place is the same."""
    folder = tmp_path_factory.mktemp("kept")
    path = folder / "in.csv"
    lines = [",".join([f'"{cell}"' if quote else cell for cell in map(str, row)]) for row in rows]
    path.write_bytes(b"id,text,ts\nx,caf\xe9,2024-01-01\n" + "\n".join(lines).encode("utf-8", "replace"))
    with tiny():
        same(path, folder / "cache", delimiter=",")
        same(path, folder / "where", where="id > 'a'", delimiter=",")


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path, cache: InputCache) -> None:
    """A day that is read while its input is written to does not end as if nothing were; the next one reads what is there."""
    path = history(tmp_path / "in.csv")
    file = source(path, cache)
    reader = open_partition(file, FIRST)
    with path.open("a", encoding="utf-8") as more:
        more.write(f"more,one more,{FIRST}\n")
    with pytest.raises(InputError, match="changed while it was read"):
        list(reader.batches())
    assert read(file, FIRST) == read(source(path, None), FIRST)


@pytest.mark.parametrize("damage", sampled(["cut", "flipped", "emptied"], {"flipped"}))
def test_damage_is_noticed(tmp_path: Path, cache: InputCache, damage: str) -> None:
    """Kept rows that a disk or a power cut damaged never reach a record: they go, and the input is read again."""
    path = history(tmp_path / "in.csv")
    file = source(path, cache)
    right = read(file, FIRST)
    (kept,) = cache.folder.iterdir()
    content = bytearray(kept.read_bytes())
    if damage == "flipped":
        place = content.index(b"text of the row 5 ")
        content[place : place + 4] = b"TEXT"
    kept.write_bytes(content[: {"cut": len(content) // 2, "emptied": 0}.get(damage, len(content))])
    if damage == "flipped":  # what is not whole is seen when it is opened, and read again at once
        with pytest.raises(InputError, match="damaged and were removed: run this again"):
            read(file, FIRST)
    assert read(file, FIRST) == right


def test_kept_rows_may_go_while_they_are_read(tmp_path: Path, cache: InputCache) -> None:
    """Rows that another process removes to make room are read to their end by whoever has found them."""
    file = source(history(tmp_path / "in.csv"), cache)
    read(file, FIRST)
    (path,) = cache.folder.iterdir()
    day = (FIRST - date(1970, 1, 1)).days
    found, right = kept_rows.KeptRows(path, "in.csv"), kept_rows.KeptRows(path, "in.csv")
    rows = list(right.of_day(day))
    path.unlink()
    assert found.days(day, day) == [day]
    assert list(found.of_day(day)) == rows


def test_a_file_whose_times_were_set_back_is_read_again(tmp_path: Path, cache: InputCache) -> None:
    """Another content of the same size, under a time of change that a program copied or set, is no content that was kept."""
    path = history(tmp_path / "in.csv")
    before = path.stat()
    first = read(source(path, cache), FIRST)
    path.write_bytes(path.read_bytes().replace(b"text of", b"TEXT OF"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert first != read(source(path, cache), FIRST) == read(source(path, None), FIRST)


KILLED = """
import sys
from pathlib import Path
from tasks.reading.text import kept_rows
from tests.integration.reading.test_read_once import FIRST, InputCache, read, source

slices = kept_rows._slices
def slow(rows, place):
    print("writing", flush=True)
    yield from slices(rows, place)
    if sys.stdin.read(1):
        pass
kept_rows._slices = slow
read(source(sys.argv[1], InputCache(Path(sys.argv[2]), 2**28)), FIRST)
"""


def test_a_killed_process_leaves_nothing_wrong(tmp_path: Path, cache: InputCache) -> None:
    """After `kill -9` amid the writing nothing is found under the name; the next process reads and keeps all rows."""
    path = history(tmp_path / "in.csv")
    command = [sys.executable, "-c", KILLED, str(path), str(cache.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert {one.suffix for one in cache.folder.iterdir()} == {".half"}
    assert read(source(path, cache), FIRST) == read(source(path, None), FIRST)
    assert sorted(one.suffix for one in cache.folder.iterdir()) == [".half", ".rows"]


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), sqlite3.OperationalError("database or disk is full")]
)
def test_a_full_disk_costs_speed_alone(
    tmp_path: Path,
    cache: InputCache,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    """Where rows cannot be kept, the input is read as ever, and one line says why."""
    path = history(tmp_path / "in.csv")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(file_rows, "write_rows", fail)
    for _ in range(2):
        assert read(source(path, cache), FIRST) == read(source(path, None), FIRST)
    assert len([record for record in caplog.records if "not kept" in record.message]) == 1
    assert not list(cache.folder.iterdir())


def test_rows_that_take_more_than_the_size_are_not_kept(
    tmp_path: Path, readings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An input larger than the cache is tried once, and read directly from then on."""
    path = history(tmp_path / "in.csv")
    small = InputCache(tmp_path / "kept", 2**19)
    assert read(source(path, small), FIRST) == read(source(path, None), FIRST)
    assert "input_cache_gib" in caplog.text
    readings.clear()
    read(source(path, small), FIRST)
    assert len(readings) == 3  # whether there is a row, how many, and the rows
    assert not list(small.folder.iterdir())


@pytest.mark.parametrize("kind", sampled(["csv", "csv.gz", "jsonl"], {"csv.gz"}))
def test_a_store_is_read_once_too(
    tmp_path: Path, shelf: Bucket | Folder, cache: InputCache, readings: list[str], kind: str
) -> None:
    """Local or in an object store, packed or not: the file is taken once for all days, and anew when it changed."""
    content = history(tmp_path / "in.csv").read_bytes()
    if kind == "jsonl":
        names, *lines = content.decode().splitlines()
        rows = [dict(zip(names.split(","), line.split(","), strict=True)) for line in lines]
        content = b"\n".join(map(orjson.dumps, rows))
    elif kind == "csv.gz":
        content = gzip.compress(content)
    location = shelf.put(f"in.{kind}", content)
    kept = [read(source(location, cache), FIRST + timedelta(days=number)) for number in range(2)]
    assert len(readings) == 1
    assert kept == [read(source(location, None), FIRST + timedelta(days=number)) for number in range(2)]
    shelf.put(
        f"in.{kind}",
        content.replace(b"row", b"ROW")
        if kind != "csv.gz"
        else gzip.compress(b"id,text,ts\n1,t,2024-01-01\n"),
    )
    assert read(source(location, cache), FIRST) == read(source(location, None), FIRST) != kept[0]
