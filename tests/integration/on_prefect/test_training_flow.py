"""The flow `training` on a server: its name, its run in the ledger, and what Prefect keeps of it."""

from functools import partial
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.training import build
from models.settings import Settings
from models.training.trained import TrainedModel
from tasks.training.train import train
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import CACHE
from tests.integration.training.harness import write_labels
from tests.trainers import FakeTrainers


def test_a_training_is_a_flow_run_and_prefect_sees_no_text(
    tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is named by what is trained, the ledger's run knows it, and the artifact holds figures alone."""
    monkeypatch.setenv("PREFECT_API_URL", str(api.api_url))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(CACHE))
    labels = write_labels(tmp_path)
    found = build(partial(train, trainers=FakeTrainers().trainers()))("sentiment", labels=str(labels))
    assert isinstance(found, TrainedModel)
    (run,) = table(Settings(), "runs")
    assert api.read_flow_run(run.flow_run_id).name == "training sentiment classifier"
    kept = [one for one in api.read_artifacts() if str(one.flow_run_id) == run.flow_run_id]
    assert [one.key for one in kept] == ["training-sentiment"]
    assert "held-out texts" in str(kept[0].data)
    assert "message number" not in "".join(one.model_dump_json() for one in kept)
