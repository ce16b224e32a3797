"""The demo's last step: a classifier that is really trained on a bundled sample, and its line in the month's report."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.demo import TRAINED, report, train_samples
from db import trained
from flows.environment import read_settings
from tasks.display.messages import message_console
from tests.integration.pipeline.books import findings, ledger
from tests.integration.pipeline.harness import CACHE
from tests.ledgers import new_sqlite


@pytest.mark.long
def test_the_demo_trains_a_candidate_and_the_report_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is asked anything; it is measured on texts that it has not seen, and not put in force."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", new_sqlite(tmp_path / "ledger.db"))
    monkeypatch.setenv("BREAKEVEN_OUTPUT_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(CACHE))
    console, settings = message_console(), read_settings()
    assert train_samples(console) == 0
    with ledger(settings) as session:
        (model,) = trained.list_trained(session)
    assert (model.workload, model.kind, model.state) == (TRAINED, "classifier", "candidate")
    assert model.examples > model.holdout > 0
    assert findings(settings) == []
    assert report(settings, console) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{model.name} of {TRAINED} was trained for $" in shown
    assert f"on {datetime.now(UTC).day} " in shown
    assert "it has served nothing yet" in shown
