"""Several models in one flow run: one in memory at a time, each loaded once, and the ledger says how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from commands.run_inline import run_night
from models.default_model import model_name
from models.engines.base import LocalEngine
from models.errors import UsageError
from models.settings import EngineSettings, Settings
from models.settings.check import load
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import DAY, good_rows, published, settings_for, write_records
from tests.ledgers import new_sqlite

LABELS = ["billing", "other"]
DAYS = (DAY, date(2026, 11, 2))
NIGHT = """
model = "org/general"
gpu_usd_per_hour = "1.006"

[workloads.classification]
model = "org/own"
labels = ["billing", "other"]
input = "night"

[workloads.sentiment]
input = "night"
"""


@dataclass
class Loads:
    """Loads scripted engines; sees that no two are open at a time."""

    engines: list[ScriptedEngine] = field(default_factory=list)

    def __call__(self, settings: Settings) -> LocalEngine:
        """Load one."""
        assert all(engine.closed for engine in self.engines)
        self.engines.append(ScriptedEngine(model=model_name(settings), load_seconds=0.01))
        return self.engines[-1]

    @property
    def models(self) -> list[str]:
        """What was loaded, in this order."""
        return [engine.model for engine in self.engines]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make settings of two workloads, one of them with a model of its own, in a new ledger."""
    source = str(write_records(tmp_path / "in.jsonl", good_rows(30)))
    workloads = {
        "classification": {"input": source, "labels": LABELS, "model": "org/own"},
        "sentiment": {"input": source},
    }
    return settings_for(
        tmp_path, new_sqlite(tmp_path / "ledger.db"), workloads=workloads, model="org/general"
    )


def run(settings: Settings, *names: str) -> None:
    """Run a partition of each workload."""
    for name in names:
        run_request(RunRequest(name, DAY), settings)


def models_of_runs(settings: Settings) -> list[tuple[str, str, bool]]:
    """Return workload and model of each run, and whether it loaded."""
    names = {row.id: row.name for row in table(settings, "models")}
    runs = sorted(table(settings, "runs"), key=lambda row: row.started_at)
    return [(row.workload, names[row.model_id], row.load_ns > 0) for row in runs]


def test_another_model_takes_the_place_of_the_loaded_one(settings: Settings) -> None:
    """The first is closed before the second is loaded; lines, runs and published rows name the model of each."""
    loads = Loads()
    with shared_engine(settings, loads):
        run(settings, "sentiment", "classification")
        assert [engine.closed for engine in loads.engines] == [True, False]
    assert all(engine.closed for engine in loads.engines)
    assert models_of_runs(settings) == [
        ("sentiment", "org/general", True),
        ("classification", "org/own", True),
    ]
    assert set(published(settings, "classification")["model"]) == {"org/own"}
    assert set(published(settings, "sentiment")["model"]) == {"org/general"}
    check_sums(settings)
    assert findings(settings) == []


def test_the_same_model_is_not_loaded_again(settings: Settings) -> None:
    """Runs of one model share its load, and the first of them alone carries it."""
    loads = Loads()
    with shared_engine(settings, loads):
        run(settings, "sentiment")
        run_request(RunRequest("sentiment", DAY, rerun=True), settings)
    assert loads.models == ["org/general"]
    assert [loaded for _, _, loaded in models_of_runs(settings)] == [True, False]


def test_time_between_two_models_is_booked(settings: Settings) -> None:
    """What an engine waited before it was closed is carried by the run that needed another: nothing is lost (I10)."""
    loads = Loads()
    with shared_engine(settings, loads):
        run(settings, "sentiment", "classification")
    held = sum(engine.held.total_ns for engine in loads.engines)
    runs = table(settings, "runs")
    assert held == sum(run.load_ns + run.busy_ns + run.idle_ns for run in runs)


def test_a_model_of_ones_own_is_another_partition(settings: Settings) -> None:
    """Published by the general model, a partition is not taken for what the workload's own would answer."""
    general = settings.model_copy(
        update={
            "workloads": settings.workloads
            | {"classification": settings.workloads["classification"].model_copy(update={"model": None})}
        }
    )
    with shared_engine(settings, Loads()):
        run(general, "classification")
        run(general, "classification")
        with pytest.raises(UsageError, match="already published with other settings"):
            run(settings, "classification")
        run_request(RunRequest("classification", DAY, rerun=True), settings)
    assert [model for _, model, _ in models_of_runs(settings)] == ["org/general", "org/own"]


def test_further_arguments_of_the_engine_are_in_the_ledger(settings: Settings) -> None:
    """Each run names them; those that can change answers make another partition, those of speed do not."""
    fast, other = ({"max_num_batched_tokens": 512}, {"kv_cache_dtype": "fp8"})
    with shared_engine(settings, Loads()):
        run(with_arguments(settings, fast), "sentiment")
        run(settings, "sentiment")  # published already
        with pytest.raises(UsageError, match="already published with other settings"):
            run(with_arguments(settings, other), "sentiment")
        run(settings, "classification")
    found = {row.workload: row.engine_arguments for row in table(settings, "runs")}
    assert found == {"sentiment": '{"max_num_batched_tokens": 512}', "classification": None}


def with_arguments(settings: Settings, arguments: Mapping[str, object]) -> Settings:
    """Return the settings with a table `[engine]`."""
    return settings.model_copy(update={"engine": EngineSettings.model_validate(arguments)})


def test_a_night_loads_each_model_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over two partitions of both workloads there are two loads, and as many runs with load time in the ledger."""
    night = tmp_path / "night"
    for day in DAYS:
        (night / f"date={day}").mkdir(parents=True)
        write_records(night / f"date={day}" / "in.jsonl", good_rows(5))
    (tmp_path / "breakeven.toml").write_text(NIGHT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(settings.cache_dir))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    loads, asked = Loads(), load()
    with shared_engine(asked, loads):
        results = run_night(DAYS[-1], len(DAYS), ["classification", "sentiment"])
    assert [(one.workload, one.partition) for one in results] == [
        (name, day) for name in ("classification", "sentiment") for day in DAYS
    ]
    assert loads.models == ["org/own", "org/general"]
    assert [loaded for _, _, loaded in models_of_runs(asked)] == [True, False, True, False]
