"""`breakeven doctor`'s line on the model and the machine."""

from pathlib import Path

import pytest

from models.catalogue.model_fit import bits_of, check_fit
from models.settings import Settings
from models.settings.engine import EngineSettings

GIB = 2**30
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


def test_a_model_that_fits_its_gpu() -> None:
    """Llama 3.1 8B on an A10G: 16.1 of 24.1 GB, sixteen sequences."""
    found = check_fit(Settings(model=LLAMA), "NVIDIA A10G", 23028 * 2**20, GIB)
    assert found.state == "ok"
    assert found.found.startswith(
        "Llama 3.1 8B at 16 bits: 16.1 GB of weights in 24.1 GB of memory, 16 sequences"
    )


def test_a_model_that_does_not_fit() -> None:
    """12 GB hold no 16 GB of weights: it fails, and the line names the precision that would fit."""
    found = check_fit(Settings(model=LLAMA), "NVIDIA GeForce RTX 3060", 12 * GIB, GIB)
    assert found.state == "fail"
    assert "8 bits fits" in found.advice
    assert check_fit(Settings(model="Qwen/Qwen3-14B"), "tiny", 6 * GIB, GIB).advice.startswith(
        "take a smaller"
    )


def test_more_gpus_hold_more() -> None:
    """Tensor parallel over two cards of 12 GB has room for Llama 3.1 8B."""
    settings = Settings(model=LLAMA, tensor_parallel_size=2)
    assert check_fit(settings, "NVIDIA GeForce RTX 3060", 12 * GIB, GIB).state == "ok"


def test_quantized_models_are_smaller() -> None:
    """The quantization of the settings counts; a card without a price or an entry is judged as well."""
    found = check_fit(Settings(model=LLAMA, quantization="awq"), "NVIDIA Something 9000", 12 * GIB, GIB)
    assert found.state == "ok"
    assert "at 4 bits: 5.7 GB" in found.found


def test_a_cache_of_eight_bits_holds_twice_as_many() -> None:
    """`kv_cache_dtype` of the table [engine] counts."""
    settings = Settings(model=LLAMA, engine=EngineSettings(kv_cache_dtype="fp8"))
    found = check_fit(settings, "NVIDIA A10G", 23028 * 2**20, GIB)
    assert "32 sequences" in found.found


@pytest.mark.parametrize(
    ("model", "quantization", "bits"),
    [
        (None, None, 16),
        (LLAMA, "fp8", 8),
        (LLAMA, "gptq", 4),
        (LLAMA, "bitsandbytes", 4),
        ("neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8", None, 8),
        ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", None, 4),
    ],
)
def test_bits_by_name(model: str | None, quantization: str | None, bits: int) -> None:
    """Bits are told from the name of the quantization or of the model; otherwise there are 16."""
    assert bits_of(Settings(model=model, quantization=quantization)) == bits


def test_on_a_cpu(tmp_path: Path) -> None:
    """The default model on a CPU is held at 32 bits, beside the cache that is set."""
    settings = Settings(cache_dir=tmp_path)
    found = check_fit(settings, None, None, 16 * GIB)
    assert found.state == "ok"
    assert "SmolLM2 135M on the CPU: 0.5 GB of weights and 4.3 GB of KV cache" in found.found
    small = check_fit(settings, None, None, 4 * GIB)
    assert small.state == "warn"
    assert "BREAKEVEN_CPU_KV_CACHE_GIB" in small.advice


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    """A model that is not in the catalogue, a folder without a model, a driver that does not say."""
    assert "not in the catalogue" in check_fit(Settings(model="some/model"), "A10G", 24 * GIB, GIB).found
    assert check_fit(Settings(model=str(tmp_path)), "A10G", 24 * GIB, GIB).state == "warn"
    assert check_fit(Settings(model=LLAMA), "A10G", None, GIB).state == "warn"
