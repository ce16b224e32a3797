"""An adapter in force answers in the place of the plain model, under its own prompt and base alone; the ledger tells it."""

import shutil
from pathlib import Path

import pytest

from models.default_model import MODEL_NAME, model_name
from models.engines.base import LocalEngine
from models.engines.vllm.options import VllmOptions
from models.errors import UsageError
from models.settings import Settings, WorkloadSettings
from models.training.trained import trained_folder
from tasks.planning import adapter_in_force
from tasks.planning.adapter_in_force import expect_adapters, use_adapter
from tests.adapters_in_force import put_adapter_in_force
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import good_rows, published, run, settings_for, write_records
from tests.ledgers import new_sqlite
from tests.trained_models import retire

NAME = "sentiment"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make settings over a new ledger."""
    return settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))


def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine have a GPU."""
    monkeypatch.setattr(adapter_in_force, "gpu_name", lambda: "A10G")


def test_a_run_is_answered_by_the_merged_model(settings: Settings, tmp_path: Path) -> None:
    """The engine is loaded with it, rows and ledger name base and adapter; the plain model's rows are run again, and it is back once retired."""
    source = write_records(tmp_path / "in.jsonl", good_rows(9))
    loads: list[Settings] = []

    def load(given: Settings) -> LocalEngine:
        loads.append(given)
        return ScriptedEngine()

    assert run(settings, source, load).published == 9
    model = put_adapter_in_force(settings, NAME)
    folder = trained_folder(settings.output_dir, NAME, model.name)
    name = f"{MODEL_NAME}+{model.name}"
    with pytest.raises(UsageError, match="published with other settings"):
        run(settings, source, load)
    assert run(settings, source, load, rerun=True).published == 9
    assert set(published(settings)["model"]) == {name}
    assert loads[1].model == str(folder.absolute() / "merged")
    assert model_name(loads[1]) == name
    assert loads[1].for_workload(NAME).model == loads[1].model
    names = {row.id: row.name for row in table(settings, "models")}
    ran = sorted(
        (row for row in table(settings, "runs") if row.purpose == "production"),
        key=lambda row: row.started_at,
    )
    assert [names[row.model_id] for row in ran] == [MODEL_NAME, name]
    assert run(settings, source, load).state == "skipped"
    retire(settings, model)
    assert run(settings, source, load, rerun=True).published == 9
    assert set(published(settings)["model"]) == {MODEL_NAME}
    check_sums(settings)
    assert findings(settings) == []


def test_on_a_gpu_it_is_put_on_the_plain_model(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a LoRA adapter of the same name, beside those of other workloads on one load."""
    first, second = (put_adapter_in_force(settings, name) for name in (NAME, "classification"))
    on_gpu(monkeypatch)
    used = use_adapter(settings, NAME)
    assert used.model is None
    assert model_name(used) == f"{MODEL_NAME}+{first.name}"
    expected = expect_adapters(settings, [NAME, "classification", "enrichment"])
    options = VllmOptions.from_settings(
        used.model_copy(update={"workloads": expected.workloads}), on_cpu=False
    )
    folders = [
        trained_folder(settings.output_dir, one.workload, one.name).absolute() / "adapter"
        for one in (first, second)
    ]
    assert options.lora_adapter == folders[0]
    assert options.lora_adapters == tuple(sorted(folders))


def test_without_a_gpu_nothing_is_expected(settings: Settings) -> None:
    """Merged models are loads of their own."""
    put_adapter_in_force(settings, NAME)
    assert expect_adapters(settings, [NAME]) is settings


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt_fingerprint": "0" * 16}, "it belongs to another prompt (adapter "),
        ({"base": "org/other"}, f"it was trained on org/other, and the model is {MODEL_NAME} now"),
        ({"weights_digest": "f" * 16}, "holds other weights than were trained"),
    ],
)
def test_another_prompt_base_or_weights_are_refused(
    settings: Settings, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    """In one line that says what to do, before anything is begun."""
    model = put_adapter_in_force(settings, NAME, None, **changed)
    with pytest.raises(UsageError) as caught:
        run(settings, write_records(tmp_path / "in.jsonl", good_rows(2)))
    told = str(caught.value)
    assert said in told
    assert told.endswith(f"or go on without it: `breakeven trained retire {NAME} {model.name}`")
    assert "\n" not in told
    assert [row.purpose for row in table(settings, "runs")] == ["training"]


def test_weights_that_are_gone_are_refused(settings: Settings) -> None:
    """Not so where nothing is loaded: what waits for the API is collected all the same."""
    model = put_adapter_in_force(settings, NAME)
    shutil.rmtree(trained_folder(settings.output_dir, NAME, model.name))
    with pytest.raises(UsageError, match=r"merged is gone: train again"):
        use_adapter(settings, NAME)
    assert use_adapter(settings, NAME, loaded=False) == settings


def test_who_else_is_asked_is_left_alone(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Evaluations, other workloads, and a workload whose settings name an adapter, which is said."""
    put_adapter_in_force(settings, NAME)
    for purpose in ("evaluation_small", "evaluation_adapter", "evaluation_api"):
        assert use_adapter(settings, NAME, purpose) is settings
    assert use_adapter(settings, "enrichment") is settings
    own = WorkloadSettings.model_validate({"lora_adapter": "mine"})
    named = settings.model_copy(update={"workloads": {NAME: own}})
    assert use_adapter(named, NAME) == named.for_workload(NAME)
    assert "its settings name an adapter" in caplog.text
