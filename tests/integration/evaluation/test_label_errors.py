"""Files of labelled records that are refused: one line for each mistake, which says what to do."""

import re
from pathlib import Path

import pytest

from models.errors import InputError, UsageError
from tests.integration.evaluation.labelled_files import (
    Rows,
    given,
    read,
    write_rows,
)

GOOD = given(("bad flight", "negative"), ("nice crew", "positive"), ("when?", "neutral"))


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
        ("l.txt", b"hello", "unknown kind of file; give one of .parquet, .pq, .*.csv"),
        ("l.parquet", b"not parquet", "cannot read .*l.parquet: "),
        ("l.csv.gz", b"not packed", "has no column text, .*has: not packed"),
        ("l.csv", b"", "l.csv is empty: it holds neither a header nor a row"),
        ("l.jsonl", b"", "l.jsonl is empty: it holds no JSON object"),
        ("l.jsonl", b"[1]\n", "l.jsonl holds no JSON object"),
        (
            "l.csv",
            b"id,text,label\n",
            "l.csv holds no records; an evaluation needs at least 2 labelled ones, better",
        ),
        (
            "l.csv",
            b"words;label\nx;y\n",
            "has no column text, .* it has: words, label. Rename the column, or set text_co",
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
    """Three are named with their rows, the most frequent first, and what the workload knows."""
    rows = given(
        ("a", "Positive"), ("b", "angry"), ("c", "angry"), ("d", "x"), ("e", "y"), ("f", "negative")
    )  # fmt: skip
    message = refused(tmp_path / "l.csv", rows)
    assert (
        "has labels that sentiment does not know: 'angry' (2 rows, first row 2 (id r2)), 'Positive'"
        in message
    )
    assert "'x' (row 4 (id r4)) and 1 more; it knows negative, neutral and positive." in message
    assert "Letter case counts: correct them in the file, or the label set" in message


def test_unknown_labels_of_a_set_that_can_be_changed(tmp_path: Path) -> None:
    """A classification's label set is a setting, which the message names; a long one is cut."""
    labels = tuple(f"topic {number}" for number in range(20))
    message = refused(tmp_path / "l.jsonl", given(("a", 1), ("b", "topic 1")), labels=labels)
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
    pairs = [(f"t{n}", label) for label in ("negative", "positive", "neutral") for n in range(5)]
    message = refused(tmp_path / "l.csv", given(*pairs))
    assert (
        "has 5 texts with more than one label: row 1 (id r1) 'negative', row 6 (id r6) 'positive'; row 2"
        in message
    )
    assert message.endswith("row 8 (id r8) 'positive' and 2 more. Keep one label for each text")


@pytest.mark.parametrize("rows", [GOOD[:1], (*GOOD[:1], GOOD[0])])
def test_one_record(tmp_path: Path, rows: Rows) -> None:
    """One record, or the same one twice, is too little."""
    message = refused(tmp_path / "l.csv", rows)
    assert message.endswith("has 1 labelled record; an evaluation needs at least 2, better 50 to 100")
    message = refused(
        tmp_path / "l.csv", [{"name": "a", "description": "b"}], workload="enrichment"
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


@pytest.mark.parametrize("limit", [1, 0, -5])
def test_limits_that_are_too_small(tmp_path: Path, limit: int) -> None:
    """A limit is of two records at least."""
    with pytest.raises(
        UsageError, match=f"--limit {limit} is too small: an evaluation needs at least 2 records"
    ):
        read(write_rows(tmp_path / "l.csv", GOOD), limit=limit)
