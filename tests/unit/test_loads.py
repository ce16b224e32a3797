"""Which workloads share a load of the engine, and in which order jobs are done so that each model loads once."""

from datetime import date
from pathlib import Path

import pytest

from models.engines.loads import adapters_of_base, base_of, group_by_model, name_models
from models.engines.vllm.options import NGRAM, VllmOptions
from models.errors import UsageError
from models.settings import Settings
from tests.adapters import make_adapter

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


def settings_with(general: dict[str, object], **workloads: dict[str, object]) -> Settings:
    """Make general settings and those of workloads."""
    return Settings.model_validate(general | {"workloads": workloads})


def test_jobs_of_one_model_stand_together() -> None:
    """Adapters of one base are one model; otherwise the order of the night is kept: by day, then as it was asked."""
    settings = settings_with(
        {},
        own={"model": "org/own"},
        adapted={"lora_adapter": "a/b"},
        plain={},
        quantized={"quantization": "awq"},
    )
    names = ("adapted", "own", "plain", "quantized")
    jobs = [(name, day) for day in (FIRST, SECOND) for name in names]
    assert group_by_model(jobs, settings) == [
        ("adapted", FIRST),
        ("plain", FIRST),
        ("adapted", SECOND),
        ("plain", SECOND),
        ("own", FIRST),
        ("own", SECOND),
        ("quantized", FIRST),
        ("quantized", SECOND),
    ]


def test_one_load_has_room_for_the_adapters_of_its_base() -> None:
    """Of every workload with this base, the general one among them; not for those of another base."""
    settings = settings_with(
        {"model": "org/m", "lora_adapter": "general"},
        first={"lora_adapter": "first"},
        other={"model": "org/own", "lora_adapter": "other"},
    )
    assert adapters_of_base(settings) == (Path("first"), Path("general"))
    own = settings.for_workload("other")
    named = own.model_copy(update={"workloads": name_models(settings, ["first", "other", "none"])})
    assert adapters_of_base(named) == (Path("other"),)
    back = named.for_workload("none")
    assert (base_of(back), back.lora_adapter) == (base_of(settings), Path("general"))


def test_a_workload_names_its_model_also_beside_anothers_settings(tmp_path: Path) -> None:
    """The default model too, which no setting names."""
    settings = settings_with({"cache_dir": str(tmp_path)}, own={"model": "org/own"}, plain={})
    named = settings.for_workload("own").model_copy(update={"workloads": name_models(settings, ["plain"])})
    assert base_of(named.for_workload("plain")) == base_of(settings)


def test_options_of_one_base_share_a_load(tmp_path: Path) -> None:
    """The rank is the highest of all; an adapter, a template and its arguments need no load of their own."""
    small, large = make_adapter(tmp_path / "small", rank=4), make_adapter(tmp_path / "large", rank=20)
    settings = settings_with(
        {},
        small={"lora_adapter": str(small)},
        large={"lora_adapter": str(large)},
        told={"chat_template": "{{ messages }}", "chat_template_kwargs": {"a": 1}},
        own={"model": "org/own"},
    )
    named = {"workloads": name_models(settings, settings.workloads)}
    options = {
        name: VllmOptions.from_settings(settings.for_workload(name).model_copy(update=named), on_cpu=True)
        for name in settings.workloads
    }
    assert options["small"].load_key() == options["large"].load_key() == options["told"].load_key()
    assert options["small"].load_key() != options["own"].load_key()
    arguments = VllmOptions.from_settings(settings, on_cpu=True).arguments()
    assert (arguments["enable_lora"], arguments["max_loras"], arguments["max_lora_rank"]) == (True, 2, 32)
    assert options["own"].arguments()["enable_lora"] is False


@pytest.mark.parametrize(
    ("general", "workloads", "on_cpu", "speculates"),
    [
        ({}, {"sentiment": {}}, True, False),
        ({}, {"sentiment": {}, "enrichment": {}}, True, True),
        ({}, {"rewriting": {}}, True, True),
        ({}, {"sentiment": {}, "enrichment": {"model": "org/own"}}, True, False),
        ({}, {"enrichment": {}}, False, False),
        ({"speculation": False}, {"enrichment": {}}, True, False),
        ({"speculation": True}, {"sentiment": {}}, False, True),
        ({"engine": {"speculative_config": {"method": "x"}}}, {"enrichment": {}}, True, False),
    ],
)
def test_a_load_speculates_where_it_pays(
    general: dict[str, object], workloads: dict[str, dict[str, object]], on_cpu: bool, speculates: bool
) -> None:
    """On a CPU where a workload of the load answers more than a label; the settings and `[engine]` win."""
    options = VllmOptions.from_settings(settings_with(general, **workloads), on_cpu=on_cpu)
    assert options.speculation is speculates
    given = options.arguments().get("speculative_config")
    assert given == (NGRAM if speculates else options.further_arguments.get("speculative_config"))
    assert options.load_key().speculation is False


def test_a_broken_adapter_stops_its_own_workload_alone(tmp_path: Path) -> None:
    """Another workload of the same base is loaded without it."""
    good = make_adapter(tmp_path / "good")
    settings = settings_with(
        {}, good={"lora_adapter": str(good)}, broken={"lora_adapter": str(tmp_path / "nothing")}
    )
    options = VllmOptions.from_settings(settings.for_workload("good"), on_cpu=True)
    assert options.lora_adapters == (good,)
    with pytest.raises(UsageError, match="nothing is no LoRA adapter"):
        VllmOptions.from_settings(settings.for_workload("broken"), on_cpu=True).arguments()
