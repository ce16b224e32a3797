"""Texts, lines, rows and values that are too long: each is set aside by itself, and what is held of it is bounded."""

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.input_cache import InputCache
from tasks.reading.longest import CHUNK_CHARS, chunks_of, cut
from tasks.reading.text import csv_records, json_elements, json_records, lines
from tasks.reading.text.json_records import json_records as read_json
from tasks.reading.text.lines import Broken

DAY = date(2024, 1, 2)
LIMIT = 100
LONG = "é" * (LIMIT + 1)
KINDS = ["csv", "csv.gz", "jsonl", "json", "parquet"]


def write(path: Path, frame: pl.DataFrame) -> str:
    """Write rows in the format that the file's name says."""
    kind = path.name.partition(".")[2]
    if kind == "parquet":
        frame.write_parquet(path)
    elif kind == "json":
        path.write_text(json.dumps(frame.to_dicts()))
    elif kind == "jsonl":
        frame.write_ndjson(path)
    else:
        content = frame.write_csv().encode()
        path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    return str(path)


def read(source: Source) -> dict[str | None, str]:
    """Return each row by its id, with its text or the reason for which it is set aside."""
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    return {row.id: row.text if isinstance(row, Record) else row.reason for row in rows}


def source_of(location: str, **settings: object) -> Source:
    """Make a source whose texts may have some characters."""
    own = WorkloadSettings.model_validate({"max_text_chars": LIMIT, "timestamp_column": "", **settings})
    return Source.of(own, ("text",), location=location)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_set_aside_by_itself(kind: str, tmp_path: Path) -> None:
    """A text of as many characters as may be is read, one more is too long, and the rows around it are read."""
    frame = pl.DataFrame({"id": ["a", "b", "c", "d"], "text": ["x", "é" * LIMIT, LONG, "y"]})
    found = read(source_of(write(tmp_path / f"in.{kind}", frame)))
    assert found == {"a": "x", "b": "é" * LIMIT, "c": "too_long", "d": "y"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_no_text_meets(kind: str, tmp_path: Path) -> None:
    """The largest number that the setting takes is a limit as any other, also beside bytes and lists."""
    frame = pl.DataFrame({"id": ["a"], "text": ["x"]})
    assert read(source_of(write(tmp_path / f"in.{kind}", frame), max_text_chars=2**62)) == {"a": "x"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_column_counts(kind: str, tmp_path: Path) -> None:
    """A column of a template, several columns together, an id and a timestamp are bounded too."""
    frame = pl.DataFrame({
        "id": ["a", "b", "c", "d", "e" * 501],
        "text": ["x", LONG, "x", "x" * 60, "x"],
        "more": ["y", "y", LONG, "y" * 60, "y"],
    })  # fmt: skip
    location = write(tmp_path / f"in.{kind}", frame)
    wanted = {"a": "x\ny", "b": "too_long", "c": "too_long", "d": "too_long", None: "wrong_type"}
    assert read(source_of(location, text_columns="text,more")) == wanted
    assert read(source_of(location, text="{{ text }}\n{{ more }}")) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_timestamp_is_none(kind: str, tmp_path: Path) -> None:
    """A time with a million blanks around it is no time, and no pattern is tried on it."""
    moments = ["2024-01-02", f"2024-01-02{' ' * 1_000_000}", "2024-01-02T10:00:00Z"]
    frame = pl.DataFrame({"id": ["a", "b", "c"], "text": ["x"] * 3, "ts": moments})
    found = read(source_of(write(tmp_path / f"in.{kind}", frame), timestamp_column="ts"))
    assert found == {"a": "x", "b": "bad_timestamp", "c": "x"}


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_a_list_counts_as_what_is_in_it(kind: str, tmp_path: Path) -> None:
    """A list with too many members, or too much text in them, is too long; what is left of it is no list of millions."""
    lists: list[Sequence[object]] = [["p", "q"], ["p"] * (LIMIT + 1), ["p" * LIMIT, "q"], []]
    frame = pl.DataFrame({"id": ["a", "b", "c", "d"], "text": ["x"] * 4, "passages": lists})
    found = read(source_of(write(tmp_path / f"in.{kind}", frame), context="passages"))
    assert found == {"a": "p\n\nq\n\nx", "b": "too_long", "c": "too_long", "d": "\n\nx"}


def test_members_of_members_count(tmp_path: Path) -> None:
    """However deep the members are nested, in structs and lists, they are counted before Python has them."""
    deep = pl.Series("v", [[{"a": [1] * 10, "b": "x"}] * 2, [{"a": [1] * 600, "b": "x"}] * 2])
    frame = pl.DataFrame({"id": ["a", "b"], "text": ["x", "x"], "v": deep})
    path = tmp_path / "in.parquet"
    frame.write_parquet(path)
    assert read(source_of(str(path), text="{{ text }} {{ v | length }}")) == {"a": "x 2", "b": "too_long"}


def test_one_long_text_for_many_rows(tmp_path: Path) -> None:
    """A text that a file holds once and thousands of rows have is not held once for each row."""
    text = pl.Series("text", ["b" * 20_000_000, "ok"]).cast(pl.Categorical).gather([0, 1] * 1000)
    path = tmp_path / "in.parquet"
    pl.DataFrame({"id": pl.Series(range(2000)).cast(pl.String), "text": text}).write_parquet(path)
    tracemalloc.start()
    found = read(source_of(str(path), max_text_chars=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted(set(found.values())) == ["ok", "too_long"]
    assert peak < 4 * CHUNK_CHARS


def test_rows_of_long_texts_come_in_small_lists(tmp_path: Path) -> None:
    """Texts that are long and not too long are not held by the thousand."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "text": "x" * 300_000}) + "\n" for n in range(120)))
    sizes = [
        len(batch) for batch in open_partition(source_of(str(path), max_text_chars=400_000), DAY).batches()
    ]
    assert sum(sizes) == 120
    assert max(sizes) * 300_000 <= CHUNK_CHARS + 50 * 300_000


def test_kept_rows_stay_cut(tmp_path: Path) -> None:
    """What is kept of a file, to be read once, holds no more of a long text, and another limit reads the file anew."""
    rows = [{"id": str(n), "text": "x" * 5000 if n % 2 else "y", "ts": "2024-01-02"} for n in range(500)]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cache = InputCache(tmp_path / "kept", 10**9)
    for limit, wanted in ((LIMIT, "too_long"), (5000, "x" * 5000), (4999, "too_long")):
        own = WorkloadSettings(max_text_chars=limit)
        found = read(Source.of(own, ("text",), location=str(path), cache=cache))
        assert found["1"] == wanted
        assert found["2"] == "y"
    least = min(kept.stat().st_size for kept in (tmp_path / "kept").rglob("*") if kept.is_file())
    assert least < path.stat().st_size / 2


@pytest.fixture
def short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a row be too long at a kilobyte; files are read in pieces of half of that."""
    for module in (lines, json_records, json_elements, csv_records):
        monkeypatch.setattr(module, "LONGEST_ROW", 1024)


@pytest.mark.usefixtures("short_rows")
def test_a_line_without_end_is_one_row(tmp_path: Path) -> None:
    """A line that is longer than may be held is one row that is set aside as too long, in CSV and in JSON lines."""
    text = tmp_path / "in.csv"
    text.write_text(f"id,text\na,x\nb,{'y' * 5000}\nc,z\n")
    assert read(source_of(str(text))) == {"a": "x", None: "too_long", "c": "z"}
    objects = tmp_path / "in.jsonl"
    objects.write_text(
        f'{{"id":"a","text":"x"}}\n{{"id":"b","text":"{"y" * 5000}"}}\n{{"id":"c","text":"z"}}\n'
    )
    assert read(source_of(str(objects))) == {"a": "x", None: "too_long", "c": "z"}


@pytest.mark.usefixtures("short_rows")
@pytest.mark.parametrize(
    "element",
    [
        '{"id":"b","text":"' + "y" * 5000 + '"}',
        '{"id":"b","text":"' + '\\"}' * 2000 + '"}',
        '{"id":"b","text":"' + "\\\\" * 2000 + '"}',
        '{"id":"b","text":' + "[" * 3000 + "]" * 3000 + "}",
        '{"id":"b","text":[' + '{"a":"}]"},' * 500 + "1]}",
        '[{"id":"b"},' + "\n1," * 2000 + '"]"]',
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_element_of_an_array_without_end_is_one_row(
    element: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An element that is longer than may be held is passed over, wherever its pieces meet, and the others are read."""
    path = tmp_path / "in.json"
    path.write_text(f'[{{"id":"a","text":"x"}},\n{element},\n{{"id":"c","text":"z"}}, 1]')
    real = lines.head_and_rest

    def in_pieces(path: str, encoding: str) -> tuple[bytes, object]:
        head, rest = real(path, encoding)
        whole = b"".join(rest)
        return head, (whole[at : at + size] for at in range(0, len(whole), size))

    monkeypatch.setattr(json_records, "head_and_rest", in_pieces)
    found = list(read_json(str(path)))
    said = [one.fault.reason if isinstance(one, Broken) else one["id"] for one in found]
    assert said == ["a", "too_long", "c", "wrong_type"]
    assert isinstance(found[-1], Broken)
    assert found[-1].fault.detail.startswith(f"line {3 + element.count(chr(10))} ")


def test_texts_of_a_database_are_cut(tmp_path: Path) -> None:
    """A long text in a table, or in bytes, is too long; the rows around it are read."""
    url = f"sqlite:///{tmp_path / 'in.db'}"
    with closing(sa.create_engine(url, poolclass=sa.NullPool).raw_connection()) as made:
        made.cursor().execute("CREATE TABLE tickets (id TEXT, text TEXT, day TEXT)")
        rows = [("a", "x"), ("b", LONG), ("c", LONG.encode() * 4), ("d", "y")]
        made.cursor().executemany("INSERT INTO tickets VALUES (?, ?, ?)", [(*row, str(DAY)) for row in rows])
        made.commit()
    own = {
        "query": "SELECT id, text FROM tickets WHERE day = :partition ORDER BY id",
        "query_url": SecretStr(url),
    }
    settings = WorkloadSettings.model_validate({"max_text_chars": LIMIT, **own})
    assert read(Source.of(settings, ("text",))) == {"a": "x", "b": "too_long", "c": "too_long", "d": "y"}


def test_what_is_said_names_column_and_setting(tmp_path: Path) -> None:
    """The fault of a long text names its column, the limit and the setting, and nothing of the text."""
    frame = pl.DataFrame({"id": ["a", "b"], "text": [LONG, "x"]})
    reader = open_partition(source_of(write(tmp_path / "in.csv", frame)), DAY)
    (row,) = (one for batch in reader.batches() for one in batch if isinstance(one, Quarantined))
    assert row.detail == "text has more than 100 characters"
    assert row.rule == "must have at most 100 characters (max_text_chars)"


def test_lists_are_whole_where_texts_are_short() -> None:
    """Rows come in lists of the asked size, and a value that is short enough is the very same."""
    assert [len(some) for some in chunks_of([(1, "x")] * 4500, 2000)] == [2000, 2000, 500]
    value = ["x", {"a": 1}]
    assert cut(value, 10) is value


@pytest.mark.parametrize("end", [b"", b"x", b"}"])
def test_objects_in_one_line_cost_their_length(end: bytes, tmp_path: Path) -> None:
    """Many objects in one line are cut out of it where they stand: nothing of the rest of the line is copied for each."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"a":1}\n' + b'{"a":NaN}' * 50_000 + end)
    assert len(list(read_json(str(path)))) == (2 if end else 50_001)


def test_a_million_keys_are_looked_through_once(tmp_path: Path) -> None:
    """Of keys that nobody needs none is compared with all others, and the message names some."""
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        for number in range(2000):
            file.write(json.dumps({f"k{number}_{n}": 1 for n in range(100)}) + "\n")
        file.write('{"id": "a", "Text": "x", "other": 1}\n')
    found = read(source_of(str(path)))
    assert found["a"] == "x"
    assert set(found.values()) == {"x", "missing_id"}
