"""A workload may name the model that answers it; what belongs to another model is not taken over."""

from pathlib import Path

import pytest

from models import workloads
from models.default_model import model_name
from models.errors import UsageError
from models.settings import Settings
from tasks.evaluation.arms import arm_settings
from tasks.planning.checks import template_facts
from tasks.setup.doctor import check_models

GENERAL = {
    "model": "org/general",
    "model_revision": "v1",
    "quantization": "awq",
    "lora_adapter": "adapters/general",
    "chat_template": "{{ messages }}",
    "chat_template_kwargs": {"enable_thinking": False},
}


def settings_with(**own: object) -> Settings:
    """Make general settings, and those of a workload that names some of its own."""
    return Settings.model_validate(GENERAL | {"workloads": {"sentiment": own}})


def test_a_workload_that_names_nothing_has_the_general_model() -> None:
    """So has one without a table of its own."""
    settings = settings_with()
    assert settings.for_workload("sentiment") is settings
    assert settings.for_workload("enrichment") is settings


def test_another_model_takes_over_nothing_that_belongs_to_the_general_one() -> None:
    """No revision, quantization, adapter or template of the general model is used with a model of one's own."""
    own = settings_with(model="org/own").for_workload("sentiment")
    assert model_name(own) == "org/own"
    assert (own.model_revision, own.quantization, own.lora_adapter) == (None, None, None)
    assert (own.chat_template, own.chat_template_kwargs) == (None, {})


def test_what_a_workload_names_of_its_own_model_is_used() -> None:
    """All that stands beside `model` in the workload's table is that model's."""
    own = settings_with(model="org/own", quantization="fp8", chat_template_kwargs={"a": 1})
    found = own.for_workload("sentiment")
    assert model_name(found) == "org/own[fp8]"
    assert (found.chat_template, found.chat_template_kwargs) == (None, {"a": 1})


def test_an_adapter_alone_is_put_on_the_general_model() -> None:
    """The rest stays as it is for all workloads."""
    own = settings_with(lora_adapter=Path("adapters/support")).for_workload("sentiment")
    assert model_name(own) == "org/general@v1[awq]+support"
    assert own.chat_template == GENERAL["chat_template"]


@pytest.mark.parametrize("own", [{"model": "org/own"}, {"lora_adapter": "a/b"}, {"chat_template_kwargs": {}}])
def test_to_ask_twice_changes_nothing_more(own: dict[str, object]) -> None:
    """Whoever is given a workload's settings may ask for them again."""
    once = settings_with(**own).for_workload("sentiment")
    assert once.for_workload("sentiment") == once


def test_a_model_is_taken_over_from_the_workload_that_is_extended() -> None:
    """With its adapter, unless the workload names a model itself: then nothing of the other one's is left."""
    own = {"model": "org/base", "lora_adapter": "adapters/base"}
    settings = Settings.model_validate(
        {
            "workloads": {
                "base": own | {"extends": "sentiment"},
                "same": {"extends": "base"},
                "adapted": {"extends": "base", "lora_adapter": "adapters/mine"},
                "other": {"extends": "base", "model": "org/other"},
            }
        }
    )
    assert [model_name(settings.for_workload(name)) for name in ("same", "adapted", "other")] == [
        "org/base+base",
        "org/base+mine",
        "org/other",
    ]
    small = arm_settings(settings, "same", "small", Path("adapters/new")).for_workload("same")
    assert model_name(small) == "org/base"


def test_the_workload_knows_its_model() -> None:
    """What was measured for a model is looked up by the name of the workload's own."""
    settings = settings_with(model="org/own")
    assert workloads.build("sentiment", settings).model == "org/own"
    assert workloads.build("enrichment", settings).model == "org/general@v1[awq]+general"


def test_an_evaluation_compares_an_adapter_with_the_workloads_own_model() -> None:
    """The adapter that is asked for takes the place of the one that the workload names."""
    settings = settings_with(model="org/own", lora_adapter="adapters/present")
    new = Path("adapters/new")
    small = arm_settings(settings, "sentiment", "small", new).for_workload("sentiment")
    adapted = arm_settings(settings, "sentiment", "adapter", new).for_workload("sentiment")
    alone = arm_settings(settings, "sentiment", "small", None).for_workload("sentiment")
    assert [model_name(one) for one in (small, adapted, alone)] == [
        "org/own",
        "org/own+new",
        "org/own+present",
    ]


def test_a_template_of_ones_own_is_part_of_what_decides_answers(tmp_path: Path) -> None:
    """Its text counts, not its file's name; without one nothing is added, so that old fingerprints hold."""
    file = tmp_path / "chat.jinja"
    file.write_text("{{ messages }}", encoding="utf-8")
    assert template_facts(Settings()) == ()
    inline, named = Settings(chat_template="{{ messages }}"), Settings(chat_template=str(file))
    assert template_facts(inline) == template_facts(named) != ()
    assert template_facts(Settings(chat_template_kwargs={"enable_thinking": False})) != ()


def test_a_template_that_is_not_there_is_one_line() -> None:
    """It is named."""
    with pytest.raises(UsageError, match=r"^chat_template: no file nowhere\.jinja; give"):
        template_facts(Settings(chat_template="nowhere.jinja"))


def test_doctor_looks_at_each_model_once(tmp_path: Path) -> None:
    """The general model, and each other one under its workload; an adapter that is none fails."""
    (tmp_path / "own").mkdir()
    settings = Settings.model_validate(
        {
            "model": str(tmp_path),
            "workloads": {
                "sentiment": {"model": str(tmp_path / "own")},
                "classification": {"lora_adapter": str(tmp_path)},
                "enrichment": {"where": "true"},
            },
        }
    )
    found = {one.name: one for one in check_models(settings)}
    assert list(found) == [
        "model",
        "fit",
        "model of classification",
        "fit of classification",
        "model of sentiment",
        "fit of sentiment",
    ]
    assert (found["model of sentiment"].state, found["model of sentiment"].found) == (
        "ok",
        "own (local folder)",
    )
    assert found["model of classification"].state == "fail"
    assert "is no LoRA adapter" in found["model of classification"].advice
