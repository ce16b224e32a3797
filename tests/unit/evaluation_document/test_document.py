"""The documents lie in the folder under their names, whole, and nothing else is touched."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from models.errors import OutputError
from tasks.evaluation_report.files import file_name, markdown, write_documents
from tests import evaluations as found
from tests.evaluation_json import from_json


def test_written(tmp_path: Path) -> None:
    """Each format is a file, named by workload and day; an older one of that day is replaced."""
    folder = tmp_path / "new" / "folder"
    write_documents(found.not_viable(), folder, ["json"])
    written = write_documents(found.enrichment(), folder)
    written += write_documents(found.usual(), folder, ["json", "markdown"])
    assert [path.name for path in written] == [
        "evaluation-enrichment-2026-11-14.html",
        "evaluation-enrichment-2026-11-14.json",
        "evaluation-enrichment-2026-11-14.md",
        "evaluation-sentiment-2026-11-14.json",
        "evaluation-sentiment-2026-11-14.md",
    ]
    assert sorted(folder.iterdir()) == sorted(written)
    assert written[0].read_text("utf-8").startswith("<!DOCTYPE html>")
    assert from_json(written[3].read_text("utf-8")) == found.usual()
    assert json.loads(written[1].read_bytes())["workload"] == "enrichment"
    assert written[4].read_text("utf-8") == markdown(found.usual())


def test_the_day_is_of_utc() -> None:
    """An evaluation late in the evening elsewhere has the day of UTC, as partitions have."""
    late = datetime(2026, 11, 14, 22, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert file_name(replace(found.usual(), at=late), "html") == "evaluation-sentiment-2026-11-15.html"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder below a file is one clear error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        write_documents(found.usual(), tmp_path / "file" / "folder", ["json"])


def test_reading_one_back_loads_no_matplotlib() -> None:
    """Who shows or reads an evaluation does not wait for the library that draws."""
    code = "import sys, tasks.evaluation_report.files, tasks.evaluation_report.terminal; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
