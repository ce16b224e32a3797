"""A record's text made of its row by a template, with passages that belong to it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from models.records import Fault, Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.cells import shows_nothing
from tasks.reading.row_template import RowTemplate

DAY = date(2026, 11, 1)


def read(path: Path, **settings: object) -> list[Record | Quarantined]:
    """Read a file as a workload with these settings does."""
    own = WorkloadSettings.model_validate({"timestamp_column": "", **settings})
    source = Source.of(own, ("text",), workload="own", location=str(path))
    return [row for batch in open_partition(source, DAY).batches() for row in batch]


def texts(path: Path, **settings: object) -> list[str]:
    """Return the texts of a file's records, and what is wrong with its other rows."""
    return [row.text if isinstance(row, Record) else row.detail for row in read(path, **settings)]


def write(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """Write rows as Parquet."""
    pl.DataFrame(rows).write_parquet(path)
    return path


def write_as(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame in the format that a file's name says."""
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)


def test_columns_stand_where_the_template_puts_them(tmp_path: Path) -> None:
    """Numbers, dates, lists and what is missing among them; what is null is no text."""
    path = write(
        tmp_path / "in.parquet",
        [
            {"id": 1, "name": "Lamp", "price": 2.5, "tags": ["a", "b"], "Made On": DAY},
            {"id": 2, "name": None, "price": 3.0, "tags": None, "Made On": None},
        ],
    )
    template = "{{ name }} {{ price }}{% for tag in tags or [] %} #{{ tag }}{% endfor %} {{ row['Made On'] }}"
    assert texts(path, text=template) == ["Lamp 2.5 #a #b 2026-11-01", " 3.0 "]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_every_format_has_templates(suffix: str, tmp_path: Path) -> None:
    """The same rows make the same texts, whatever file they are in."""
    frame = pl.DataFrame({"id": ["a"], "subject": ["Hi"], "body": ["there"]})
    path = tmp_path / f"in.{suffix}"
    write_as(frame, path)
    assert texts(path, text="{{ subject }}, {{ body }}") == ["Hi, there"]


def test_a_row_without_text_is_set_aside(tmp_path: Path) -> None:
    """Where all columns are empty there is nothing to ask about, whatever the template says around them."""
    path = write(tmp_path / "in.parquet", [{"id": 1, "a": "", "b": None}, {"id": 2, "a": "x", "b": None}])
    assert texts(path, text="Subject: {{ a }} {{ b }}") == ["a, b hold no text", "Subject: x "]


def test_a_row_that_does_not_suit_the_template_is_set_aside(tmp_path: Path) -> None:
    """The error's kind is named, nothing of the row."""
    path = write(tmp_path / "in.parquet", [{"id": 1, "a": "secret"}, {"id": 2, "a": "4"}])
    found = read(path, text="{{ 8 // (a | int) }}")
    assert isinstance(found[0], Quarantined)
    assert (found[0].reason, found[0].field) == ("wrong_type", "a")
    assert "secret" not in found[0].detail
    assert isinstance(found[1], Record)
    assert found[1].text == "2"


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """The template's place, the column that was meant, and those that there are."""
    path = write(tmp_path / "in.parquet", [{"id": 1, "subject": "x"}])
    with pytest.raises(InputError) as caught:
        read(path, text="{{ subjct }}")
    said = str(caught.value)
    assert said.startswith("workloads.own.text: ")
    assert "has no column subjct; did you mean subject? it has: id, subject" in said


@given(value=st.text(max_size=20))
def test_a_record_is_data_and_no_template(value: str) -> None:
    """Whatever a cell says stands in the text as it is."""
    template = RowTemplate("[{{ a }}]")
    faults: dict[int, Fault] = {}
    made = template.render([[value]], faults)
    assert made == [f"[{value}]"] or (0 in faults and shows_nothing(value))


@pytest.mark.parametrize("attack", ["{{ 7 * 7 }}", "{% for x in y %}", "{{ ''.__class__ }}", "{#", "%s {0}"])
def test_what_looks_like_a_template_stays_text(attack: str) -> None:
    """A stranger's record is never run."""
    assert RowTemplate("{{ a }}").render([[attack]], {}) == [attack]


def test_a_template_has_no_way_out() -> None:
    """The sandbox keeps a template from the interpreter; a row that would need it is set aside."""
    faults: dict[int, Fault] = {}
    RowTemplate("{{ a.__class__.__mro__ }}").render([["x"]], faults)
    assert faults[0].detail == "the template of text fails: SecurityError"


# --- passages


def test_passages_of_a_column(tmp_path: Path) -> None:
    """Text, or a list of texts; without a template they stand above the text columns."""
    rows: list[dict[str, object]] = [{"id": 1, "q": "Where?", "p": ["Here.", "There."]}]
    path = write(tmp_path / "in.parquet", rows)
    assert texts(path, context="p", text_columns=["q"]) == ["Here.\n\nThere.\n\nWhere?"]
    assert texts(path, context="p", text="{{ q }} ({{ context }})") == ["Where? (Here.\n\nThere.)"]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_passages_of_a_file(suffix: str, tmp_path: Path) -> None:
    """Any number for a record, in the file's order, found by its id; a record may have none."""
    frame = pl.DataFrame({"nr": [2, 1, 1, 3], "text": ["B", "A1", "A2", None]})
    passages = tmp_path / f"p.{suffix}"
    write_as(frame, passages)
    path = write(tmp_path / "in.parquet", [{"nr": n, "question": f"q{n}"} for n in (1, 2, 3, 4)])
    made = texts(path, context_file=passages, id_column="nr", text="{{ context }}|{{ question }}")
    assert made == ["A1\n\nA2|q1", "B|q2", "|q3", "|q4"]


def test_passages_as_other_programs_write_them(tmp_path: Path) -> None:
    """Semicolons, UTF-16, leading zeros of an id: a file of passages is read as an input is."""
    passages = tmp_path / "p.csv"
    passages.write_bytes('nr;text\r\n01;"A; it says"\r\n'.encode("utf-16"))
    path = write(tmp_path / "in.parquet", [{"nr": "01", "question": "q"}, {"nr": "1", "question": "q"}])
    made = texts(path, context_file=passages, id_column="nr", text="{{ context }}|{{ question }}")
    assert made == ["A; it says|q", "|q"]
    passages.write_text("nr,text\n1,a,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2 has 3 fields"):
        read(path, context_file=passages, id_column="nr", text="{{ context }} {{ question }}")


@pytest.mark.parametrize(
    ("ids", "written"),
    [
        (pl.Series([UUID(int=7).bytes, UUID(int=8).bytes]), [str(UUID(int=8)), str(UUID(int=7))]),
        (pl.Series([7.0, 8.0]), ["8", "7"]),
        (pl.Series(["007", "07"]), ["07", "007"]),
        (pl.Series([7, 8]), ["8", "7"]),
    ],
)
def test_passages_are_found_by_what_an_id_is_known_by(
    tmp_path: Path, ids: pl.Series, written: list[str]
) -> None:
    """A UUID in bytes finds its text, a whole number itself however it is stored, and 007 is not 07."""
    path, passages = tmp_path / "in.parquet", tmp_path / "p.csv"
    pl.DataFrame({"id": ids, "question": ["first", "second"]}).write_parquet(path)
    pl.DataFrame({"id": written, "text": ["of second", "of first"]}).write_csv(passages)
    made = texts(path, context_file=passages, text="{{ context }}|{{ question }}")
    assert made == ["of first|first", "of second|second"]


def test_a_question_without_text_is_none(tmp_path: Path) -> None:
    """Passages alone ask nothing."""
    path = write(tmp_path / "in.parquet", [{"id": 1, "question": None, "context": "A."}])
    assert texts(path, text="{{ context }} {{ question }}") == ["context, question hold no text"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.txt", "x", "must be Parquet, CSV or JSON lines"),
        ("none.csv", None, "cannot read"),
        ("p.csv", "id,words\n1,x\n", "has no column text; it has: id, words"),
        ("p.csv", "nr,text\n1,x\n", "has no column id; it has: nr, text"),
    ],
)
def test_a_file_of_passages_that_cannot_be(name: str, content: str | None, says: str, tmp_path: Path) -> None:
    """One line with the file."""
    path = write(tmp_path / "in.parquet", [{"id": 1, "question": "q"}])
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says):
        read(path, context_file=tmp_path / name, text="{{ context }} {{ question }}")
