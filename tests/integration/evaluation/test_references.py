"""Right answers of several labels, objects and texts in files: every way to write them, and one line for each that is ambiguous."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from models.settings import Settings
from models.workloads import build
from tasks.labelling.labelled_file import LabelledFile, keys_in, read_labelled
from tests.integration.evaluation.drawn_samples import draw, in_csv
from tests.integration.evaluation.kinds import workloads
from tests.integration.evaluation.labelled_files import Rows, settings_for, write_rows


def settings_of(folder: Path, **more: object) -> Settings:
    """Make settings with a workload of each kind; `more` is put over that of the products."""
    given = workloads(folder)
    given["products"] |= more
    return settings_for(folder, **given)


def read(path: Path, workload: str, column: str | None = None, **more: object) -> LabelledFile:
    """Read labelled records of a workload of this kind."""
    settings = settings_of(path.parent, **more)
    return read_labelled(path, workload=build(workload, settings), label_column=column, limit=None, seed=0)


def answers(found: LabelledFile) -> dict[str, object]:
    """Return the right answer of each text."""
    return {one.text: json.loads(one.label) if one.label else None for one in found.records}


def refusal(path: Path, workload: str, column: str | None = None, **more: object) -> str:
    """Return the one line that refuses a file."""
    with pytest.raises(InputError) as refused:
        read(path, workload, column, **more)
    message = str(refused.value)
    assert "\n" not in message
    return message


def in_column(folder: Path, name: str, values: Sequence[object], kind: str = "jsonl") -> Path:
    """Write rows of distinct texts with these values in a column."""
    rows: Rows = [{"id": f"r{n}", "text": f"t{n}", name: value} for n, value in enumerate(values, start=1)]
    return write_rows(folder / f"rows.{kind}", rows)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_several_labels_in_every_form(tmp_path: Path, kind: str) -> None:
    """Separated by | or ;, as JSON, one alone, none at all; an empty cell is not labelled yet."""
    values = [
        "refund|billing",
        " billing ; refund ",
        '["refund", "billing"]',
        "delivery",
        "[]",
        None,
        "billing|billing",
    ]
    found = read(in_column(tmp_path, "labels", values, kind), "topics")
    both = ["billing", "refund"]
    assert answers(found) == {
        "t1": both, "t2": both, "t3": both, "t4": ["delivery"], "t5": [], "t7": ["billing"],
    }  # fmt: skip
    assert (found.unlabelled, found.columns) == (1, ("labels",))


def test_lists_of_labels(tmp_path: Path) -> None:
    """A column of lists, of JSON lines or of Parquet; an empty list says that none is right."""
    values = [["refund", "billing"], [], None]
    expected = {"t1": ["billing", "refund"], "t2": []}
    assert answers(read(in_column(tmp_path, "labels", values), "topics")) == expected
    frame = pl.DataFrame({"text": ["t1", "t2", "t3"], "labels": values})
    frame.write_parquet(tmp_path / "rows.parquet")
    assert answers(read(tmp_path / "rows.parquet", "topics")) == expected


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["billing|refund;delivery", "billing"], "'billing|refund;delivery' of row 1 (id r1) holds both | and ;"),
        (['["billing"', "refund"], "'[\"billing\"' of row 1 (id r1) is not a JSON list such as"),
        (["billing, refund", "billing"], "does not know: 'billing, refund' (row 1 (id r1)); it knows billing, delivery and refund."),
        (["billing", None], "has 1 labelled record; an evaluation needs at least 2"),
        ([None, " "], "has a set of labels in column labels: write the right set of labels of some"),
    ],
)  # fmt: skip
def test_labels_that_are_refused(tmp_path: Path, values: list[object], says: str) -> None:
    """What can be read in two ways, what is no label, and what is too little."""
    assert says in refusal(in_column(tmp_path, "labels", values), "topics")


def test_several_labels_are_separated_by_a_bar(tmp_path: Path) -> None:
    """Who writes commas is told what stands between several."""
    assert "and | or ; stands between several: correct them" in refusal(
        in_column(tmp_path, "labels", ["billing, refund", "billing"]), "topics"
    )


def test_a_label_that_holds_a_separator(tmp_path: Path) -> None:
    """A text that is a label is that one, but not where its parts are labels as well."""
    labels = {"kind": "labels", "prompt": "Which?", "labels": ["a|b", "a|c", "a", "b"]}
    settings = settings_for(tmp_path, topics=labels)
    workload = build("topics", settings)

    def taken(values: list[object]) -> dict[str, object]:
        path = in_column(tmp_path, "labels", values)
        return answers(read_labelled(path, workload=workload, label_column=None, limit=None, seed=0))

    assert taken(["a|c", "a;b"]) == {"t1": ["a|c"], "t2": ["a", "b"]}
    with pytest.raises(InputError, match=r"'a\|b' of row 1 \(id r1\) is one label and 2 labels as well"):
        taken(["a|b", "a"])


def test_columns_that_are_missing(tmp_path: Path) -> None:
    """Labels need their column; objects and texts do not, unless one is named."""
    path = in_column(tmp_path, "topic", ["billing", "refund"])
    assert "has no column labels of labels; did you mean" not in refusal(path, "topics")
    assert "has no column labels of labels; it has: id, text, topic" in refusal(path, "topics")
    assert read(path, "summaries").columns == read(path, "products").columns == ()
    assert "has no column mood of references" in refusal(path, "summaries", column="mood")
    assert "has no column best of right objects" in refusal(path, "products", label_column="best")
    assert "the column text of" in refusal(path, "summaries", column="text")


def test_texts_and_alternatives(tmp_path: Path) -> None:
    """One reference, or a list of which any is right; where no row has one, all rows are taken without."""
    found = read(in_column(tmp_path, "reference", ["a b", ["c", "d"], None, []]), "summaries")
    assert answers(found) == {"t1": ["a b"], "t2": ["c", "d"]}
    assert (found.unlabelled, found.columns) == (2, ("reference",))
    unfilled = read(in_column(tmp_path, "reference", [None, None, " "]), "summaries")
    assert (len(unfilled.records), unfilled.columns, unfilled.unlabelled) == (3, (), 0)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_fields_in_columns(tmp_path: Path, kind: str) -> None:
    """Each by the type of its schema; an empty cell beside filled ones says that the field should be empty."""
    rows: Rows = [
        {"text": "t1", "brand": "7", "price": "12.50", "colors": "red|blue"},
        {"text": "t2", "brand": "Acme", "price": None, "colors": '["red; dark"]'},
        {"text": "t3", "brand": None, "price": None, "colors": None},
    ]
    found = read(write_rows(tmp_path / f"rows.{kind}", rows), "products")
    assert answers(found) == {
        "t1": {"brand": "7", "price": 12.5, "colors": ["red", "blue"]},
        "t2": {"brand": "Acme", "price": None, "colors": ["red; dark"]},
    }
    assert (found.unlabelled, found.columns) == (1, ("brand", "price", "colors"))


def test_fields_of_other_programs(tmp_path: Path) -> None:
    """Numbers, lists and structs of Parquet are taken as they are."""
    frame = pl.DataFrame(
        {"text": ["t1", "t2"], "label": [{"price": 5, "colors": ["red"]}, {"price": None, "colors": []}]}
    )
    frame.write_parquet(tmp_path / "rows.parquet")
    assert answers(read(tmp_path / "rows.parquet", "products")) == {
        "t1": {"price": 5, "colors": ["red"]},
        "t2": {"price": None, "colors": []},
    }


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (['{"brand": "x"', "{}"], "of row 1 (id r1) is not a JSON object"),
        (["[1]", "{}"], "'[1]' of row 1 (id r1) is not a JSON object"),
        (['{"brnad": "x"}', "{}"], "has the member 'brnad', which the schema does not have; did you mean brand?"),
    ],
)  # fmt: skip
def test_objects_that_are_refused(tmp_path: Path, values: list[object], says: str) -> None:
    """No JSON, no object, and a member that the schema does not have."""
    assert says in refusal(in_column(tmp_path, "label", values), "products")


def test_fields_by_which_a_record_is_right(tmp_path: Path) -> None:
    """A column that decides must be there; the line names both ways to give it."""
    rows = [{"text": f"t{n}", "brand": "x"} for n in range(2)]
    path = write_rows(tmp_path / "rows.csv", rows)
    message = refusal(path, "products", compare=["brand", "price"])
    assert "has no column price, by which a record of products is right (compare)" in message
    assert "or give whole objects as JSON in the column label" in message


def test_two_right_answers(tmp_path: Path) -> None:
    """One text with two objects is refused with both; with the same one twice it counts once."""
    rows: Rows = [{"text": "t", "brand": brand} for brand in ("a", "b")] + [{"text": "u", "brand": "a"}] * 2
    path = write_rows(tmp_path / "rows.jsonl", rows)
    message = refusal(path, "products")
    assert 'has 1 text with more than one right field: row 1 \'{"brand": "a"}\', row 2' in message
    assert message.endswith("Keep one right field for each text")


@pytest.mark.parametrize(
    ("workload", "columns"),
    [("topics", ("labels",)), ("summaries", ("reference",)), ("products", ("brand", "price", "colors"))],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_samples_to_fill_in(tmp_path: Path, workload: str, columns: tuple[str, ...], kind: str) -> None:
    """A sample has the columns of its kind, empty; filled in, it is read back."""
    source = write_rows(tmp_path / "in.jsonl", [{"id": n, "text": f"text {n}"} for n in range(4)])
    settings = settings_of(tmp_path)
    out = tmp_path / f"out.{kind}"
    drawn = draw(tmp_path, source, 3, settings=settings, workload=workload, out=out)
    assert drawn.to_fill == columns
    rows: Rows = in_csv(out) if kind == "csv" else [json.loads(line) for line in out.read_text().splitlines()]
    assert list(rows[0]) == ["id", "text", *columns]
    assert not any(row[column] for row in rows for column in columns)
    right = {"labels": "billing|refund", "reference": "a text", "brand": "x", "price": "5", "colors": "red"}
    out.unlink()
    filled = write_rows(out, [{**row, **{column: right[column] for column in columns}} for row in rows])
    found = read_labelled(filled, workload=build(workload, settings), label_column=None, limit=None, seed=0)
    assert (len(found.records), found.columns, found.unlabelled) == (3, columns, 0)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_sample_keeps_passages(tmp_path: Path, kind: str) -> None:
    """A list of passages, which a cell cannot hold, is written so that the same text is made of it again."""
    rows = [{"id": n, "context": ["One.", f"Two {n}."], "question": f"what {n}?"} for n in range(2)]
    source, out = write_rows(tmp_path / "in.jsonl", rows), tmp_path / f"out.{kind}"
    settings = settings_for(tmp_path)
    drawn = draw(tmp_path, source, 2, settings=settings, workload="answering", out=out)
    workload = build("answering", settings)
    assert drawn.to_fill == ("answer",)
    assert keys_in(out, workload) == keys_in(source, workload)
