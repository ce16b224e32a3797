"""The sample workloads build, and their inputs are read as samples/README.md says."""

import json
import os
import re
from datetime import date
from pathlib import Path

import pytest

from commands.demo import OWN, set_own_workload
from flows.environment import read_settings
from models import workloads
from models.records import Quarantined, Record
from models.settings import Settings
from models.settings.inherit import preset_names
from tasks.reading import Source, open_partition

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
FOLDER = SAMPLES / "workloads"
DAYS = (date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3))
ROWS = {
    name: cells
    for name, *cells in (
        re.split(r" \| ", line.strip("| "))
        for line in (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\| `\w+\.toml`", line)
    )
}
"""Rows of the README's table: file -> kind, what it shows, input, what is set aside, records a day."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return the settings in a folder without any, with the samples' workloads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_WORKLOADS_DIR", str(FOLDER))
    return read_settings()


def rows_of(settings: Settings, name: str) -> list[list[Record | Quarantined]]:
    """Read a sample's input, one list for each of the three days."""
    workload = workloads.build(name, settings)
    source = Source.of(settings.workload(name), workload.text_columns, workload=name)
    return [[row for batch in open_partition(source, day, None).batches() for row in batch] for day in DAYS]


def test_the_readme_lists_every_file() -> None:
    """Each workload of the folder has its row, and each row its file; all kinds are there."""
    assert sorted(ROWS) == sorted(f"`{path.name}`" for path in FOLDER.glob("*.toml"))
    assert {cells[0] for cells in ROWS.values()} == {"label", "labels", "object", "text"}


@pytest.mark.parametrize("file", ROWS)
def test_a_sample_is_as_stated(file: str, settings: Settings) -> None:
    """It builds with the stated kind; its days have the stated numbers of rows, and the named ones are set aside."""
    name = Path(file.strip("`")).stem
    kind, _, _, set_aside, counts = ROWS[file]
    found = rows_of(settings, name)
    assert workloads.build(name, settings).kind == kind
    assert [len(day) for day in found] == [int(count) for count in counts.split(",")]
    assert sum(map(len, found)) >= 12
    aside = [row.key for day in found for row in day if isinstance(row, Quarantined)]
    assert aside == re.findall(r"\w-\d{3}", set_aside)


@pytest.mark.parametrize("file", ROWS)
def test_a_sample_has_a_name_of_its_own(file: str) -> None:
    """No sample covers a preset, so that the presets stay what they are where the samples are used."""
    assert Path(file.strip("`")).stem not in preset_names()


def test_the_demo_asks_what_the_file_says(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the file of a sample without the folder, so that a user's own workloads stay where they are."""
    asked = workloads.build("departments", settings)
    monkeypatch.delenv("BREAKEVEN_WORKLOADS_DIR")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    name = set_own_workload(ROOT / OWN)
    demo = workloads.build(name, read_settings())
    assert (name, demo.fingerprint, demo.settings) == ("departments", asked.fingerprint, asked.settings)


def test_gold_labels_are_labels(settings: Settings) -> None:
    """What the samples call right is among what their workloads can answer."""
    topics = [json.loads(line) for line in (FOLDER / "topics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {label for row in topics for label in row["labels"]} == set(
        settings.workload("topics").labels or ()
    )
    departments = (FOLDER / "departments.csv").read_text(encoding="utf-8")
    found = set(re.findall(r"Z,(\w+)$|\+\d\d:00,(\w+)$", departments, re.MULTILINE))
    assert {first or second for first, second in found} == set(settings.workload("departments").labels or ())


def test_signs_of_a_template_in_a_record_stay_text(settings: Settings) -> None:
    """What a record says is filled in and never a template itself."""
    (record,) = (row for day in rows_of(settings, "departments") for row in day if row.key == "t-008")
    assert isinstance(record, Record)
    assert '"Hello {{ name }}" and {% if vip %}' in record.text


def test_passages_belong_to_their_record(settings: Settings) -> None:
    """Those of one question stand above it, in the order of the file; a question without any stands alone."""
    records = {row.key: row for day in rows_of(settings, "shop_answers") for row in day}
    first, alone = records["q-001"], records["q-009"]
    assert isinstance(first, Record)
    assert isinstance(alone, Record)
    assert first.text.split("\n\n")[0] == "The shop is open from nine to six on weekdays."
    assert first.text.endswith("On Sundays it is closed.\n\nQuestion: When does the shop open on Saturdays?")
    assert alone.text.strip().startswith("Question:")
