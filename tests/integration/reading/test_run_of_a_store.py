"""A whole run over folders of dates: the same from a local folder and from an object store."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.harness import DAY, WORKLOAD, no_engine, published, settings_for
from tests.integration.reading.conftest import Bucket, Folder
from tests.integration.reading.test_stores import content
from tests.ledgers import new_sqlite


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a ledger and an output folder of the test's own."""
    return settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))


def test_a_day_of_a_store_is_run_once(
    shelf: Bucket | Folder, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Each record of the day is published once, what was left out is said once, and the next run has nothing to do."""
    caplog.set_level(logging.WARNING)
    shelf.put(f"in/dt={DAY}/hour=00/part-0.csv", content("csv", *map(str, range(30)), day=None))
    shelf.put(f"in/dt={DAY}/hour=13/part-0.csv", content("csv", *map(str, range(30, 50)), day=None))
    shelf.put(f"in/dt={DAY}/hour=13/part-1.csv", b"")
    shelf.put(f"in/dt={DAY}/_temporary/0/part-0.csv", content("csv", "half written", day=None))
    shelf.put(f"in/dt={DAY + timedelta(1)}/part-0.csv", content("csv", "of the next day", day=None))
    request = RunRequest(WORKLOAD, DAY, f"{shelf.url}/in")
    with shared_engine(settings, lambda _: ScriptedEngine()):
        assert run_request(request, settings).state == "completed"
    assert sorted(published(settings).get_column("record_key"), key=int) == [
        str(number) for number in range(50)
    ]
    assert [line for line in caplog.messages if "_temporary/" in line] == [
        f"{shelf.url}/in: left out _temporary/ (names that begin with . or _ are no data)"
    ]
    with shared_engine(settings, no_engine):
        assert run_request(request, settings).state == "skipped"
        day_before = RunRequest(WORKLOAD, DAY - timedelta(1), f"{shelf.url}/in")
        assert run_request(day_before, settings).state == "empty"
    assert caplog.messages[-1].endswith("it holds 2 dates, 2026-11-01 to 2026-11-02")
