"""`breakeven train` and `trained`, and the flow `training`, with stand-ins for what trains."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from prefect import State
from prefect.logging import disable_run_logger

import cli
from commands.train_now import train_and_print
from flows.training import build
from models.errors import PartitionLocked, UsageError
from models.settings import Settings
from models.training.trained import TrainedModel
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tasks.training.request import TrainingRequest
from tasks.training.train import train
from tests.faulty_api import FaultyApi
from tests.integration.pipeline.books import findings, table
from tests.integration.pipeline.harness import DAY, no_engine, write_records
from tests.integration.training.harness import write_labels
from tests.run_command import run_command
from tests.trainers import FakeTrainers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder of one's own, with a ledger and an output folder there and labels in a file."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(Path(cli.__file__).parent / ".cache"))
    write_labels(tmp_path)
    return tmp_path


def with_fakes(ask: TrainingRequest, say: Callable[[str], None]) -> TrainedModel:
    """Train as the command does, with stand-ins."""
    return train(ask, Settings(), say, trainers=FakeTrainers().trainers())


def test_from_a_file_of_labels_to_a_model_in_force_and_back(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says what it trains on and how good it is, the ledger has its money, and each further command says the next."""
    ask = TrainingRequest("sentiment", labels="labelled.jsonl")
    assert train_and_print(ask, with_fakes) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "texts to train on" in said.err
    assert "fitting the head" in said.err
    assert "right on 0." in said.err
    (row,) = table(Settings(), "trained_models")
    name = f"classifier-{row.id.hex[-8:]}"
    assert f"`breakeven trained use sentiment {name}` puts it in force" in said.err
    assert run_command("trained", "use", "sentiment", name) == 0
    assert "is in force; `breakeven trained retire sentiment`" in capsys.readouterr().err
    assert run_command("trained", "list", "--format", "csv") == 0
    assert "in_force" in capsys.readouterr().out
    assert run_command("trained", "retire", "sentiment") == 0
    assert "retired" in capsys.readouterr().err
    assert (
        run_command("ledger", "summary", "--purpose", "training", "--by", "purpose,model", "--format", "csv")
        == 0
    )
    assert name in capsys.readouterr().out
    assert run_command("ledger", "check") == 0
    assert "everything adds up" in capsys.readouterr().out
    assert (home / "out" / "trained" / "sentiment" / name).is_dir()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sentimnt",), "unknown workload 'sentimnt'; did you mean sentiment"),
        (("enrichment",), "enrichment answers object: train an adapter"),
        (("sentiment", "--labels", "nothing.csv"), "nothing.csv does not exist"),
        (("sentiment",), "there is nothing to train sentiment on: give --labels FILE"),
        (("sentiment", "--kind", "adapter", "--minutes", "0"), "minutes"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With code 2, before a ledger is made."""
    assert run_command("train", *arguments) == 2
    said = capsys.readouterr()
    error = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert says in error[0]
    assert not Path("breakeven.db").exists()


@pytest.mark.usefixtures("home")
def test_nobody_is_asked_for_consent_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the option; what there is to consent to comes from what is published."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__INPUT", "in.jsonl")
    write_records(Path("in.jsonl"), [{"id": f"r{n}", "text": f"message number {n}"} for n in range(30)])
    given = {"MODE": "sync", "KEY": "sk-test", "MODEL": "gpt-5.4-nano"}
    with FaultyApi() as api:
        for name, value in {
            **given,
            "BASE_URL": api.url,
            "INPUT_USD_PER_MTOK": "1",
            "OUTPUT_USD_PER_MTOK": "1",
        }.items():
            monkeypatch.setenv(f"BREAKEVEN_API_{name}", value)
        settings = Settings()
        with shared_engine(settings, no_engine):
            run_request(RunRequest("sentiment", DAY, engine="openai"), settings)
    ask = TrainingRequest("sentiment", teacher="api")
    with pytest.raises(UsageError, match="add --yes if they do"):
        train_and_print(ask, with_fakes)
    assert train_and_print(TrainingRequest("sentiment", teacher="api", consent=True), with_fakes) == 0
    assert train_and_print(ask, with_fakes) == 0
    assert findings(settings) == []


@pytest.mark.usefixtures("home")
def test_the_flow_trains_and_a_failure_is_its_message() -> None:
    """An expected failure is the state's one line, without a traceback."""

    def locked(*_: object) -> TrainedModel:
        msg = "sentiment is being trained already"
        raise PartitionLocked(msg)

    flow = build(partial(train, trainers=FakeTrainers().trainers()))
    with disable_run_logger():
        state = build(locked).fn("sentiment")
    assert isinstance(state, State)
    assert (state.is_failed(), state.message) == (True, "sentiment is being trained already")
    assert set(flow.parameters.properties) == set(TrainingRequest.__slots__)
