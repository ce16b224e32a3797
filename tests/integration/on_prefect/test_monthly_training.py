"""The flow `evaluation` trains what is due after the monthly evaluation, and after no other."""

from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.evaluation import build
from models.economics.training_proposal import Proposal
from models.errors import UsageError
from tests.evaluations import usual
from tests.integration.training.harness import write_labels
from tests.ledgers import new_sqlite


def test_only_the_evaluation_of_all_workloads_trains(
    tmp_path: Path, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were evaluated are looked at, after it, though it failed; a workload that somebody names is evaluated alone."""
    monkeypatch.setenv("PREFECT_API_URL", str(api.api_url))
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", new_sqlite(tmp_path / "ledger.db"))
    monkeypatch.setenv("BREAKEVEN_OUTPUT_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__LABELLED_FILE", str(write_labels(tmp_path)))
    done: list[str] = []

    def train(names: object, *_: object) -> list[Proposal]:
        done.append(f"training {names}")
        return [Proposal("sentiment", "classifier-1a2b3c4d", "first", of=12)]

    def evaluate(*_: object) -> object:
        done.append("evaluation")
        if len(done) > 3:
            msg = "the model is gone"
            raise UsageError(msg)
        return usual()

    flow = build(evaluate, train)  # type: ignore[arg-type]  # it looks at nothing that it is given
    flow()
    assert done == ["evaluation", "training ['sentiment']"]
    flow(workloads=["sentiment"])
    assert done[2:] == ["evaluation"]
    with pytest.raises(UsageError, match="the model is gone"):
        flow()
    assert done[3:] == ["evaluation", "training ['sentiment']"]
