"""The fault table: one bad row is set aside with its reason, and every other row is read."""

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.cells import MAX_ID
from tasks.reading.rows import Chunk, parse_rows, rebatch
from tasks.storage.scratch_db import Scratch

DAY = date(2024, 1, 1)

JSONL_FAULTS = [
    (b"{broken", "undecodable"),
    (b'{"id":"x","text":"caf\xe9","ts":"2024-01-01"}', "undecodable"),
    (b'{"id":"x\xe9","text":"secret","ts":"2024-01-01"}', "undecodable"),
    (b'{"id":"x","text":"\\ud800","ts":"2024-01-01"}', "undecodable"),
    (b'{"id":"a\\u0000b","text":"secret","ts":"2024-01-01"}', "undecodable"),
    (b"[1, 2]", "wrong_type"),
    (b'"secret"', "wrong_type"),
    (b'{"id":"x","text":5,"ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":"x","text":NaN,"ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":"x","text":true,"ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":"x","text":["secret"],"ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":"x","text":{"a":"secret"},"ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":["x"],"text":"secret","ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":1.5,"text":"secret","ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":"' + b"x" * 501 + b'","text":"secret","ts":"2024-01-01"}', "wrong_type"),
    (b'{"id":null,"text":"secret","ts":"2024-01-01"}', "missing_id"),
    (b'{"text":"secret","ts":"2024-01-01"}', "missing_id"),
    (b'{"id":" ","text":"secret","ts":"2024-01-01"}', "missing_id"),
    (b'{"id":"x","ts":"2024-01-01"}', "missing_text"),
    (b'{"id":"x","text":null,"ts":"2024-01-01"}', "missing_text"),
    (b'{"id":"x","text":" \\t\\n\xc2\xa0","ts":"2024-01-01"}', "missing_text"),
    (b'{"id":"x","text":"secret","ts":"soon"}', "bad_timestamp"),
    (b'{"id":"x","text":"secret"}', "bad_timestamp"),
    (b'{"id":"x","text":"secret","ts":"\xff"}', "bad_timestamp"),
    (b"[" * 200_000, "undecodable"),
]
CSV_FAULTS = [
    (b"x,secret", "undecodable"),
    (b"x,secret,2024-01-01,more,fields", "undecodable"),
    (b'x,"never closed secret,2024-01-01', "undecodable"),
    (b'x,"closed" too early,2024-01-01', "undecodable"),
    (b"x,caf\xe9,2024-01-01", "undecodable"),
    (b"caf\xe9,secret,2024-01-01", "undecodable"),
    (b",secret,2024-01-01", "missing_id"),
    (b"x,,2024-01-01", "missing_text"),
    (b'x,"  ",2024-01-01', "missing_text"),
    (b"x,secret,soon", "bad_timestamp"),
    (b"x,secret,2024-02-30", "bad_timestamp"),
    (b"x,secret,", "bad_timestamp"),
    (b"x,secret,2024-01-01\xff", "bad_timestamp"),
]


def read(path: Path, **settings: object) -> list[Record | Quarantined]:
    """Read the day's partition of a file whole."""
    source = Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path))
    return [row for batch in open_partition(source, DAY).batches(2) for row in batch]


def check(rows: list[Record | Quarantined], reason: str) -> None:
    """Assert that the middle row alone is set aside, and that its detail gives no text away."""
    assert [type(row) for row in rows] == [Record, Quarantined, Record]
    assert [row.ordinal for row in rows] == [0, 1, 2]
    bad = rows[1]
    assert isinstance(bad, Quarantined)
    assert bad.reason == reason
    assert bad.detail
    assert "secret" not in bad.detail
    assert "caf" not in bad.detail
    assert (rows[0].key, rows[2].key) == ("a", 'b"c' if rows[2].id == 'b"c' else "b")


@pytest.mark.parametrize(("line", "reason"), JSONL_FAULTS)
def test_a_bad_json_line(tmp_path: Path, line: bytes, reason: str) -> None:
    """Each broken line between two good ones costs that line only."""
    good = b'{"id":"%s","text":"fine","ts":"2024-01-01T01:00:00Z"}'
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join([good % b"a", line, b"", good % b"b"]))
    check(read(path), reason)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("line", "reason"), CSV_FAULTS)
def test_a_bad_csv_row(tmp_path: Path, line: bytes, reason: str, end: bytes) -> None:
    """Each broken row between two good ones costs that row only, an open quote included."""
    path = tmp_path / "in.csv"
    head, last = b"id,text,ts", b'b,"two\nlines, ""quoted""",2024-01-01'
    path.write_bytes(end.join([head, b"a,fine,2024-01-01", line, b"", last, b""]))
    rows = read(path)
    check(rows, reason)
    assert isinstance(rows[2], Record)
    assert rows[2].text == 'two\nlines, "quoted"'


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz"])
def test_a_url_is_read_the_same(tmp_path: Path, name: str) -> None:
    """Through polars, as from an object store, bad bytes are found too and the others are read."""
    path = tmp_path / name
    content = b'{"id":"a","text":"fine"}\n{"id":"x","text":"caf\xe9"}\n{"id":"b","text":"\xc3\xa9"}\n'
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    source = Source.of(WorkloadSettings(), ("text",), location=f"file://{path}")
    check([row for batch in open_partition(source, DAY).batches() for row in batch], "undecodable")


def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    """Thousands of rows after an opening quote are all read."""
    path = tmp_path / "in.csv"
    rows = "".join(f"{number},text {number},2024-01-01\n" for number in range(5000))
    path.write_text(f'id,text,ts\nx,"open,2024-01-01\n{rows}')
    found = read(path)
    assert sum(isinstance(row, Quarantined) for row in found) == 1
    assert len(found) == 5001


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (pl.Series([b"fine", b"caf\xe9", b"fine"]), "undecodable"),
        (pl.Series(["fine", None, "fine"]), "missing_text"),
        (pl.Series(["fine", " ", "fine"], dtype=pl.Categorical), "missing_text"),
    ],
)
def test_a_bad_parquet_row(tmp_path: Path, texts: pl.Series, reason: str) -> None:
    """Binary and categorical text columns are read; their bad rows are set aside."""
    path = tmp_path / "in.parquet"
    pl.DataFrame({"id": ["a", "x", "b"], "text": texts}).write_parquet(path)
    check(read(path), reason)


@pytest.mark.parametrize("values", [[1, 2], [["a"], ["b"]], [{"a": "b"}, {"a": "c"}], [DAY, DAY]])
def test_a_text_column_that_is_no_text(tmp_path: Path, values: list[object]) -> None:
    """Every row of a column of numbers, lists, objects or dates is set aside as of the wrong type."""
    path = tmp_path / "in.parquet"
    pl.DataFrame({"id": [1, 2], "text": values}).write_parquet(path)
    rows = read(path)
    assert [(row.key, row.reason) for row in rows if isinstance(row, Quarantined)] == [
        ("1", "wrong_type"),
        ("2", "wrong_type"),
    ]


def test_a_value_that_where_cannot_judge_is_set_aside(tmp_path: Path) -> None:
    """A number column with a word far down does not lose the row: it is quarantined."""
    path = tmp_path / "in.csv"
    rows = "".join(f"{number},t,{number}\n" for number in range(1500))
    path.write_text(f"id,text,n\n{rows}x,t,many\ny,t,\n")
    found = read(path, where="n >= 1498")
    assert [(type(row), row.key) for row in found] == [
        (Record, "1498"),
        (Record, "1499"),
        (Quarantined, "x"),
    ]


@pytest.mark.parametrize("value", [b'"caf\xe9"', b"[1]", b"{}"])
def test_where_meets_values_of_other_kinds(tmp_path: Path, value: bytes) -> None:
    """A condition over a column that holds bad bytes, lists or objects loses no row."""
    path = tmp_path / "in.jsonl"
    good = b'{"id":"%s","text":"fine","n":1}'
    path.write_bytes(b"\n".join([good % b"a", b'{"id":"x","text":"t","n":%s}' % value, good % b"b"]))
    check(read(path, where="n = 1"), "wrong_type")


VALUES = st.one_of(
    st.none(), st.text(max_size=4), st.integers(), st.binary(max_size=3), st.lists(st.integers())
)


@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30), size=st.integers(1, 7))
def test_each_row_becomes_exactly_one(rows: list[tuple[object, object, object]], size: int) -> None:
    """Whatever the values, every row gives one record or quarantined row, with its place and a key of its own."""

    def chunks(scratch: Scratch) -> Iterator[list[Record | Quarantined]]:
        for start in range(0, len(rows), 4):
            some = rows[start : start + 4]
            ids, names, texts = (list(column) for column in zip(*some, strict=True))
            yield parse_rows(Chunk(ids, [names, texts]), start, ("name", "text"), scratch.assign_keys).items()

    with Scratch() as scratch:
        batches = list(rebatch(chunks(scratch), size))
    settled = [row for batch in batches for row in batch]
    assert [row.ordinal for row in settled] == list(range(len(rows)))
    assert len({row.key for row in settled}) == len(rows)
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(row.text.strip() and row.id for row in settled if isinstance(row, Record))


IDS = st.text(max_size=4) | st.just("z" * (MAX_ID + 1)) | st.sampled_from(["a\0", "\ud800", " "])
COLUMN = st.text(max_size=4) | st.sampled_from(["", "\ud800", "\u200b", "too long"])


@given(ids=st.lists(IDS | st.just("b"), min_size=1) | st.lists(st.integers(), min_size=1), data=st.data())
def test_what_is_fine_at_once_is_fine_row_by_row(ids: list[object], data: st.DataObject) -> None:
    """A column in which each value is as it should be is taken whole; beside a value that is not, each is looked at."""
    texts = data.draw(st.lists(COLUMN | st.just("text"), min_size=len(ids), max_size=len(ids)))
    whole = parse_rows(Chunk(ids, [texts], max_chars=7), 5, ("text",), list)
    apart = parse_rows(Chunk([*ids, None], [[*texts, None]], max_chars=7), 5, ("text",), list)
    assert whole.items() == apart.head(len(ids)).items()
    assert [item.text_hash for item in whole.items()] == whole.text_hashes()
