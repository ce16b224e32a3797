"""What tests of samples to label need: inputs, a draw, and the file that it wrote as other programs read it."""

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from models.settings import Settings
from models.workloads import build
from tasks.labelling.draw_sample import SampleDrawn, SampleRequest, draw_sample
from tests.integration.evaluation.labelled_files import (
    settings_for,
    write_rows,
)

DAY = date(2026, 11, 1)


def numbered(count: int, length: int = 3) -> list[Mapping[str, object]]:
    """Make rows of different texts of one length."""
    return [{"id": n, "text": f"{n:0{length}}"} for n in range(count)]


def draw(  # what a test of a sample may choose
    folder: Path,
    source: Path | None,
    size: int,
    *,
    settings: Settings | None = None,
    workload: str = "sentiment",
    dates: tuple[date, date] | None = None,
    seed: int = 0,
    **files: Any,  # noqa: ANN401  out and without, as they are passed on
) -> SampleDrawn:
    """Draw a sample to a file of its own."""
    settings = settings or settings_for(folder)
    out = files.pop("out", folder / "out.csv")
    asked = SampleRequest(size, seed, None if source is None else str(source), dates, out, **files)
    return draw_sample(build(workload, settings), settings, asked)


def in_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file as other programs do."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def dated(folder: Path) -> Path:
    """Make an input of three dates, ten texts each."""
    rows = [{**row, "created_at": f"2026-11-0{1 + n // 10}"} for n, row in enumerate(numbered(30))]
    return write_rows(folder / "dated.parquet", rows)
