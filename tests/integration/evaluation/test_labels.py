"""Files of labelled records: what is taken from them, and what a run reads of it."""

# ruff: noqa: RUF001 - letters of many scripts are meant as they stand

from datetime import date
from hashlib import blake2b
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from models.errors import OutputError
from models.records import Record
from models.settings import WorkloadSettings
from models.workloads import build
from tasks.labelling.labelled_file import keys_in, write_snapshot
from tasks.reading import Source, open_partition
from tests.integration.evaluation.labelled_files import (
    SENTIMENT,
    Rows,
    given,
    read,
    settings_for,
    write_rows,
)

GOOD = given(("bad flight", "negative"), ("nice crew", "positive"), ("when?", "neutral"))
KINDS = pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])


def key_of(text: str) -> str:
    """Return the key that a text must have, whatever file it is in."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


@KINDS
def test_every_format(tmp_path: Path, kind: str) -> None:
    """Texts and labels come with content-addressed keys, in their order."""
    found = read(write_rows(tmp_path / f"l.{kind}", GOOD))
    assert [(one.key, one.text, one.label) for one in found.records] == sorted(
        (key_of(str(row["text"])), row["text"], row["label"]) for row in GOOD
    )
    assert (found.rows, found.distinct, found.columns) == (3, 3, ("label",))
    assert (found.duplicates, found.unlabelled, found.quarantined) == (0, 0, 0)


@KINDS
def test_rows_that_are_left_out(tmp_path: Path, kind: str) -> None:
    """Repeats, rows without a label and rows without text are counted apart, and their sum is the file."""
    rows = given(
        ("a", "negative"), ("b", " positive "), ("a", "negative"), ("c", None), ("d", " "), (None, "neutral"),
        (" ", "neutral"), ("a", None),
    )  # fmt: skip
    found = read(write_rows(tmp_path / f"l.{kind}", rows))
    assert {one.text: one.label for one in found.records} == {"a": "negative", "b": "positive"}
    assert (found.rows, found.duplicates, found.unlabelled, found.quarantined) == (8, 1, 3, 2)


@KINDS
def test_labels_in_another_spelling(tmp_path: Path, kind: str) -> None:
    """What a spreadsheet or a keyboard adds to a label does not make another one of it; it is kept as the settings spell it."""
    labels = ("Größe", "prix\u00a0fixe", "می\u200cخواهم")
    rows = given(
        ("a", "Gro\u0308\u00dfe"), ("b", "\ufeffprix fixe\u200b"), ("c", "میخواهم\u200f"), ("a", " Größe\u00a0"), ("d", "\u200b")
    )  # fmt: skip
    found = read(write_rows(tmp_path / f"l.{kind}", rows), labels=labels)
    assert {one.text: one.label for one in found.records} == dict(zip("abc", labels, strict=True))
    assert (found.duplicates, found.unlabelled) == (1, 1)


@KINDS
def test_columns_are_found_as_those_of_an_input(tmp_path: Path, kind: str) -> None:
    """In another letter case, with blanks or other signs, as a person or a spreadsheet writes them; the exact name comes first."""
    rows = [{"ID": row["id"], "Text ": row["text"], "LABEL": row["label"]} for row in GOOD]
    found = read(write_rows(tmp_path / f"l.{kind}", rows))
    assert {(one.text, one.label) for one in found.records} == {(row["text"], row["label"]) for row in GOOD}
    both: Rows = [{**row, "Text": "other"} for row in GOOD]
    assert {one.text for one in read(write_rows(tmp_path / f"b.{kind}", both)).records} == {
        row["text"] for row in GOOD
    }


def test_the_digest_is_of_texts_and_labels(tmp_path: Path) -> None:
    """Other files, ids, orders and repeats of the same labels have one digest; another label or text has another."""
    digest = read(write_rows(tmp_path / "a.csv", GOOD)).digest
    other = [{"label": row["label"], "text": row["text"]} for row in (*reversed(GOOD), GOOD[0])]
    assert read(write_rows(tmp_path / "b.parquet", other)).digest == digest
    relabelled = [*GOOD[1:], {**GOOD[0], "label": "neutral"}]
    assert read(write_rows(tmp_path / "c.csv", relabelled)).digest != digest
    assert read(write_rows(tmp_path / "d.csv", GOOD[:2])).digest != digest


def test_columns_of_the_settings(tmp_path: Path) -> None:
    """Text columns are those of the workload, joined as in a run; an option for the label's goes before the setting."""
    rows: Rows = [
        {"subject": "Hi", "body": "bad", "mood": "negative", "other": "neutral"},
        {"subject": None, "body": "good", "mood": "positive", "other": "negative"},
    ]
    path = write_rows(tmp_path / "l.jsonl", rows)
    settings = settings_for(
        tmp_path, sentiment={"text_columns": ("subject", "body"), "label_column": "mood", "id_column": "nr"}
    )
    found = read(path, settings)
    assert {one.text: one.label for one in found.records} == {"Hi\nbad": "negative", "good": "positive"}
    chosen = read(path, settings, column="other")
    assert {one.label for one in chosen.records} == {"neutral", "negative"}
    assert chosen.columns == ("other",)


@KINDS
def test_numbers_and_booleans_are_labels(tmp_path: Path, kind: str) -> None:
    """A whole number is written without a fraction, also where a column with empty cells made 1.0 of it."""
    numbers = [
        {"text": text, "label": label} for text, label in zip("abcd", (1.0, 2.0, None, 1.5), strict=True)
    ]
    path = write_rows(tmp_path / f"n.{kind}", numbers)
    if kind == "csv":  # there it is what the file says
        assert {one.label for one in read(path, labels=("1.0", "2.0", "1.5")).records} == {
            "1.0",
            "2.0",
            "1.5",
        }
    else:
        assert {one.label for one in read(path, labels=("1", "2", "1.5")).records} == {"1", "2", "1.5"}
    whole = [{"text": text, "label": label} for text, label in zip("ab", (0, 1), strict=True)]
    assert {
        one.label for one in read(write_rows(tmp_path / f"i.{kind}", whole), labels=("0", "1")).records
    } == {
        "0",
        "1",
    }


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_booleans_are_labels(tmp_path: Path, kind: str) -> None:
    """They are written as JSON writes them; NaN is no label."""
    rows = [{"text": "a", "label": True}, {"text": "b", "label": False}]
    found = read(write_rows(tmp_path / f"b.{kind}", rows), labels=("true", "false"))
    assert {one.text: one.label for one in found.records} == {"a": "true", "b": "false"}
    odd = pl.DataFrame({"text": ["a", "b", "c"], "label": [1.0, float("nan"), 2.0]})
    odd.write_parquet(tmp_path / "nan.parquet")
    assert read(tmp_path / "nan.parquet", labels=("1", "2")).unlabelled == 1


def test_categories_are_labels(tmp_path: Path) -> None:
    """A categorical column, which other programs write for labels, is read as text."""
    frame = pl.DataFrame(GOOD).with_columns(pl.col("label").cast(pl.Categorical))
    frame.write_parquet(tmp_path / "l.parquet")
    assert {one.label for one in read(tmp_path / "l.parquet").records} == set(SENTIMENT)


@KINDS
def test_without_a_label_set(tmp_path: Path, kind: str) -> None:
    """A workload without labels needs no column of them; its texts are read all the same, each once."""
    rows = [
        {"id": 1, "name": "Mug", "description": "blue"},
        {"id": 2, "name": "Mug", "description": "blue"},
        {"id": 3, "name": "Cup", "description": None},
    ]
    path = write_rows(tmp_path / f"l.{kind}", rows)
    found = read(path, workload="enrichment")
    assert {(one.text, one.label) for one in found.records} == {("Mug\nblue", None), ("Cup", None)}
    assert (found.duplicates, found.unlabelled, found.columns) == (1, 0, ())


def test_folders_of_dates(tmp_path: Path) -> None:
    """What an input can be, labelled records can be: folders of dates too."""
    for day, row in zip(("2026-11-01", "2026-11-02", "2026-11-03"), GOOD, strict=True):
        folder = tmp_path / "in" / f"date={day}"
        folder.mkdir(parents=True)
        write_rows(folder / "l.csv", [row])
    assert read(tmp_path / "in").distinct == 3


def test_another_seed_draws_others(tmp_path: Path) -> None:
    """The seed chooses."""
    path = write_rows(tmp_path / "l.csv", given(*((f"t{n}", SENTIMENT[n % 3]) for n in range(60))))
    assert read(path, limit=30, seed=6).digest != read(path, limit=30, seed=7).digest


@examples(size=st.integers(2, 40), more=st.integers(0, 40), seed=st.integers(0, 5))
def test_a_smaller_limit_is_part_of_a_larger_one(
    tmp_path_factory: pytest.TempPathFactory, size: int, more: int, seed: int
) -> None:
    """What was paid for stays in, and the order of the file changes nothing."""
    folder = tmp_path_factory.getbasetemp()
    names = [f"text {number}" for number in range(60)]
    rows = [{"text": name, "label": name} for name in names]
    path = write_rows(folder / "limits.jsonl", rows)
    shuffled = write_rows(folder / "shuffled.jsonl", Random(seed).sample(rows, 60))
    small = read(path, labels=tuple(names), limit=size, seed=seed)
    large = read(path, labels=tuple(names), limit=size + more, seed=seed)
    assert set(small.records) <= set(large.records)
    assert (len(small.records), small.distinct, small.rows) == (size, 60, 60)
    assert read(shuffled, labels=tuple(names), limit=size, seed=seed).records == small.records


@examples(
    st.lists(
        st.tuples(st.none() | st.text(max_size=8), st.none() | st.text(max_size=8)), min_size=1, max_size=12
    )
)
def test_a_snapshot_is_read_as_what_it_was_made_of(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str | None, str | None]]
) -> None:
    """A run reads from the snapshot, as one partition, the very texts that it would make of the file itself."""
    folder = tmp_path_factory.getbasetemp()
    rows = [
        {"id": str(place), "a": a, "b": b} for place, (a, b) in enumerate([*pairs, ("x", "y"), ("z", None)])
    ]
    path = write_rows(folder / "pairs.jsonl", rows)
    columns = ("a", "b")
    found = read(path, settings_for(folder, enrichment={"text_columns": columns}), workload="enrichment")
    snapshot = folder / "snapshot.parquet"
    write_snapshot(found, snapshot)
    assert pl.read_parquet_schema(snapshot) == {"id": pl.String, "text": pl.String}
    read_again = records(snapshot, WorkloadSettings(timestamp_column=""), ("text",))
    assert [(one.key, one.text) for one in read_again] == [(one.key, one.text) for one in found.records]
    direct = records(path, WorkloadSettings(timestamp_column=""), columns)
    assert {one.text for one in read_again} == {one.text for one in direct}
    assert all(one.key == f"{one.text_hash:016x}" for one in read_again)


def records(path: Path, settings: WorkloadSettings, texts: tuple[str, ...]) -> list[Record]:
    """Read the good rows of an input as a run does."""
    source = Source.of(settings, texts, location=str(path))
    rows = [row for batch in open_partition(source, date(2026, 11, 1)).batches() for row in batch]
    return [row for row in rows if isinstance(row, Record)]


def test_a_snapshot_that_cannot_be_written(tmp_path: Path) -> None:
    """One line names the file."""
    found = read(write_rows(tmp_path / "l.csv", GOOD))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_snapshot(found, tmp_path / "file" / "snapshot.parquet")


def test_all_keys_of_a_file(tmp_path: Path) -> None:
    """Labelled or not, known label or not, with or without the label's column: every text has its key."""
    settings = settings_for(tmp_path)
    path = write_rows(
        tmp_path / "l.csv", given(("a", "what?"), ("b", None), (None, "positive"), ("a", "negative"))
    )
    assert keys_in(path, build("sentiment", settings)) == {key_of("a"), key_of("b")}
