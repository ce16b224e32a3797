"""The flow `collect_batches` on a real Prefect server, over real batches, and the command that runs it."""

from pathlib import Path
from typing import cast

import pytest
from prefect import State
from prefect.client.orchestration import SyncPrefectClient

from commands.terminal import collect_and_print
from flows import collect as collecting
from models.errors import BreakevenError
from models.settings import Settings
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import batch_settings, start, steps, texts_of
from tests.integration.hybrid.harness import KEY
from tests.integration.on_prefect.test_flow_runs import artifacts_of
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import WORKLOAD, target


def collected(api: SyncPrefectClient) -> tuple[State[object], str]:
    """Run the flow; return its final state and its table."""
    state = cast("State[object]", collecting.collect_batches(return_state=True))
    flow_run = state.state_details.flow_run_id
    assert flow_run is not None
    shown = artifacts_of(flow_run, api).get("collect-cost")
    return state, str(shown.data) if shown is not None else ""


def test_the_flow_collects_what_is_ready(
    tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """While answers are out it completes and says what waits; later it publishes. The command does the same."""
    monkeypatch.setenv("PREFECT_API_URL", str(api.api_url))
    with BatchApi(Rules(), key=KEY) as batches:
        settings = batch_settings(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", batches.url)
        monkeypatch.setattr(collecting, "read_settings", lambda: settings)
        start(settings, texts_of(6, 4))
        assert collect_and_print() == 0
        assert f"{WORKLOAD} 2026-11-01 is not published yet: 6 batch" in capfd.readouterr().err
        state, shown = collected(api)
        assert state.is_completed()
        assert '"waiting": "6 batch"' in shown
        steps(batches)
        state, shown = collected(api)
        assert state.is_completed()
        assert '"state": "completed"' in shown
        assert '"by API": "6"' in shown
        capfd.readouterr()
        assert collect_and_print() == 0
        assert "nothing waits" in capfd.readouterr().err
    assert (target(settings) / "records.parquet").exists()
    check_books(settings)


def test_a_partition_that_fails_fails_the_flow_by_name(
    tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its one line says which, and why; its caller gets it as an error."""
    with BatchApi(Rules(), key="another key") as batches:
        settings = batch_settings(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", batches.url)
        monkeypatch.setattr(collecting, "read_settings", lambda: settings)
        batches.key = KEY
        start(settings, texts_of(3))
        batches.key = "another key"
        state, shown = collected(api)
        assert state.is_failed()
        assert (state.message or "").startswith(f"1 of 1 runs failed: {WORKLOAD} 2026-11-01 (")
        assert "BREAKEVEN_API_KEY" in (state.message or "")
        assert '"state": "failed"' in shown
        with pytest.raises(BreakevenError, match="1 of 1 runs failed"):
            collecting.collect_batches()


def test_a_missing_ledger_is_one_clear_line(
    tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made on the way."""
    settings = Settings.model_validate({"database_url": f"sqlite:///{tmp_path / 'none.db'}"})
    monkeypatch.setattr(collecting, "read_settings", lambda: settings)
    state, _ = collected(api)
    assert state.is_failed()
    assert "\n" not in (state.message or "")
    assert list(tmp_path.iterdir()) == []
