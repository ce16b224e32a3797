"""Which records the small model answered rightly, as evaluations found: keys that are made of texts, and no text, beside their answers.

An evaluation that comes later may take other records of the file, and replaces the answers of its month; what it said of a record stays here, for training triage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.errors import OutputError
from tasks.runtime.atomic_files import replace_file
from tasks.storage.output_folders import evaluations_folder

_SCHEMA = {"model": pl.String, "prompt": pl.String, "key": pl.String, "right": pl.Boolean}
_OWN = ["model", "prompt", "key"]


@dataclass(frozen=True, slots=True)
class SmallMarks:
    """The file of a workload. A mark belongs to a model, by its name, and to the fingerprint of a prompt."""

    path: Path

    @classmethod
    def of(cls, output_dir: Path, workload: str) -> "SmallMarks":
        """Name the file, which need not be there."""
        return cls(evaluations_folder(output_dir, workload) / "small-marks.parquet")

    def add(self, model: str, prompt: str, right: Mapping[str, bool]) -> None:
        """Write which records were answered rightly, by key, over what was said of the same ones before. Raises `OutputError`."""
        new = pl.DataFrame(
            [(model, prompt, key, ok) for key, ok in right.items()], schema=_SCHEMA, orient="row"
        )
        every = pl.concat([self._read(), new]).unique(_OWN, keep="last").sort(_OWN)
        with replace_file(self.path) as half:
            every.write_parquet(half)

    def read(self, model: str, prompt: str) -> dict[str, bool]:
        """Return what is known of a model under a prompt, by key; nothing where no evaluation was. Raises `OutputError`."""
        own = self._read().filter((pl.col("model") == model) & (pl.col("prompt") == prompt))
        return dict(own.select("key", "right").iter_rows())

    def _read(self) -> pl.DataFrame:
        if not self.path.exists():
            return pl.DataFrame(schema=_SCHEMA)
        try:
            return pl.read_parquet(self.path).select(list(_SCHEMA)).cast(_SCHEMA)  # type: ignore[arg-type]  # kinds of polars
        except (OSError, pl.exceptions.PolarsError) as error:
            msg = f"{self.path}, which says what the small model answered rightly, cannot be read: delete it, and evaluate again"
            raise OutputError(msg) from error
