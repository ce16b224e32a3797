"""What every pipeline test needs: an input, a run of it, and what it left on disk."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import polars as pl
from pydantic import SecretStr

from models.engines.base import LocalEngine
from models.run import RunResult
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.classifiers import load_scripted
from tests.fakes import ScriptedEngine

DAY = date(2026, 11, 1)
WORKLOAD = "sentiment"
CACHE = Path(__file__).resolve().parents[3] / ".cache"


def settings_for(folder: Path, database_url: str, **more: object) -> Settings:
    """Make the settings of a test: its own database and output folder, small commits."""
    values: dict[str, object] = {
        "database_url": SecretStr(database_url),
        "output_dir": folder / "out",
        "cache_dir": CACHE,
        "commit_records": 20,
        "database_patience_seconds": 30.0,
        "gpu_usd_per_hour": "1.006",
    }
    return Settings.model_validate(values | more)


def any_share(settings: Settings) -> Settings:
    """Let any share of the records be set aside."""
    return settings.model_copy(update={"max_quarantined_share": 1.0})


def write_records(path: Path, rows: list[object]) -> Path:
    """Write rows as JSON lines; a row that is bytes goes in as it is."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def good_rows(count: int, text: Callable[[int], str] = "message number {}".format) -> list[object]:
    """Make rows that are all fine."""
    return [{"id": f"r{number}", "text": text(number)} for number in range(count)]


def mixed_rows(count: int, seed: int) -> list[object]:
    """Make rows as they come in life: repeated ids, identical texts, and one in twelve that is bad."""
    random = Random(seed)
    rows: list[object] = []
    for number in range(count):
        id_ = f"r{random.randrange(number + 1) if random.random() < 0.1 else number}"
        text = f"message number {random.randrange(count // 2) if random.random() < 0.4 else number}"
        bad: list[object] = [
            b"{broken",
            {"id": id_, "text": None},
            {"id": id_, "text": "   "},
            {"id": id_, "text": 7},
            {"id": None, "text": text},
        ]
        rows.append(random.choice(bad) if random.random() < 1 / 12 else {"id": id_, "text": text})
    return rows


def run(
    settings: Settings,
    source: Path,
    engine: LocalEngine | Callable[[Settings], LocalEngine] | None = None,
    **options: bool | int | str,
) -> RunResult:
    """Run the partition in this process, with this engine (or the one that this function makes); a classifier in force is scripted."""
    chosen = engine or ScriptedEngine()
    factory = chosen if not hasattr(chosen, "stream") else lambda _: chosen
    with shared_engine(settings, factory, classifiers=load_scripted):  # type: ignore[arg-type]  # told apart one line above
        return run_request(RunRequest(WORKLOAD, DAY, str(source), **options), settings)  # type: ignore[arg-type]


def no_engine(_settings: Settings) -> LocalEngine:
    """Stand for an engine that must not be loaded."""
    msg = "the engine was loaded although nothing is left to infer"
    raise AssertionError(msg)


def target(settings: Settings, workload: str = WORKLOAD, day: date = DAY) -> Path:
    """Return the folder of the published partition."""
    return settings.output_dir / workload / f"date={day}"


def published(settings: Settings, workload: str = WORKLOAD, day: date = DAY) -> pl.DataFrame:
    """Read the published records."""
    return pl.read_parquet(target(settings, workload, day) / "records.parquet", hive_partitioning=False)


def quarantined(settings: Settings, workload: str = WORKLOAD, day: date = DAY) -> pl.DataFrame:
    """Read what was set aside; an empty frame where nothing was."""
    path = target(settings, workload, day) / "quarantine.parquet"
    if not path.exists():
        return pl.DataFrame(schema={"record_key": pl.String, "reason": pl.String})
    return pl.read_parquet(path, hive_partitioning=False)


def leftovers(settings: Settings) -> list[str]:
    """Return every file below the output folder that is not part of a published partition."""
    files = (path for path in settings.output_dir.rglob("*") if path.is_file())
    final = {"records.parquet", "quarantine.parquet"}
    return sorted(str(path) for path in files if path.name not in final)
