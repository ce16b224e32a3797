"""What tests of labelled records need: files of three formats, and the settings and workloads to read them with."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from models.settings import Settings
from models.workloads import build
from tasks.labelling.labelled_file import LabelledFile, read_labelled

SENTIMENT = ("negative", "neutral", "positive")
Rows = Sequence[Mapping[str, object]]


def settings_for(folder: Path, **workloads: Mapping[str, object]) -> Settings:
    """Make settings with a ledger in a folder, and some of workloads."""
    url = SecretStr(f"sqlite:///{folder / 'ledger.db'}")
    return Settings.model_validate({"database_url": url, "workloads": workloads})


def write_rows(path: Path, rows: Rows) -> Path:
    """Write rows as the name says; what is None is an empty field of a CSV file."""
    match path.suffix:
        case ".parquet":
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case _:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def given(*pairs: tuple[str | None, object]) -> Rows:
    """Make rows of texts and labels, with ids."""
    return [{"id": f"r{n}", "text": text, "label": label} for n, (text, label) in enumerate(pairs, start=1)]


def read(
    path: Path | str,
    settings: Settings | None = None,
    *,
    workload: str = "sentiment",
    labels: tuple[str, ...] | None = None,
    column: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> LabelledFile:
    """Read labelled records for a workload; `labels` are those of a classification."""
    if labels is not None:
        workload, settings = (
            "classification",
            settings_for(Path(path).parent, classification={"labels": labels}),
        )
    settings = settings or settings_for(Path(path).parent)
    return read_labelled(
        path,
        workload=build(workload, settings),
        label_column=column,
        limit=limit,
        seed=seed,
    )
