"""Records drawn to be labelled: which they are, how they are written, and that they come back as they were."""

# ruff: noqa: RUF001 - signs of full width are meant as they stand

import csv
import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from models.errors import InputError, UsageError
from models.workloads import build
from tasks.labelling import distinct_texts
from tasks.labelling.labelled_file import keys_in, read_labelled
from tasks.reading.cells import shows_nothing
from tests.integration.evaluation.drawn_samples import DAY, dated, draw, in_csv, numbered
from tests.integration.evaluation.labelled_files import (
    SENTIMENT,
    Rows,
    settings_for,
    write_rows,
)

LETTERS = st.text(
    st.sampled_from("ab ,;\"'=+-@＝\r\n\t\0\ufeffé漢") | st.characters(codec="utf-8"), max_size=12
)


def fill(path: Path) -> None:
    """Write labels into the empty column of a file, as a person would."""
    if path.suffix == ".csv":
        rows: Rows = [row | {"label": SENTIMENT[n % 3]} for n, row in enumerate(in_csv(path))]
        path.unlink()
        write_rows(path, rows)
        return
    objects = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    write_rows(path, [row | {"label": SENTIMENT[n % 3]} for n, row in enumerate(objects)])


@examples(
    pairs=st.lists(st.tuples(st.none() | LETTERS, st.none() | LETTERS), max_size=12),
    size=st.integers(2, 14),
    kind=st.sampled_from(["csv", "jsonl"]),
)
def test_what_was_drawn_comes_back(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str | None, str | None]], size: int, kind: str
) -> None:
    """Filled in, the file is read as labelled records with the very texts that a run makes of the input."""
    folder = tmp_path_factory.getbasetemp()
    settings = settings_for(folder, sentiment={"text_columns": ("a", "b")})
    every = [*pairs, ("first", "line"), ("second", None)]
    source = write_rows(folder / "in.jsonl", [{"id": n, "a": a, "b": b} for n, (a, b) in enumerate(every)])
    out = folder / f"drawn.{kind}"
    out.unlink(missing_ok=True)
    drawn = draw(folder, source, size, settings=settings, out=out)
    fill(out)
    workload = build("sentiment", settings)
    read = read_labelled(out, workload=workload, label_column=None, limit=None, seed=0)
    parts = [[part for part in pair if part and part.strip()] for pair in every]
    texts = {"\n".join(some) for some in parts if not all(map(shows_nothing, some))}
    assert {one.text for one in read.records} <= texts
    assert len(read.records) == read.rows == drawn.written == min(size, len(texts))
    assert sum(one.texts for one in drawn.strata) == len(texts)


FORMULAS = [
    '=HYPERLINK("http://127.0.0.1/?"&A1,"click")',
    "+1 (555) 0100",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\ufeff=1+1",
    "＝1+1",
    "'=1+1",
    "''-1",
    "- a list",
]
"""What spreadsheets compute, and what looks as if it had been escaped already."""


def test_no_cell_is_a_formula_and_every_text_comes_back(tmp_path: Path) -> None:
    """Texts, ids and names of columns that begin as a formula have an apostrophe before them, which `--labels` takes off."""
    settings = settings_for(tmp_path, sentiment={"id_column": "@id", "text_columns": ("=text",)})
    rows = [{"@id": f"-{n}", "=text": text} for n, text in enumerate([*FORMULAS, "'tis plain", "5 = 5"])]
    source = write_rows(tmp_path / "in.jsonl", rows)
    out = tmp_path / "drawn.csv"
    draw(tmp_path, source, 99, settings=settings, out=out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        header, *table = csv.reader(file)
    assert header == ["'@id", "'=text", "label"]
    assert all(re.match(r"['5]", cell) for row in table for cell in row if cell)
    fill(out)
    read = read_labelled(out, workload=build("sentiment", settings), label_column=None, limit=None, seed=0)
    assert {one.text for one in read.records} == {str(row["=text"]) for row in rows}
    assert keys_in(out, build("sentiment", settings)) == keys_in(source, build("sentiment", settings))


def test_a_spreadsheet_that_drops_the_apostrophe_does_no_harm(tmp_path: Path) -> None:
    """Google Sheets saves such cells without it; a file that is no CSV is read as it is."""
    settings = settings_for(tmp_path)
    rows: Rows = [
        {"id": "1", "text": "=1+1", "label": "positive"},
        {"id": "2", "text": "x", "label": "negative"},
    ]
    escaped: Rows = [{**row, "text": str(row["text"]).replace("=", "'=")} for row in rows]
    texts = {}
    for name, written in (("bare.csv", rows), ("escaped.csv", escaped), ("escaped.jsonl", escaped)):
        path = write_rows(tmp_path / name, written)
        read = read_labelled(
            path, workload=build("sentiment", settings), label_column=None, limit=None, seed=0
        )
        texts[name] = {one.text for one in read.records}
    assert texts == {"bare.csv": {"=1+1", "x"}, "escaped.csv": {"=1+1", "x"}, "escaped.jsonl": {"'=1+1", "x"}}


def test_the_file_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies where the command is called, is named after the workload, and its columns are those of the input."""
    monkeypatch.chdir(tmp_path)
    settings = settings_for(
        tmp_path,
        classification={"id_column": "nr", "text_columns": ("q", "more"), "label_column": "topic"},
    )
    rows = [{"nr": n, "when": "2026-11-01", "more": None, "q": f"ü,{n}"} for n in range(2)]
    source = write_rows(tmp_path / "in.parquet", rows)
    drawn = draw(tmp_path, source, 2, settings=settings, workload="classification", out=None)
    assert drawn.path == Path("classification-to-label.csv")
    found = in_csv(tmp_path / drawn.path)
    assert sorted(found, key=lambda row: row["nr"]) == [
        {"nr": str(n), "q": f"ü,{n}", "more": "", "topic": ""} for n in range(2)
    ]


def test_json_lines(tmp_path: Path) -> None:
    """What is null stays null, text is written as it is, and the label is null."""
    rows = [{"id": "x", "a": None, "b": "Straße"}]
    settings = settings_for(tmp_path, sentiment={"text_columns": ("a", "b")})
    out = tmp_path / "new" / "out.jsonl"
    draw(tmp_path, write_rows(tmp_path / "in.parquet", rows), 1, settings=settings, out=out)
    assert out.read_text("utf-8") == '{"id": "x", "a": null, "b": "Straße", "label": null}\n'


def test_bytes_are_text(tmp_path: Path) -> None:
    """A binary column of a Parquet file is written as the text that a run reads; an id may be anything."""
    frame = pl.DataFrame({"id": [b"\xff1", None], "text": [b"caf\xc3\xa9", b"\xff"]})
    frame.write_parquet(tmp_path / "in.parquet")
    assert draw(tmp_path, tmp_path / "in.parquet", 9).written == 1
    assert in_csv(tmp_path / "out.csv") == [{"id": r"\udcff1", "text": "café", "label": ""}]


def test_columns_for_the_fields_of_an_object(tmp_path: Path) -> None:
    """One for each field that counts, none of which is needed; a field with the name of an input's column makes it one for all."""
    rows = [{"id": n, "name": f"Mug {n}", "description": None} for n in range(3)]
    source = write_rows(tmp_path / "in.csv", rows)
    drawn = draw(tmp_path, source, 2, workload="enrichment")
    fields = ["title", "bullet_points", "category", "attributes"]
    assert list(in_csv(tmp_path / "out.csv")[0]) == ["id", "name", "description", *fields]
    assert list(drawn.to_fill) == fields
    compare = {"compare": ("category", "attributes[].value")}
    chosen = settings_for(tmp_path, enrichment=compare)
    drawn = draw(tmp_path, source, 2, workload="enrichment", settings=chosen, out=tmp_path / "chosen.csv")
    assert drawn.to_fill == ("category", "attributes")
    renamed = write_rows(tmp_path / "titles.csv", [{"id": 1, "title": "Mug"}])
    whole = settings_for(tmp_path, enrichment={"text_columns": ("title",)})
    drawn = draw(tmp_path, renamed, 1, workload="enrichment", settings=whole, out=tmp_path / "whole.csv")
    assert drawn.to_fill == ("label",)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_the_same_sample_from_every_order(tmp_path: Path, kind: str) -> None:
    """Seed and texts decide; so do the rows' places in the file, of which the first ones are a sample too."""
    rows = numbered(50)
    first = draw(tmp_path, write_rows(tmp_path / f"a.{kind}", rows), 20, out=tmp_path / "1.csv")
    draw(tmp_path, write_rows(tmp_path / f"b.{kind}", rows[::-1]), 20, out=tmp_path / "2.csv")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    draw(tmp_path, tmp_path / f"a.{kind}", 20, seed=1, out=tmp_path / "3.csv")
    assert (tmp_path / "1.csv").read_bytes() != (tmp_path / "3.csv").read_bytes()
    texts = [row["text"] for row in in_csv(first.path)]
    assert texts != sorted(texts)


def test_many_texts_are_taken_together_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the texts seen are put together, the sample is the same."""
    rows = [*numbered(300), *numbered(500)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    whole = draw(tmp_path, source, 40, out=tmp_path / "1.csv")
    monkeypatch.setattr(distinct_texts, "_NEW", 7)
    assert draw(tmp_path, source, 40, out=tmp_path / "2.csv").strata == whole.strata
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_dates(tmp_path: Path) -> None:
    """A range of dates is drawn from, or everything."""
    source = dated(tmp_path)
    assert draw(tmp_path, source, 99, out=tmp_path / "all.csv").written == 30
    assert draw(tmp_path, source, 99, dates=(DAY, DAY + timedelta(days=1))).written == 20
    assert {int(row["text"]) // 10 for row in in_csv(tmp_path / "out.csv")} == {0, 1}


def test_folders_of_dates(tmp_path: Path) -> None:
    """All folders are drawn from, or those of the dates; a text that is in two of them counts once."""
    for day, rows in (("2026-11-01", numbered(10)), ("2026-11-02", numbered(15))):
        (tmp_path / "in" / f"date={day}").mkdir(parents=True)
        write_rows(tmp_path / "in" / f"date={day}" / "rows.csv", rows)
    assert draw(tmp_path, tmp_path / "in", 99, out=tmp_path / "1.csv").strata[0].texts == 15
    assert draw(tmp_path, tmp_path / "in", 99, dates=(DAY, DAY)).written == 10


def test_a_query(tmp_path: Path) -> None:
    """A query is asked for its dates, and has to be told which."""
    with closing(sqlite3.connect(tmp_path / "rows.db")) as database, database:
        database.execute("create table rows (id, text, created_at)")
        rows = pl.read_parquet(dated(tmp_path)).iter_rows()
        database.executemany("insert into rows values (?, ?, ?)", rows)
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    query = "select id, text from rows where created_at = :partition order by id"
    settings = settings_for(tmp_path, sentiment={"query": query, "query_url": url})
    assert draw(tmp_path, None, 12, settings=settings, dates=(DAY, DAY + timedelta(days=2))).written == 12
    with pytest.raises(
        UsageError, match="reads a query, which is asked by date: say which with --from and --to"
    ):
        draw(tmp_path, None, 12, settings=settings, out=tmp_path / "2.csv")


def test_where_selects(tmp_path: Path) -> None:
    """What a run leaves out is not drawn."""
    settings = settings_for(tmp_path, sentiment={"where": "id < 4"})
    assert draw(tmp_path, dated(tmp_path), 99, settings=settings).written == 4


def test_more_to_label(tmp_path: Path) -> None:
    """Texts of a file that was drawn before, labelled or not, are left out of the next."""
    source = write_rows(tmp_path / "in.csv", numbered(30))
    first = draw(tmp_path, source, 12, out=tmp_path / "1.csv")
    more = draw(tmp_path, source, 99, out=tmp_path / "2.csv", without=first.path)
    assert (more.written, more.left_out) == (18, 12)
    assert not {row["text"] for row in in_csv(first.path)} & {row["text"] for row in in_csv(more.path)}
    with pytest.raises(
        InputError, match=r"all 30 distinct texts of .*in.csv were drawn before: nothing is left"
    ):
        draw(tmp_path, source, 5, out=tmp_path / "3.csv", without=source)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_line_ends_and_quotes_stay(tmp_path: Path, kind: str) -> None:
    """Text of all kinds is in the file as it was, before anybody has opened it."""
    texts = ("a\rb", "c\nd", "e\r\nf\r", '"', '","', " x ", "\ufeffy", "nul\0", ";", "漢")
    source = write_rows(tmp_path / "in.jsonl", [{"id": n, "text": text} for n, text in enumerate(texts)])
    settings, out = settings_for(tmp_path), tmp_path / f"out.{kind}"
    draw(tmp_path, source, 99, out=out)
    workload = build("sentiment", settings)
    assert keys_in(out, workload) == keys_in(source, workload)
    assert len(keys_in(out, workload)) == len(texts)


def test_the_first_row_of_a_text(tmp_path: Path) -> None:
    """Of rows with the same text the first one is written."""
    rows = [{"id": n, "text": text} for n, text in enumerate(("a", "b", "a", "b", "c"))]
    draw(tmp_path, write_rows(tmp_path / "in.jsonl", rows), 9)
    assert {row["id"] for row in in_csv(tmp_path / "out.csv")} == {"0", "1", "4"}


def test_fewer_records_than_asked_for(tmp_path: Path) -> None:
    """All are written, and the result says what was asked for."""
    drawn = draw(tmp_path, write_rows(tmp_path / "in.csv", numbered(3)), 50)
    assert (drawn.asked, drawn.written) == (50, 3)
