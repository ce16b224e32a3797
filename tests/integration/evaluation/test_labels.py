"""Files of labelled records: what is taken from them, and one line for each mistake."""

import re
from datetime import date
from hashlib import blake2b
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given as examples
from hypothesis import settings as tries
from hypothesis import strategies as st

from models.errors import InputError, OutputError, UsageError
from models.records import Record
from models.settings import WorkloadSettings
from models.workloads import build
from tasks.evaluation.labels import keys_in, write_snapshot
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


def refused(path: Path, rows: Rows, **options: object) -> str:
    """Write rows, read them, and return the one line that refuses them."""
    write_rows(path, rows)
    return refusal(path, **options)


def refusal(path: Path, **options: object) -> str:
    """Return the one line that refuses a file."""
    with pytest.raises(InputError) as refused:
        read(path, **options)  # type: ignore[arg-type]
    message = str(refused.value)
    assert "\n" not in message
    return message


@KINDS
def test_every_format(tmp_path: Path, kind: str) -> None:
    """Texts and labels come with content-addressed keys, in their order."""
    found = read(write_rows(tmp_path / f"l.{kind}", GOOD))
    assert [(one.key, one.text, one.label) for one in found.records] == sorted(
        (key_of(str(row["text"])), row["text"], row["label"]) for row in GOOD
    )
    assert (found.rows, found.distinct, found.label_column) == (3, 3, "label")
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
    assert chosen.label_column == "other"


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
    found = read(path, workload="enrichment", labels=None)
    assert {(one.text, one.label) for one in found.records} == {("Mug\nblue", None), ("Cup", None)}
    assert (found.duplicates, found.unlabelled, found.label_column) == (1, 0, None)


def test_folders_of_dates(tmp_path: Path) -> None:
    """What an input can be, labelled records can be: folders of dates too."""
    for day, row in zip(("2026-11-01", "2026-11-02", "2026-11-03"), GOOD, strict=True):
        folder = tmp_path / "in" / f"date={day}"
        folder.mkdir(parents=True)
        write_rows(folder / "l.csv", [row])
    assert read(tmp_path / "in").distinct == 3


@tries(max_examples=25)
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


@tries(max_examples=25)
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
    found = read(
        path, settings_for(folder, enrichment={"text_columns": columns}), workload="enrichment", labels=None
    )
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
    assert keys_in(path, settings, build("sentiment", settings)) == {key_of("a"), key_of("b")}


def test_no_file(tmp_path: Path) -> None:
    """Who has no labels yet is told how to get some."""
    message = refusal(tmp_path / "labels.csv")
    assert re.search(
        r"labels\.csv does not exist; `breakeven evaluate sentiment --sample 100` draws", message
    )
    assert "no such file" not in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", b"hello", "unknown kind of file; give one of .parquet, .pq, .csv"),
        ("l.parquet", b"not parquet", "cannot read .*l.parquet: "),
        ("l.csv.gz", b"not packed", "cannot read .*l.csv.gz: "),
        ("l.csv", b"", "l.csv is empty: a CSV file starts with a line of column names"),
        ("l.jsonl", b"", "l.jsonl holds no JSON object"),
        ("l.jsonl", b"[1]\n", "l.jsonl holds no JSON object"),
        (
            "l.csv",
            b"id,text,label\n",
            "l.csv holds no records; an evaluation needs at least 2 labelled ones, better",
        ),
        (
            "l.csv",
            b"text;label\nx;y\n",
            "has no column text, .* it has: text;label. Rename the column, or set text_co",
        ),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """An unknown kind, damage and emptiness are told apart."""
    path = tmp_path / name
    path.write_bytes(content)
    assert re.search(message, refusal(path))


def test_columns_that_are_missing(tmp_path: Path) -> None:
    """The columns that there are, the option and the setting are named."""
    rows = [{"id": 1, "text": "a", "sentiment": "negative"}]
    message = refused(tmp_path / "l.csv", rows)
    assert (
        "has no column label of labels; it has: id, text, sentiment. Name the column with --label-column"
        in message
    )
    assert "BREAKEVEN_WORKLOADS__SENTIMENT__LABEL_COLUMN" in message
    assert "no column mood of labels" in refusal(tmp_path / "l.csv", column="mood")
    assert "holds the text: name that of the labels" in refusal(tmp_path / "l.csv", column="text")
    message = refused(tmp_path / "m.csv", [{"message": "a", "label": "negative"}])
    assert "has no column text, which holds the text of sentiment; it has: message, label" in message
    assert "BREAKEVEN_WORKLOADS__SENTIMENT__TEXT_COLUMNS" in message
    message = refused(tmp_path / "n.parquet", [{"text": 1.5, "label": "negative"}])
    assert "column text of" in message
    assert "holds no text" in message


def test_no_labels_at_all(tmp_path: Path) -> None:
    """A file that was drawn and is still to be labelled."""
    message = refused(tmp_path / "l.csv", given(("a", None), ("b", " ")))
    assert "no record of" in message
    assert "has a label in column label: write the right label of some (better 50 to 100) into it" in message


def test_no_text_at_all(tmp_path: Path) -> None:
    """A wrong column of texts shows by rows that are all set aside."""
    message = refused(tmp_path / "l.jsonl", given((None, "negative"), ("", "positive")))
    assert re.search("none of the 2 rows of .* has text in text", message)


def test_unknown_labels(tmp_path: Path) -> None:
    """Three are named with their rows, the most frequent first, and what the workload knows; the code fixes these."""
    rows = given(
        ("a", "Positive"), ("b", "angry"), ("c", "angry"), ("d", "x"), ("e", "y"), ("f", "negative")
    )  # fmt: skip
    message = refused(tmp_path / "l.csv", rows)
    assert (
        "has labels that sentiment does not know: 'angry' (2 rows, first row 2 (id r2)), 'Positive'"
        in message
    )
    assert "'x' (row 4 (id r4)) and 1 more; it knows negative, neutral and positive." in message
    assert message.endswith("Letter case counts: correct them in the file")


def test_unknown_labels_of_a_set_that_can_be_changed(tmp_path: Path) -> None:
    """A classification's label set is a setting, which the message names; a long one is cut."""
    labels = tuple(f"topic {number}" for number in range(20))
    message = refused(
        tmp_path / "l.jsonl", given(("a", 1), ("b", "topic 1")), workload="classification", labels=labels
    )
    assert "classification does not know: '1' (row 1 (id r1)); it knows topic 0, topic 1" in message
    assert "topic 11 and 8 more" in message
    assert "or the label set (BREAKEVEN_WORKLOADS__CLASSIFICATION__LABELS or its labels_file)" in message


def test_a_label_that_is_none(tmp_path: Path) -> None:
    """Two labels in one cell are no label."""
    message = refused(tmp_path / "l.jsonl", given(("a", ["negative", "positive"]), ("b", "neutral")))
    assert "the label of row 1 (id r1) is a list; a record has one label" in message


def test_labels_that_are_no_utf8(tmp_path: Path) -> None:
    """A label of another encoding is unknown, and can be shown on any terminal."""
    (tmp_path / "l.csv").write_bytes(b"id,text,label\n1,a,f\xe9lin\n2,b,neutral\n")
    message = refusal(tmp_path / "l.csv")
    assert message.isascii()
    assert r"'f\udce9lin' (row 1 (id 1))" in message


def test_conflicting_labels(tmp_path: Path) -> None:
    """The same text with two labels: both rows of each are named, three texts at most."""
    pairs = [(f"t{number}", label) for label in ("negative", "positive") for number in range(5)]
    message = refused(tmp_path / "l.csv", given(*pairs))
    assert (
        "the same text different labels: row 1 (id r1) 'negative', row 6 (id r6) 'positive'; row 2" in message
    )
    assert message.endswith("row 8 (id r8) 'positive' and 2 more. Keep one label for each text")


@pytest.mark.parametrize("rows", [GOOD[:1], (*GOOD[:1], GOOD[0])])
def test_one_record(tmp_path: Path, rows: Rows) -> None:
    """One record, or the same one twice, is too little."""
    message = refused(tmp_path / "l.csv", rows)
    assert message.endswith("has 1 labelled record; an evaluation needs at least 2, better 50 to 100")
    message = refused(
        tmp_path / "l.csv", [{"name": "a", "description": "b"}], workload="enrichment", labels=None
    )  # fmt: skip
    assert message.endswith("has 1 record; an evaluation needs at least 2, better 50 to 100")


def test_one_class_only(tmp_path: Path) -> None:
    """Which label all have is said, and which ones to add."""
    message = refused(tmp_path / "l.csv", given(("a", "positive"), ("b", "positive")))
    assert "all 2 labelled records of" in message
    assert message.endswith(
        "'positive', which tells nothing of the others: add records with negative and neutral"
    )


def test_one_class_drawn(tmp_path: Path) -> None:
    """Where a limit draws one label only, a larger one helps."""
    pairs = [(f"t{number}", "positive") for number in range(200)] + [("odd", "negative")]
    message = refused(tmp_path / "l.csv", given(*pairs), limit=2)
    assert re.search(
        "all 2 records drawn of .* have the label 'positive': draw more with a larger --limit", message
    )


def test_another_seed_draws_others(tmp_path: Path) -> None:
    """The seed chooses."""
    path = write_rows(tmp_path / "l.csv", given(*((f"t{n}", SENTIMENT[n % 3]) for n in range(60))))
    assert read(path, limit=30, seed=6).digest != read(path, limit=30, seed=7).digest


@pytest.mark.parametrize("limit", [1, 0, -5])
def test_limits_that_are_too_small(tmp_path: Path, limit: int) -> None:
    """A limit is of two records at least."""
    with pytest.raises(
        UsageError, match=f"--limit {limit} is too small: an evaluation needs at least 2 records"
    ):
        read(write_rows(tmp_path / "l.csv", GOOD), limit=limit)
