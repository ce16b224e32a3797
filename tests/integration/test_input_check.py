"""`breakeven doctor` looks at the input of each workload: there, readable, its columns, its newest records."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import polars as pl
import pytest

from models.doctor import SetupCheck
from models.settings import Settings
from tasks.setup import input_check
from tasks.setup.input_check import check_inputs

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
OLD = date(2026, 1, 5)


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the date still: a suite may run past midnight."""
    monkeypatch.setattr(input_check, "find_yesterday", lambda: YESTERDAY)


def check(folder: Path, workload: str = "sentiment", /, **own: object) -> SetupCheck:
    """Check one workload with these settings of its own."""
    given: Mapping[str, object] = {"workloads": {workload: own}, "cache_dir": folder}
    (found,) = check_inputs(Settings.model_validate(given))
    assert found.name == f"input {workload}"
    assert "\n" not in found.found + found.advice
    return found


def lines(path: Path, day: date, count: int = 3) -> str:
    """Write records of a day as JSON lines; return the path."""
    rows = [{"id": str(n), "text": "hello", "created_at": f"{day}T08:00:00Z"} for n in range(count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", ["in.jsonl", "in-*.jsonl"])
def test_a_file_or_a_glob(name: str, tmp_path: Path) -> None:
    """Its columns and its newest day with the number of its records are named."""
    lines(tmp_path / name.replace("*", "1"), YESTERDAY)
    found = check(tmp_path, input=str(tmp_path / name))
    assert found.state == "ok"
    assert f"id, text, created_at; newest {YESTERDAY} with 3 records" in found.found


def test_old_records_are_a_warning(tmp_path: Path) -> None:
    """`nightly` would find nothing of yesterday."""
    found = check(tmp_path, input=lines(tmp_path / "in.jsonl", OLD))
    assert (found.state, f"newest {OLD} with 3 records" in found.found) == ("warn", True)
    assert f"yesterday, {YESTERDAY}" in found.advice


@pytest.mark.parametrize(("day", "state"), [(YESTERDAY, "ok"), (OLD, "warn")])
def test_folders_of_dates(day: date, state: str, tmp_path: Path) -> None:
    """The newest folder is looked into."""
    for one in (OLD - timedelta(days=1), day):
        path = tmp_path / "in" / f"date={one}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame({"id": ["1", "2"], "text": ["a", "b"]}).write_parquet(path)
    found = check(tmp_path, input=str(tmp_path / "in"))
    assert (found.state, f"newest {day} with 2 records" in found.found) == (state, True)


def test_without_dates(tmp_path: Path) -> None:
    """A file without timestamps is one partition of any day: right where it is meant so, else worth a word."""
    (tmp_path / "in.csv").write_text("id,text\n1,hello\n", encoding="utf-8")
    found = check(tmp_path, input=str(tmp_path / "in.csv"))
    assert (found.state, "1 record without a date" in found.found) == ("warn", True)
    assert "set timestamp_column" in found.advice
    found = check(tmp_path, input=str(tmp_path / "in.csv"), timestamp_column="")
    assert (found.state, "1 record without a date" in found.found) == ("ok", True)


def test_an_input_that_a_run_would_refuse(tmp_path: Path) -> None:
    """Where too many of the newest day's records would be set aside, that is said with the first one's fault."""
    rows = [
        {"id": str(n), "text": "hello" if n < 30 else "\u200b", "created_at": str(YESTERDAY)}
        for n in range(40)
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = check(tmp_path, input=str(tmp_path / "in.jsonl"))
    assert found.state == "warn"
    assert "10 of the first 40 records would be set aside" in found.advice
    assert "record 31: text is empty" in found.advice


def test_a_file_without_rows(tmp_path: Path) -> None:
    """It is read, and holds nothing yet."""
    (tmp_path / "in.csv").write_text("id,text,created_at\n", encoding="utf-8")
    found = check(tmp_path, input=str(tmp_path / "in.csv"))
    assert (found.state, "holds no row" in found.found) == ("warn", True)


def test_a_query(tmp_path: Path) -> None:
    """The database is asked for the last days."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE tickets (id, text, day)")
        connection.execute("INSERT INTO tickets VALUES (1, 'hello', ?)", [str(YESTERDAY)])
        connection.commit()
    query = "select id, text from tickets where day = :partition order by id"
    own = {"query": query, "query_url": f"sqlite:///{path}"}
    assert f"newest {YESTERDAY} with 1 record" in check(tmp_path, **own).found
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM tickets")
        connection.commit()
    assert "no record from" in check(tmp_path, **own).found
    other = check(tmp_path, **own | {"query": query.replace("tickets", "tikets")})
    assert (other.state, "no such table: tikets" in other.advice) == ("fail", True)


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"input": "missing.jsonl"}, "does not exist"),
        ({"input": "nothing-*.csv"}, "does not exist"),
        ({"input": "in.docx"}, "unknown kind of file"),
        ({"input": "damaged.parquet"}, "cannot read"),
        (
            {"input": "in.jsonl", "text_columns": ["subject"]},
            "has no column subject; it has: id, text, created_at",
        ),
        ({"input": "in.jsonl", "id_column": "key"}, "has no column key"),
        ({"input": "in.jsonl", "where": "lang = 'de'"}, "has no column lang"),
        ({"input": "in.jsonl", "timestamp_column": "text"}, "can be read as a timestamp"),
        ({"input": "empty"}, "holds no file to read"),
        ({"input": "in.jsonl", "query": "x"}, "both an input and a query"),
        ({"query": "select 1", "query_url": "postgresql://a:hush@127.0.0.1:1/x"}, "by :partition"),
        (
            {
                "query": "select id, text from t where d = :partition order by id",
                "query_url": "postgresql://a:hush@127.0.0.1:1/x",
            },
            "the query on postgresql://127.0.0.1:1/x failed",
        ),
        ({"input": "file:///nowhere/at/all.parquet"}, "does not exist"),
    ],
)
def test_what_cannot_be_read(
    own: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails by what a run would say, without a password."""
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "in.jsonl", YESTERDAY)
    (tmp_path / "in.docx").touch()
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty").mkdir()
    found = check(tmp_path, **own)
    assert found.state == "fail"
    assert says in found.advice
    assert "hush" not in found.advice


def test_labels_that_cannot_be_read(tmp_path: Path) -> None:
    """What the workload itself needs is looked at too."""
    (tmp_path / "labels.txt").write_bytes(b"caf\xe9\n")
    source = lines(tmp_path / "in.jsonl", YESTERDAY)
    found = check(tmp_path, "classification", input=source, labels_file=str(tmp_path / "labels.txt"))
    assert (found.state, "not UTF-8" in found.advice) == ("fail", True)


def test_a_place_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left after a time, and the others are told all the same."""
    never = Event()
    real = input_check.check_input
    monkeypatch.setattr(
        input_check,
        "check_input",
        lambda name, settings: never.wait(60) and None if name == "enrichment" else real(name, settings),
    )
    source = lines(tmp_path / "in.jsonl", YESTERDAY)
    given = {"workloads": {"enrichment": {"input": "s3://nowhere/"}, "sentiment": {"input": source}}}
    slow, good = check_inputs(Settings.model_validate(given), seconds=1.5)
    assert (slow.state, good.state) == ("warn", "ok")
    assert "within 1.5 s" in slow.found
    never.set()
