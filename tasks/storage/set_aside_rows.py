"""How many rows of registered parts are done, and which were set aside: read before they are published."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from models.errors import OutputError
from tasks.storage.part_files import read_part

_COLUMNS = ["reason", "field", "escalation"]


@dataclass(slots=True)
class SetAsideRows:
    """Rows of parts: those that are done, and those among them that were set aside, by reason and field."""

    rows: int = 0
    aside: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    @property
    def reasons(self) -> Counter[str]:
        """Those that were set aside, by reason."""
        found: Counter[str] = Counter()
        for (reason, _), count in self.aside.items():
            found[reason] += count
        return found


def count_set_aside(parts: Iterable[Path]) -> SetAsideRows:
    """Count the rows of parts; only those that hold one that was set aside are opened. Raises `OutputError`."""
    found = SetAsideRows()
    for path in parts:
        try:
            about = pl.read_parquet_metadata(path)
            aside = int(about["quarantined"])
            found.rows += int(about["records"]) + aside
            if aside:
                _add(found, path)
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
            msg = f"cannot read the part file {path}: {str(error).splitlines()[0]}; nothing was published"
            raise OutputError(msg) from error
    return found


def _add(found: SetAsideRows, path: Path) -> None:
    frame = read_part(path, _COLUMNS)
    rows = frame.filter(pl.col("reason").is_not_null() & pl.col("escalation").is_null())
    for reason, column, count in rows.group_by("reason", "field").len().iter_rows():
        found.aside[reason, column] += count
