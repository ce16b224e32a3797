"""One night on the real engine: a workload with a model of its own, one with an adapter, one with neither."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.default_model import MODEL_NAME, model_dir
from models.settings import Settings
from tests.adapters import make_adapter
from tests.integration.engine.conftest import PROJECT
from tests.integration.engine.test_adapter import answers
from tests.integration.evaluation.evaluating import MESSAGES
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import settings_for, write_records
from tests.ledgers import new_sqlite

pytestmark = pytest.mark.engine

ROWS: list[dict[str, object]] = [
    {"id": f"m{number}", "text": text} for number, (text, _) in enumerate(MESSAGES)
]
PRODUCT: dict[str, object] = {"id": "p", "name": "Shirt", "description": "Red cotton, size M, 20 dollars."}
SETTINGS = """
database_url = "{url}"
output_dir = "{out}"
cache_dir = "{cache}"
gpu_usd_per_hour = "1.006"
cpu_kv_cache_gib = 1
max_model_len = 1024
max_num_seqs = 8
speculation = true

[workloads.classification]
input = "in.jsonl"
labels = ["thanks", "complaint", "question"]
lora_adapter = "random"

[workloads.enrichment]
input = "products.jsonl"
model = "own-model"

[workloads.sentiment]
input = "in.jsonl"
"""
NIGHT = """
from datetime import date
from commands.run_inline import run_night
from flows.environment import read_settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine

day, settings = date(2026, 11, 1), read_settings()
plain = settings.workloads["classification"].model_copy(update={"lora_adapter": None})
without = settings.model_copy(update={"workloads": settings.workloads | {"classification": plain}})
with shared_engine(settings):
    run_night(day, 1, ["enrichment", "classification", "sentiment"])
    run_request(RunRequest("classification", day, rerun=True), without)
"""


def write_night(folder: Path) -> Settings:
    """Write the settings of a night, its inputs, an adapter, and a model that is the default one under another name."""
    url = new_sqlite(folder / "ledger.db")
    (folder / "own-model").mkdir()
    for file in model_dir(PROJECT / ".cache").iterdir():
        (folder / "own-model" / file.name).symlink_to(file)
    make_adapter(folder / "random")
    write_records(folder / "in.jsonl", [*ROWS])
    write_records(folder / "products.jsonl", [PRODUCT])
    text = SETTINGS.format(url=url, out=folder / "out", cache=PROJECT / ".cache")
    (folder / "breakeven.toml").write_text(text, encoding="utf-8")
    return settings_for(folder, url)


def run_in_a_process(folder: Path) -> None:
    """Run the night where nothing else has loaded an engine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", NIGHT],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(600)
def test_each_model_of_a_night_is_loaded_once(tmp_path: Path) -> None:
    """Three workloads and two loads in the ledger, though a fourth run follows: an adapter shares its base's load.

    With the adapter the workload answers otherwise than without, on the very same load, which speculates as well.
    """
    settings = write_night(tmp_path)
    run_in_a_process(tmp_path)
    names = {row.id: row.name for row in table(settings, "models")}
    runs = sorted(table(settings, "runs"), key=lambda row: row.started_at)
    assert [(run.workload, names[run.model_id], run.load_ns > 0) for run in runs] == [
        ("enrichment", "own-model", True),
        ("classification", f"{MODEL_NAME}+random", True),
        ("sentiment", MODEL_NAME, False),
        ("classification", MODEL_NAME, False),
    ]
    adapted, base = (answers(settings, runs[place]) for place in (1, 3))
    assert adapted.keys() == base.keys() == {str(row["id"]) for row in ROWS}
    assert adapted != base
    check_sums(settings)
    assert findings(settings) == []
