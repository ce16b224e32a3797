"""A training that is killed with -9: its time is on the ledger, its folder stays, and the next one closes its run."""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from models.settings import Settings
from tests.integration.pipeline.books import findings, table
from tests.integration.pipeline.runner import PROJECT
from tests.integration.training.harness import training, write_labels
from tests.trainers import FakeTrainers, Stop


def start(settings: Settings, labels: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start an endless training over the same ledger and folder."""
    values = settings.model_dump(mode="json") | {"database_url": settings.database_url.get_secret_value()}
    path = folder / "settings.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "tests.integration.training.endless", str(path), str(labels)]
    return subprocess.Popen(command, cwd=PROJECT)


def test_a_killed_training_is_closed_by_the_next_one(settings: Settings, tmp_path: Path) -> None:
    """Also by one of another day: the lease goes over at once, what it took is known, and an adapter's checkpoint is there."""
    labels = write_labels(tmp_path)
    child = start(settings, labels, tmp_path)
    try:
        while not (runs := table(settings, "runs")) or not runs[0].gpu_cost_nano:
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    seen: list[bool] = []

    def look(_stop: Stop) -> None:
        (folder,) = (settings.output_dir / "trained" / "sentiment").iterdir()
        seen.append((folder / "checkpoint").exists())

    found = training(settings, labels, FakeTrainers(look), kind="adapter", today=date(2026, 11, 21))
    killed, ended = sorted(table(settings, "runs"), key=lambda run: run.started_at)
    assert (killed.state, ended.state) == ("interrupted", "completed")
    assert killed.unallocated_nano == killed.gpu_cost_nano > 0
    assert seen == [True]
    assert ended.id == found.run_id
    versions = {version.state for version in table(settings, "partition_versions")}
    assert versions == {"abandoned", "published"}
    assert findings(settings) == []
