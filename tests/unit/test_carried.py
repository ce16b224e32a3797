"""Published rows that a refresh may take over: found by key and text, unchanged in every value."""

from math import inf, isnan, nan
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from pydantic import BaseModel

from models.errors import OutputError
from models.ids import new_id
from models.records import Carried, Quarantined, Record
from tasks.planning.late_data import load_published
from tasks.storage.merge_parts import publish
from tasks.storage.part_files import load_done, write_part
from tasks.storage.scratch_db import Scratch
from tasks.storage.unchanged_rows import PublishedRow


class Part(BaseModel):
    """A nested column."""

    name: str
    size: float | None


class Item(BaseModel):
    """An output with a column of every kind."""

    label: Literal["good", "bad"]
    count: int
    score: float
    sure: bool | None
    tags: list[str]
    parts: list[Part]


OUTPUT = {
    "label": "good",
    "count": 2**62,
    "score": 0.1 + 0.2,
    "sure": None,
    "tags": ["ä", ""],
    "parts": [{"name": "x", "size": None}, {"name": "y", "size": 1e-300}],
}


def record(number: int, text: str = "text") -> Record:
    """Make a record."""
    return Record(f"k{number}", f"id{number}", number, f"{text} {number}")


def row(number: int, **output: object) -> PublishedRow:
    """Make the published row of a record."""
    return f"k{number}", record(number).text_hash, "openai", 0.25, OUTPUT | output


def test_only_the_same_key_with_the_same_text_is_found(tmp_path: Path) -> None:
    """A changed text, an unknown key and a row that was set aside are not."""
    with Scratch(tmp_path) as scratch:
        assert scratch.unchanged_rows.unchanged([record(0)]) == {}
        scratch.unchanged_rows.add(row(number) for number in range(3))
        scratch.unchanged_rows.add([])
        items: list[Record | Quarantined] = [
            record(0),
            record(1, "another"),
            Quarantined("k2", "id2", 2, "wrong_type", ""),
            record(3),
        ]
        assert scratch.unchanged_rows.unchanged(items) == {"k0": Carried(record(0), OUTPUT, 0.25, "openai")}


def test_more_records_than_one_lookup_takes(tmp_path: Path) -> None:
    """A batch larger than the bound parameters of one statement is looked up whole."""
    with Scratch(tmp_path) as scratch:
        scratch.unchanged_rows.add(row(number) for number in range(2500))
        found = scratch.unchanged_rows.unchanged([record(number) for number in range(3000)])
        assert sorted(found) == sorted(f"k{number}" for number in range(2500))


def test_odd_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    """Neither an infinity nor what is no number becomes a null."""
    with Scratch(tmp_path) as scratch:
        key, text_hash, engine, _, _ = row(0)
        scratch.unchanged_rows.add([(key, text_hash, engine, nan, OUTPUT | {"score": inf})])
        found = scratch.unchanged_rows.unchanged([record(0)])["k0"]
        assert found.output["score"] == inf
        assert found.confidence is not None
        assert isnan(found.confidence)


def published(folder: Path, count: int) -> Path:
    """Publish rows that were carried; return the file."""
    carried = [Carried(record(n), OUTPUT | {"count": n}, None, "vllm") for n in range(count)]
    aside = [Quarantined(f"k{count}", None, count, "missing_id", "id is null")]
    part = write_part(folder / "parts", new_id(), Item, [], aside, (), carried)
    return publish([part], folder / "out", Item, {"vllm": "m"}, "p1", "print").path


def test_what_is_published_is_loaded_and_published_again(tmp_path: Path) -> None:
    """Every value survives the file, the scratch and the next file; the rows are done, and no answer to reuse."""
    first = published(tmp_path, 3000)
    before = pl.read_parquet(first)
    assert pl.read_parquet_metadata(first)["fingerprint"] == "print"
    with Scratch(tmp_path) as scratch:
        load_published(first, Item, scratch.unchanged_rows)
        found = scratch.unchanged_rows.unchanged([record(number) for number in range(3001)])
        part = write_part(tmp_path / "parts", new_id(), Item, [], (), (), list(found.values()))
        again = publish([part], tmp_path / "again", Item, {"vllm": "m"}, "p1", "print")
        load_done([part], scratch)
        assert scratch.done(["k0", "k2999", "k3000"]) == {"k0", "k2999"}
    assert pl.read_parquet(again.path).equals(before)
    assert again.records == 3000


def test_a_file_without_hashes_gives_nothing(tmp_path: Path) -> None:
    """What an older version published does not say what it answers."""
    file = published(tmp_path, 3)
    pl.read_parquet(file).drop("text_hash").write_parquet(file)
    with Scratch(tmp_path) as scratch:
        load_published(file, Item, scratch.unchanged_rows)
        assert scratch.unchanged_rows.unchanged([record(0)]) == {}


@pytest.mark.parametrize("damage", ["missing", "cut", "column"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    """It is named, and what to do is said."""
    file = published(tmp_path, 3)
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    else:
        pl.read_parquet(file).drop("tags").write_parquet(file)
    with Scratch(tmp_path) as scratch, pytest.raises(OutputError, match="--rerun infers") as caught:
        load_published(file, Item, scratch.unchanged_rows)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
