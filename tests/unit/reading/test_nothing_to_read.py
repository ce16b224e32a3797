"""Nothing to read: the line names the real cause, and a text that shows nothing is none."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between

DAY = date(2026, 11, 1)
ROWS = pl.DataFrame({
    "id": ["1", "2"],
    "text": ["one", "two"],
    "kind": ["a", "b"],
    "created_at": ["2026-11-01T08:00:00Z", "2026-11-03T08:00:00Z"],
})  # fmt: skip
KINDS = pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])


def write(path: Path, frame: pl.DataFrame) -> Path:
    """Write a frame in the format that the name says."""
    writers = {".parquet": frame.write_parquet, ".csv": frame.write_csv, ".jsonl": frame.write_ndjson}
    writers[path.suffix](path)  # type: ignore[operator]  # each takes a path
    return path


def source(path: Path, **settings: object) -> Source:
    """Make the source of a file."""
    return Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path))


def why(opened: Source, day: date = DAY) -> str:
    """Return what is said where a day has no record."""
    with pytest.raises(EmptyPartition) as caught:
        open_partition(opened, day)
    return str(caught.value)


@KINDS
def test_a_condition_that_matches_nothing(tmp_path: Path, kind: str) -> None:
    """It is named where it is the cause; else the date is, with the dates that there are."""
    path = write(tmp_path / f"in.{kind}", ROWS)
    assert (
        why(source(path, where="kind = 'x'")) == f"where (kind = 'x') holds for no record of {DAY} in {path}"
    )
    assert (
        why(source(path, where="kind = 'b'")) == f"where (kind = 'b') holds for no record of {DAY} in {path}"
    )
    said = why(source(path, where="kind = 'x'"), date(2026, 11, 2))
    assert "column created_at goes from 2026-11-01 to 2026-11-03" in said
    undated = write(tmp_path / f"undated.{kind}", ROWS.drop("created_at"))
    assert "holds for no record" in why(source(undated, where="kind = 'x'"))
    assert partitions_between(source(path, where="kind = 'x'"), DAY, date(2026, 11, 5)) == []


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_columns_without_rows(tmp_path: Path, kind: str) -> None:
    """A file that has its columns and no row has no record of any day."""
    path = write(tmp_path / f"in.{kind}", ROWS.head(0))
    assert why(source(path)) == f"{path} holds no row"
    assert partitions_between(source(path), DAY, DAY) == []
    assert why(source(path, where="kind = 'x'")) == f"{path} holds no row"


@KINDS
def test_values_that_are_no_timestamps_are_still_said(tmp_path: Path, kind: str) -> None:
    """Where there are rows, and none has a readable timestamp, that is the cause, with a condition or without."""
    path = write(tmp_path / f"in.{kind}", ROWS.with_columns(created_at=pl.lit("soon")))
    for where in (None, "kind = 'x'", "kind = 'a'"):
        with pytest.raises(InputError, match=r"no value of column created_at .* can be read as a timestamp"):
            open_partition(source(path, where=where), DAY)
    with pytest.raises(InputError, match="can be read as a timestamp"):
        partitions_between(source(path), DAY, DAY)


UNSEEN = {
    "blank": " \t\n",
    "NBSP": "\u00a0\u00a0",
    "zero-width blank": "\u200b",
    "zero-width joiners": "\u200c\u200d\u2060",
    "BOM": "\ufeff",
    "soft hyphen": "\u00ad\u00ad",
    "marks of direction": "\u200e\u200f\u202a\u202c\u2066\u2069\u061c",
    "ideographic and figure blanks": "\u3000\u2007\u202f\u205f",
    "blank of braille": "\u2800",
    "fillers of hangul": "\u3164\u115f\u1160\uffa0",
    "vowel separator of Mongolian": "\u180e",
    "joiner of graphemes": "\u034f",
    "selectors of variants": "\ufe0f\ufe0e",
    "separators of lines": "\u2028\u2029\u0085",
    "control characters": "\x00\x07\x1b\x7f",
    "place of an object": "\ufffc",
    "tags": "\U000e0020\U000e007f",
}


@KINDS
def test_a_text_that_shows_nothing_is_missing(tmp_path: Path, kind: str) -> None:
    """Each is set aside as missing; one visible character, of whatever script, makes a text of it."""
    seen = [
        f"{text}{mark}" for text in UNSEEN.values() for mark in ("x", "\u0e01", "\U0001f44d", ".", "\ufffd")
    ]
    texts = [*UNSEEN.values(), *seen]
    frame = pl.DataFrame({"id": [str(number) for number in range(len(texts))], "text": texts})
    rows = [
        row
        for batch in open_partition(source(write(tmp_path / f"in.{kind}", frame)), DAY).batches()
        for row in batch
    ]
    aside = {row.id: row.reason for row in rows if isinstance(row, Quarantined)}
    assert aside == {str(number): "missing_text" for number in range(len(UNSEEN))}
    assert [row.text for row in rows if isinstance(row, Record)] == seen


@KINDS
def test_several_columns_and_a_template_that_show_nothing(tmp_path: Path, kind: str) -> None:
    """The row has no text, whatever a template says around them."""
    frame = pl.DataFrame({"id": ["1", "2"], "title": ["\u200b", "t"], "body": ["\u00a0", "\u200b"]})
    path = write(tmp_path / f"in.{kind}", frame)
    each: list[dict[str, object]] = [
        {"text_columns": ["title", "body"]},
        {"text": "About: {{ title }} {{ body }}"},
    ]
    for own in each:
        (batch,) = open_partition(source(path, **own), DAY).batches()
        assert [isinstance(row, Record) for row in batch] == [False, True]


def test_rows_that_cannot_be_taken_apart_are_the_cause(tmp_path: Path) -> None:
    """Not that their timestamps cannot be read: R writes names of rows that the header has not."""
    path = tmp_path / "in.csv"
    path.write_text('"id","text","created_at"\n"1",7,"a","2026-11-01"\n"2",8,"b","2026-11-01"\n')
    wrong = "can be taken apart; line 2 has 4 fields, the header has 3"
    for settings in ({}, {"where": "id > 1"}):
        with pytest.raises(InputError, match=wrong):
            open_partition(source(path, **settings), DAY)
        with pytest.raises(InputError, match=wrong):
            partitions_between(source(path, **settings), DAY, DAY)
