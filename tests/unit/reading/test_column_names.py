"""Columns are found whatever their letter case and what joins their words; what could mean two is an error."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.forecast.prompts import prompt_source
from tasks.reading import Source, open_partition
from tasks.reading.columns import find_timestamp, match_column
from tasks.reading.conditions import Condition

DAY = date(2024, 1, 2)


@pytest.mark.parametrize(
    ("name", "existing", "found"),
    [
        ("created_at", ["createdAt"], "createdAt"),
        ("created_at", ["Created At"], "Created At"),
        ("created_at", ["CREATED-AT"], "CREATED-AT"),
        ("createdAt", ["created_at"], "created_at"),
        ("id", ["ID", "uid"], "ID"),
        ("text", [" Text "], " Text "),
        ("text", ["\ufefftext"], "\ufefftext"),
        ("text", ["TEXT", "text"], "text"),
        ("user id", ["user_id", "User ID"], "User ID"),
        ("größe", ["GRÖSSE"], "GRÖSSE"),
        ("größe", ["Gro\u0308ße"], "Gro\u0308ße"),
        ("text", ["texts"], None),
        ("-", ["_"], None),
    ],
)
def test_a_name_finds_its_column(name: str, existing: list[str], found: str | None) -> None:
    """The one that is written so comes first, then letter case, then what joins the words."""
    assert match_column(name, existing, "in.csv") == found


@pytest.mark.parametrize(
    "existing", [["Text", "TEXT"], ["te-xt", "Te Xt"], ["text", "text"], ["Text", "Text"]]
)
def test_two_that_could_be_meant_are_named(existing: list[str]) -> None:
    """Which of them is meant is not guessed."""
    with pytest.raises(InputError, match=", ".join(existing)) as raised:
        match_column("text", existing, "in.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "settings"),
    [
        ("id,text,text,created_at", {}),
        ("id,text,id,created_at", {}),
        ("id,text,created_at,Created_At", {"timestamp_column": "CREATED_AT"}),
        ("id,text,date,date", {}),
        ("id,text,stars,stars", {"where": "stars > 1", "timestamp_column": ""}),
    ],
)
def test_a_name_that_csv_has_twice_is_not_guessed(
    tmp_path: Path, header: str, settings: dict[str, object]
) -> None:
    """A column that is wanted and stands in the header twice is an error that names it."""
    path = tmp_path / "in.csv"
    path.write_text(f"{header}\n1,2,2024-01-02,2024-01-02\n")
    source = Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path))
    with pytest.raises(InputError, match=r"several columns for .*; rename all but one of them"):
        open_partition(source, DAY)


def test_a_name_that_csv_has_twice_does_no_harm_where_it_is_not_wanted(tmp_path: Path) -> None:
    """Columns that are not read may be called as they like."""
    path = tmp_path / "in.csv"
    path.write_text("id,text,note,note,date\n1,a,,,2024-01-02\n")
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert [(row.id, row.text) for row in rows if isinstance(row, Record)] == [("1", "a")]


@pytest.mark.parametrize(
    ("existing", "found"),
    [
        (["Timestamp", "date"], "date"),
        (["Date", "Created At"], "Created At"),
        (["id", "DateTime"], "DateTime"),
        (["id", "Zeit"], None),
    ],
)
def test_the_column_of_timestamps_is_found(existing: list[str], found: str | None) -> None:
    """A name that is written as it is known comes before one that is only alike."""
    assert find_timestamp(existing, "in.csv") == found


def test_a_condition_takes_the_inputs_names() -> None:
    """Every place that names the column has the new name, and text that reads the same is left alone."""
    condition = Condition.parse("zip = 'zip' AND lower(kind) IN ('a', 'b') AND zip IS NOT NULL")
    renamed = condition.rename({"zip": "ZIP", "kind": "kind"})
    assert renamed.names() == ["ZIP", "kind"]
    frame = pl.DataFrame({"ZIP": ["zip", "zap"], "kind": ["A", "B"]})
    assert renamed.judge(frame) == [True, False]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_day_of_a_file_with_other_names(tmp_path: Path, kind: str) -> None:
    """Ids, texts, timestamps and conditions are found in each format, so that a day is not the whole file."""
    frame = pl.DataFrame({
        "ID": [1, 2, 3],
        "Ticket Text": ["one", "two", "three"],
        "createdAt": ["2024-01-01", "2024-01-02", "2024-01-02"],
        "Kind": ["b2b", "b2b", "b2c"],
    })  # fmt: skip
    path = tmp_path / f"in.{kind}"
    if kind == "parquet":
        frame.write_parquet(path)
    elif kind == "csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)
    settings = WorkloadSettings(where="kind = 'b2b'")
    source = Source.of(settings, ("ticket_text",), location=str(path), complex_where="id > 1")
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert rows == [Record("2", "2", 0, "two", complex=True)]


def test_a_template_finds_its_columns(tmp_path: Path) -> None:
    """The columns of a template are found as others are, and stand in it under the template's names."""
    path = tmp_path / "in.parquet"
    pl.DataFrame({"Id": [1], "Subject": ["hello"]}).write_parquet(path)
    settings = WorkloadSettings(text="About: {{ row['subject'] }}")
    source = Source.of(settings, ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    assert rows == [Record("1", "1", 0, "About: hello")]


def test_a_forecast_finds_its_columns(tmp_path: Path) -> None:
    """The column of prompts is found by the same rule, named or not."""
    path = tmp_path / "in.csv"
    pl.DataFrame({"Prompt": ["hello"], "Answer Text": ["yes"]}).write_csv(path)
    assert prompt_source(str(path), [], None, "answer_text").text_columns == ("Prompt",)
    assert prompt_source(str(path), ["PROMPT"], None, None).text_columns == ("Prompt",)
