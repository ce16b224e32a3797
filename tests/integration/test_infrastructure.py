"""`breakeven infrastructure`: what is entered stays, what was overtaken shows, and mistakes are one clear line."""

import csv
import io
import json
import os
from collections.abc import Sequence
from datetime import date
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from sqlalchemy import delete

from db import infrastructure
from db.ownership_rows import COLUMNS
from db.session import make_engine, migrate, readers, sessions
from db.tables.decisions import BillRow, InfrastructureTermsRow, LabourTermsRow
from models.economics.owning import Bill, EnteredTerms, Labour
from tasks.display.formats import TableFormat
from tests.integration.db.ledger_lines import seed
from tests.run_command import run_command

ENTERED = (
    (
        "set",
        "--kind",
        "NVIDIA A10G",
        "--billing",
        "reserved",
        "--usd-per-month",
        "250",
        "--from",
        "2026-01-01",
    ),
    ("set", "--kind", "A10G", "--billing", "on-demand", "--from", "2026-03-01", "--to", "2026-03-31"),
    ("end", "--kind", "a10g", "--from", "2026-07-01", "--note", "given back"),
    ("bill", "--month", "2026-05", "--usd", "312.40"),
    ("bill", "--month", "2026-05", "--usd", "313.40", "--note", "corrected"),
    (
        *("labour", "--from", "2026-01-01", "--maintenance-hours", "2.5", "--setup-hours", "12"),
        *("--engineer-usd-per-hour", "100"),
    ),
)


run = partial(run_command, "infrastructure")
"""Run a command of the group in this process; returns its exit code."""


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """URL of an empty database that the commands use; nothing of this machine's settings is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", database_url)
    return database_url


def enter() -> None:
    """Enter some of everything into a ledger that is not there before."""
    for arguments in ENTERED:
        assert run(*arguments) == 0


@pytest.mark.usefixtures("url")
def test_what_was_entered_is_said_and_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry is one line on standard error; the list has all of them, with the days on which each holds."""
    enter()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "entered: from 2026-01-01 on, 1 x A10G reserved at $250.00 a machine and month",
        "entered: from 2026-03-01 to 2026-03-31, 1 x A10G on-demand at $1.006 a machine and hour",
        "entered: from 2026-07-01 on there is no A10G",
        "entered: the bill of 2026-05 is $312.40",
        "entered: the bill of 2026-05 is $313.40",
        "entered: from 2026-01-01 on, 2.5 h a month of maintenance, 12 h of set-up, at $100.00 an hour",
    ]
    assert run("list", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [list(COLUMNS)] * len(ENTERED)
    assert [(row["entry"], row["state"], row["holds"]) for row in rows] == [
        ("machine", "partly overtaken", "2026-01-01..2026-02-28, 2026-04-01..2026-06-30"),
        ("machine", "holds", "2026-03-01..2026-03-31"),
        ("no machine", "holds", "2026-07-01.."),
        ("bill", "overtaken", None),
        ("bill", "holds", None),
        ("labour", "holds", "2026-01-01.."),
    ]
    assert [(row["usd"], row["per"]) for row in rows][:2] == [
        ("250.000000000", "month"),
        ("1.006000000", "hour"),
    ]
    assert [rows[1]["from"], rows[1]["to"], rows[0]["to"]] == ["2026-03-01", "2026-03-31", None]
    assert (rows[5]["maintenance_hours"], rows[5]["setup_hours"]) == ("2.5", "12")
    assert [row["note"] for row in rows] == [None, None, "given back", None, "corrected", None]


def test_the_four_formats_hold_the_same_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """CSV and Parquet have JSON's rows, and the table shows them to people."""
    monkeypatch.chdir(tmp_path)
    enter()
    assert run("list", "--format", "json") == 0
    rows = json.loads(capsysbinary.readouterr().out)
    assert run("list", "--format", "csv") == 0
    table = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert [line["usd"] for line in table] == [row["usd"] or "" for row in rows]
    assert run("list", "--format", "parquet") == 0
    assert pl.read_parquet(io.BytesIO(capsysbinary.readouterr().out))["usd"].to_list() == [
        r["usd"] for r in rows
    ]
    assert run("list") == 0
    shown = capsysbinary.readouterr().out.decode()
    assert shown.count("overtaken") == 2
    assert "unknown" not in shown


def test_entries_come_back_as_they_went_in(url: str) -> None:
    """Every field of every kind of entry survives both databases, a second one beside the first."""
    engine = make_engine(url)
    migrate(engine)
    one = EnteredTerms("A10G", "reserved", None, 250, 3600, 2, _day("2026-01-01"), _day("2026-02-01"), "n")
    two = EnteredTerms("cpu x8", "spot", 7, None, 1, 1, _day("2026-01-01"), None)
    bill, labour = Bill(_day("2026-01-01"), 2**62), Labour(_day("2026-01-02"), 1, 2, 3)
    with sessions(engine).begin() as session:
        for what in (one, two, bill, bill, labour):
            infrastructure.add(session, what)
    with readers(engine)() as session:
        assert [entry.what for entry in infrastructure.list_entries(session, EnteredTerms)] == [one, two]
        assert [entry.what for entry in infrastructure.list_entries(session, Bill)] == [bill, bill]
        assert [entry.what for entry in infrastructure.list_entries(session, Labour)] == [labour]
        ids = [entry.id for entry in infrastructure.list_entries(session, Bill)]
        assert ids == sorted(set(ids))
        assert infrastructure.list_entries(session, Bill)[0].entered_at.utcoffset() is not None
    engine.dispose()


def test_a_machine_that_no_run_has_used_is_pointed_out(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped kind would price nothing: the kinds that runs used are named."""
    engine = make_engine(url)
    migrate(engine)
    with sessions(engine).begin() as session:
        seed(session)
    engine.dispose()
    what = ("--billing", "on-demand", "--usd-per-hour", "1", "--from", "2026-01-01")
    assert run("set", "--kind", "A100", *what) == 0
    assert "no run has used A100 so far; there were runs on: A10G" in capsys.readouterr().err
    assert run("set", "--kind", "A10G", *what) == 0
    assert "no run" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "--kind", "L4", "--billing", "reserved", "--from", "2026-01-01"), "give --usd-per-hour or"),
        (
            ("set", "--kind", "H100", "--billing", "reserved", "--from", "2026-01-01"),
            "no reserved rate of 'H100'",
        ),
        (
            ("set", "--kind", "A10G", "--billing", "spot", "--from", "2026-01-01"),
            "no spot rate of 'A10G'; give --usd-per-hour",
        ),
        (("set", "--kind", "A10G", "--billing", "sometimes", "--from", "2026-01-01"), "--billing"),
        (("set", "--kind", "A10G", "--billing", "reserved", "--from", "2026-02-30"), "--from"),
        (("set", *ENTERED[0][1:], "--to", "2025-12-31"), "lies before --from"),
        (("set", *ENTERED[0][1:], "--gpus", "0"), "--gpus 0"),
        (("end", "--kind", "H100", "--from", "2026-01-01"), "nothing is entered for 'H100'"),
        (("bill", "--month", "2026-13", "--usd", "1"), "no month"),
        (("bill", "--month", "2999-01", "--usd", "1"), "has not begun"),
        (("bill", "--month", "2026-01", "--usd", "-1"), "--usd -1"),
        (("bill", "--month", "2026-01", "--usd", "NaN"), "--usd: 'NaN' is no number"),
        (("bill", "--month", "2026-01", "--usd", "0.0000000001"), "nano-dollar"),
        (("bill", "--month", "2026-01", "--usd", "much"), "--usd: 'much' is no number"),
        ((*ENTERED[5][:3], "--maintenance-hours", "0.001", *ENTERED[5][5:]), "minutes"),
    ],
)
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Bad values end with code 2, say what to do in one line, and enter nothing."""
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "end":
        assert run(*ENTERED[0]) == 0
        capfd.readouterr()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(*arguments) == 2
    captured = capfd.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def _day(text: str) -> date:
    return date.fromisoformat(text)


PARTS: dict[str, Sequence[str]] = {
    "machine": ENTERED[0],
    "end": ENTERED[2],
    "bill": ENTERED[3],
    "labour": ENTERED[5],
}


@pytest.mark.usefixtures("url")
def test_any_part_may_be_missing(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The list is printed in every format, whatever was entered first and whatever was not: also nothing at all.

    Each step adds one part, from every side, so that each is missing once and alone once.
    """
    url = os.environ["BREAKEVEN_DATABASE_URL"]
    engine = make_engine(url)
    for chosen in (*combinations(PARTS, 0), *combinations(PARTS, 1), *combinations(PARTS, 3)):
        if "end" in chosen and "machine" not in chosen:
            continue  # what was not entered cannot end
        with sessions(engine).begin() as session:
            for table in (InfrastructureTermsRow, BillRow, LabourTermsRow):
                session.execute(delete(table))
        for part in chosen:
            assert run(*PARTS[part]) == 0
        capsysbinary.readouterr()
        for output_format in get_args(TableFormat):
            assert run("list", "--format", output_format) == 0, (chosen, output_format)
            captured = capsysbinary.readouterr()
            left_out = captured.err.startswith(b"not shown in 120 characters: ") and output_format == "table"
            assert captured.err == b"" or left_out
            if output_format == "json":
                assert len(json.loads(captured.out)) == len(chosen)
    engine.dispose()
