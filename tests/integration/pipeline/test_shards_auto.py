"""`shards = "auto"` cuts a partition where earlier runs say that it pays, and says in a line what it decided; what another cut leaves (docs/shards.md)."""

import logging
import re
from pathlib import Path

import pytest
from sqlalchemy import update

from db.tables import LeaseRow, RunRow
from models.errors import BreakevenError
from models.settings import Settings
from models.settings.workload import WorkloadSettings
from tasks.planning.workers import workers_counted_by
from tests.integration.pipeline.books import check_books, ledger
from tests.integration.pipeline.harness import good_rows, published, run, settings_for, write_records
from tests.integration.pipeline.test_shards import failing
from tests.ledgers import new_sqlite


def take_times(settings: Settings, times: int) -> None:
    """Let the runs that the ledger knows have taken so many times as long."""
    with ledger(settings) as session:
        session.execute(update(RunRow).values(busy_ns=RunRow.busy_ns * times))


def test_auto(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is cut where earlier runs say that it pays, goes on as it was begun, and each time a line says why; nothing is warned of."""
    caplog.set_level(logging.INFO, "tasks.planning.shards")
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    settings = settings.model_copy(update={"workloads": {"sentiment": WorkloadSettings(shards="auto")}})
    source = write_records(tmp_path / "in.jsonl", good_rows(200))
    with workers_counted_by(lambda: 4):
        run(settings, source)
        run(settings, source, rerun=True)
        take_times(settings, 1_000_000)
        with pytest.raises(BreakevenError, match="failed 3 times in a row"):
            run(settings, source, failing(60, 0), rerun=True)
    run(settings, source, rerun=True)
    run(settings, source, rerun=True)
    run(settings.model_copy(update={"executor": "ray"}), source, rerun=True)
    with workers_counted_by(lambda: 4):
        run(settings, source, refresh=True, shards="auto")
        run(settings, source, refresh=True)
    said = [one for one in caplog.records if one.name == "tasks.planning.shards"]
    patterns = [
        "not cut: no earlier run of sentiment tells how long it takes",
        "not cut: it is too small",
        r"cut into 16 shards: 4 workers .* and \$.*, one worker .* and \$",
        "goes on in 16 shards, as it was begun",
        "not cut: no other worker is there",
        "not cut: how many a Ray cluster can answer at once is not known before: set gpu_workers",
        "is not cut into shards: a refresh",
    ]
    for one, pattern in zip(said, patterns, strict=True):
        assert re.search(pattern, one.message)
    assert [one.levelname for one in said] == ["INFO"] * 6 + ["WARNING"]
    assert published(settings).height == 200


def test_a_lease_on_a_shard_of_another_cut_is_taken_back(tmp_path: Path) -> None:
    """Its process was killed before anything was committed; nobody ever takes shards of that cut again."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    source = write_records(tmp_path / "in.jsonl", good_rows(40))
    with pytest.raises(BreakevenError, match="failed 3 times in a row"):
        run(settings, source, failing(0), shards=3)
    with ledger(settings) as session:
        session.execute(update(LeaseRow).where(LeaseRow.workload.contains("of 3")).values(owner="gone"))
    run(settings, source, shards=2)
    check_books(settings)
