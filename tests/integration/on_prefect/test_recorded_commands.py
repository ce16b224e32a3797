"""Where a Prefect API is set up, what a command runs is a flow run there; where none is, it leaves no trace of Prefect."""

from datetime import date
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter

from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.backfill.harness import days_of, write_days
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import CACHE
from tests.run_command import run_command

RANGE = ("--from", "2026-11-01", "--to", "2026-11-02")


def command(*arguments: str) -> int:
    """Run the command in this process with the scripted engine; return its exit code."""
    with shared_engine(Settings(), lambda _: ScriptedEngine()):
        return run_command(*arguments)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_command_is_a_flow_run_if_an_api_is_set_up(
    *, recorded: bool, tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run and a backfill of what is left: named by their partitions, and the ledger's runs know their flow runs."""
    if recorded:
        monkeypatch.setenv("PREFECT_API_URL", str(api.api_url))
    else:
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(CACHE))
    source = str(write_days(tmp_path / "in.jsonl", days_of(3, 3)))
    before = {run.id for run in api.read_flow_runs()}
    assert command("run", "sentiment", "--input", source, "--date", "2026-11-01") == 0
    assert command("backfill", "sentiment", "--input", source, *RANGE, "--yes") == 0

    runs = [run for run in api.read_flow_runs(flow_run_filter=FlowRunFilter()) if run.id not in before]
    settings = Settings()
    known = {row.partition: row.flow_run_id for row in table(settings, "runs")}
    assert set(known) == {date(2026, 11, 1), date(2026, 11, 2)}
    if not recorded:
        assert (runs, set(known.values())) == ([], {None})
        return
    names = {str(run.id): run.name for run in runs}
    assert sorted(names.values()) == [
        "backfill sentiment 2026-11-01..2026-11-02",
        "sentiment 2026-11-01",
        "sentiment 2026-11-02",
    ]
    assert {str(day): names[str(flow_run)] for day, flow_run in known.items()} == {
        "2026-11-01": "sentiment 2026-11-01",
        "2026-11-02": "sentiment 2026-11-02",
    }
