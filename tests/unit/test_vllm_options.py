"""Settings become vLLM's arguments; what depends on the machine is filled in."""

from pathlib import Path

import pytest

from models.default_model import model_name
from models.engines.vllm.options import VllmOptions, lora_rank
from models.errors import UsageError
from models.settings import Settings


def test_cpu_defaults() -> None:
    """Without a GPU: float32, small blocks, no graphs, one process."""
    options = VllmOptions.from_settings(Settings(), on_cpu=True)
    arguments = options.arguments()
    assert arguments["dtype"] == "float32"
    assert arguments["block_size"] == 32
    assert arguments["enforce_eager"] is True
    assert arguments["distributed_executor_backend"] == "uni"
    assert options.environment()["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert options.window == 2 * options.max_num_seqs


def test_gpu_defaults_are_vllms_own() -> None:
    """With a GPU: the model's dtype, vLLM's blocks and processes."""
    options = VllmOptions.from_settings(Settings(model="org/model"), on_cpu=False)
    arguments = options.arguments()
    assert arguments["dtype"] == "auto"
    assert arguments["enforce_eager"] is False
    assert "block_size" not in arguments
    assert "distributed_executor_backend" not in arguments
    assert options.environment() == {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}


def test_every_model_setting_reaches_vllm(tmp_path: Path) -> None:
    """Quantization, parallel size, length, memory share and adapter, with room for its rank, are passed on."""
    adapter = tmp_path / "support"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 24}')
    settings = Settings(
        model="org/model",
        model_revision="v2",
        quantization="awq",
        tensor_parallel_size=2,
        max_model_len=4096,
        gpu_memory_utilization=0.7,
        lora_adapter=adapter,
    )
    arguments = VllmOptions.from_settings(settings, on_cpu=False).arguments()
    assert arguments["model"] == "org/model"
    assert arguments["revision"] == "v2"
    assert arguments["quantization"] == "awq"
    assert arguments["tensor_parallel_size"] == 2
    assert arguments["max_model_len"] == 4096
    assert arguments["gpu_memory_utilization"] == 0.7
    assert arguments["enable_lora"] is True
    assert arguments["max_lora_rank"] == 32
    assert model_name(settings) == "org/model@v2[awq]+support"


@pytest.mark.parametrize(
    ("config", "says"),
    [(None, "is no LoRA adapter"), ("[]", "is no LoRA adapter"), ('{"r": 513}', "up to rank 512")],
)
def test_what_is_no_adapter_is_refused(tmp_path: Path, config: str | None, says: str) -> None:
    """A folder without a configuration, with a damaged one, or of a rank beyond vLLM's, is an error that says so."""
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(config)
    with pytest.raises(UsageError, match=says):
        lora_rank(tmp_path)


@pytest.mark.parametrize(("rank", "room"), [(1, 1), (8, 8), (9, 16), (512, 512)])
def test_an_adapter_gets_the_least_rank_that_it_fits_in(tmp_path: Path, rank: int, room: int) -> None:
    """VLLM takes certain ranks only."""
    (tmp_path / "adapter_config.json").write_text(f'{{"r": {rank}}}')
    assert lora_rank(tmp_path) == room


def test_structured_output_has_one_backend_and_no_white_space() -> None:
    """One fixed grammar backend; white space inside JSON is off."""
    arguments = VllmOptions.from_settings(Settings(), on_cpu=True).arguments()
    assert arguments["structured_outputs_config"] == {"backend": "xgrammar", "disable_any_whitespace": True}


def test_a_local_model_is_named_by_its_folder(tmp_path: Path) -> None:
    """The ledger names a local model by its folder, not by a path of this machine."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    settings = Settings(model=str(folder))
    assert model_name(settings) == "my-model"
    assert VllmOptions.from_settings(settings, on_cpu=True).environment()["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize("field", ["tensor_parallel_size", "max_model_len", "gpu_memory_utilization"])
def test_impossible_values_are_refused(field: str) -> None:
    """Zero devices, zero tokens or no memory are errors of the settings."""
    with pytest.raises(ValueError, match=field):
        Settings.model_validate({field: 0})
