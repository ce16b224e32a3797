"""The catalogue's data: complete, sourced, consistent, and found by what people and drivers call things."""

import json
from datetime import date
from pathlib import Path

import pytest

from models.catalogue.entries import (
    ModelEntry,
    find_gpus,
    find_models,
    gpu_called,
    gpus,
    machines,
    model_called,
    models,
    shape_of,
)
from models.catalogue.rates import infrastructure, kind_of, list_offers, reference_rates
from models.errors import UsageError
from models.settings import Settings


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_each_model_has_the_parameters_of_its_shape(model: ModelEntry) -> None:
    """Published parameter counts are those of the architecture, within 0.02 % (norms that not all have)."""
    assert model.shape.parameters == pytest.approx(model.parameters, rel=2e-4)
    assert model.source
    assert model.licence
    assert date(2024, 1, 1) <= model.date <= date(2030, 1, 1)
    assert model.shape.heads % model.shape.kv_heads == 0


def test_the_reference_models_and_gpus_are_there() -> None:
    """What people ask for first: Phi-3 in three sizes, Gemma 3, Llama 3.1 8B; from a gaming card to an H100."""
    names = {model.name for model in models()}
    assert {"Phi-3 Mini 3.8B", "Phi-3 Small 7B", "Phi-3 Medium 14B", "Llama 3.1 8B"} <= names
    assert sum(name.startswith("Gemma 3") for name in names) == 5
    kinds = {gpu.kind for gpu in gpus()}
    assert {"A10G", "L4", "A100", "H100", "RTX 3060", "RTX 4060 Ti"} <= kinds
    assert all(
        gpu.source and gpu.memory_mib > 0 and gpu.tflops > 0 and gpu.bandwidth_gb_s > 0 for gpu in gpus()
    )


def test_names_are_given_once() -> None:
    """No two entries of a kind share a name, an id or a kind."""
    for names in (
        [model.name for model in models()],
        [model.hub for model in models()],
        [gpu.kind for gpu in gpus()],
        [machine["kind"] for machine in machines()],
    ):
        assert len(set(names)) == len(names)


def test_every_machine_price_has_a_source_and_a_date() -> None:
    """No price without who said it and when; a GPU without a price has none, not a free one."""
    for machine in machines():
        assert machine["source"]
        assert isinstance(machine["date"], date)
    assert reference_rates("RTX 4060 Ti") == []
    assert all(rate.source for gpu in gpus() for rate in reference_rates(gpu.kind))
    offers = list_offers()
    assert all(offer["source"] and isinstance(offer["date"], date) for offer in offers)
    assert all((offer["usd_per_hour"] is None) != (offer["usd_per_month"] is None) for offer in offers)


def test_both_reserved_prices_of_an_a10g_are_kept() -> None:
    """AWS's own is used, about $463 a month; the article's $220 to $320 is named beside it, and marketplaces."""
    own = {str(offer["offer"]): offer for offer in list_offers() if offer["machine"] == "A10G"}
    assert (own["reserved"]["usd_per_month"], own["reserved"]["used"]) == ("463", "yes")
    assert "January 2026" in str(own["reserved"]["source"])
    assert (own["reserved, cheaper"]["usd_per_month"], own["reserved, cheaper"]["used"]) == (
        "220 to 320",
        "no",
    )
    assert own["on demand, marketplaces"]["usd_per_hour"] == "0.20 to 0.35"
    (reserved,) = [rate for rate in reference_rates("A10G") if rate.mode == "reserved"]
    assert reserved.rate.nano_per_month == 463 * 10**9


@pytest.mark.parametrize(
    ("kind", "on_demand", "block"),
    [("A100", "2.7447", "1.844"), ("H100", "6.88", "4.916"), ("H200", "4.59", "5.408")],
)
def test_a_capacity_block_is_no_price_on_demand(kind: str, on_demand: str, block: str) -> None:
    """It is paid ahead for days: it stands beside the price on demand, marked, and in no sum."""
    own = {str(offer["offer"]): offer for offer in list_offers() if offer["machine"] == kind}
    assert (own["on demand"]["usd_per_hour"], own["on demand"]["used"]) == (on_demand, "yes")
    assert (own["capacity block"]["usd_per_hour"], own["capacity block"]["used"]) == (block, "no")
    (rate,) = reference_rates(kind)
    assert rate.mode == "on_demand"
    assert rate.rate.nano_per_hour == round(float(on_demand) * 10**9)


def test_what_is_disputed_is_said() -> None:
    """The A10G's tensor peak has two sources, and the rows for programs name both."""
    a10g = gpu_called("A10G")
    assert a10g is not None
    assert a10g.tflops == 70
    assert "62.5" in a10g.disputed


@pytest.mark.parametrize(
    ("driver", "kind"),
    [
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA A10", None),
        ("NVIDIA A100-SXM4-40GB", "A100"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40", None),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce RTX 3060", "RTX 3060"),
        ("NVIDIA GeForce RTX 3060 Ti", None),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4060 Ti", "RTX 4060 Ti"),
        ("NVIDIA GeForce RTX 4060", None),
        ("a10g", "A10G"),
    ],
)
def test_drivers_names_find_the_right_gpu(driver: str, kind: str | None) -> None:
    """A name that has the entry's words is that GPU; a Ti, a laptop's or a longer number is another."""
    found = gpu_called(driver)
    assert (None if found is None else found.kind) == kind
    assert kind_of(driver) == (driver if kind in {None, "RTX 4060 Ti"} else kind)  # the last one has no price


def test_an_l40_is_not_priced_as_an_l4() -> None:
    """What is only part of a longer name is another machine, and has no price here."""
    assert infrastructure(Settings(), "NVIDIA L40S").nano_usd_per_hour == 1_861_000_000
    with pytest.raises(UsageError, match="no hourly price"):
        infrastructure(Settings(), "NVIDIA L40")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Llama 3.1 8B", "Llama 3.1 8B"),
        ("llama-3.1-8b", "Llama 3.1 8B"),
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B"),
        ("google/gemma-3-4b-it", "Gemma 3 4B"),
        ("gemma-3-4b", "Gemma 3 4B"),
        ("microsoft/phi-4", "Phi-4 14B"),
        ("SmolLM2-135M-Instruct", "SmolLM2 135M"),
    ],
)
def test_models_are_found_by_name_and_id(asked: str, name: str) -> None:
    """By the catalogue's name, the id on Hugging Face, or that without its owner or its suffix."""
    found = model_called(asked)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["small", "gemma", "Phi-3 Small", "", "my-org/tuned"])
def test_a_model_of_the_settings_is_not_guessed(name: str) -> None:
    """A part of a name is enough to look a model up, but not to say what a model is."""
    assert model_called(name) is None


def test_parts_of_names_find_several() -> None:
    """`gemma` is all of them; several names add up, each model once."""
    assert len(find_models(["gemma"])) == 5
    assert len(find_models(["gemma", "Gemma 3 4B"])) == 5
    assert find_models([]) == list(models())
    assert [gpu.kind for gpu in find_gpus(["l4", "NVIDIA A10G"])] == ["L4", "A10G"]


def test_unknown_names_are_one_line() -> None:
    """The error lists what there is."""
    with pytest.raises(UsageError, match="unknown GPU 'Voodoo 2'; there are: A10G, L4"):
        find_gpus(["Voodoo 2"])
    with pytest.raises(UsageError, match="unknown model 'eliza'; there are: SmolLM2 135M"):
        find_models(["eliza"])
    with pytest.raises(UsageError, match="unknown model ''"):
        find_models([""])


def test_a_local_folder_is_read(tmp_path: Path) -> None:
    """The config.json of a folder gives its shape; one that is missing or no decoder's is one line."""
    with pytest.raises(UsageError, match=r"cannot read config\.json"):
        find_models([str(tmp_path)])
    config = tmp_path / "config.json"
    config.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="not understood"):
        find_models([str(tmp_path)])
    config.write_text(
        json.dumps(
            {
                "num_hidden_layers": 2,
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_attention_heads": 4,
                "vocab_size": 1000,
                "max_position_embeddings": 512,
            }
        ),
        encoding="utf-8",
    )
    (found,) = find_models([str(tmp_path)])
    assert (found.shape.kv_heads, found.shape.head_size, found.shape.tied) == (4, 16, False)


def test_configurations_of_families() -> None:
    """Gemma's text part with its windows; Qwen's windows that are switched off."""
    text = {
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262144,
        "max_position_embeddings": 131072,
        "sliding_window": 1024,
    }
    gemma = model_called("Gemma 3 4B")
    assert gemma is not None
    found = shape_of({"model_type": "gemma3", "text_config": text})
    assert (found.window, found.global_every, found.tied) == (1024, 6, True)
    assert found.parameters == gemma.shape.parameters
    assert shape_of({**text, "model_type": "qwen2", "use_sliding_window": False}).window is None
