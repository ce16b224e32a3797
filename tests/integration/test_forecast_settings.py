"""`breakeven forecast`: settings of the engine count, and those that cannot are named."""

from pathlib import Path

import pytest

from tests.forecast_command import BARE, failure, leave_alone, made, run


@pytest.fixture(autouse=True)
def _no_ledger_and_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_alone(tmp_path, monkeypatch)


def test_a_quantization_without_a_model_counts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREAKEVEN_QUANTIZATION decides the bits of the model that is assumed, and of one that is named."""
    plain = made(capsys, *BARE)
    monkeypatch.setenv("BREAKEVEN_QUANTIZATION", "awq")
    four = made(capsys, *BARE)
    assert plain["workloads"][0]["speed_basis"].startswith("estimated: 16 bits")
    assert four["workloads"][0]["speed_basis"].startswith("estimated: 4 bits")
    assert made(capsys, *BARE, "--local-model", "Qwen3 8B")["workloads"][0]["speed_basis"].startswith(
        "estimated: 4 bits"
    )
    assert four["not_counted"] == []


@pytest.mark.parametrize(
    ("name", "value", "basis"),
    [
        ("TENSOR_PARALLEL_SIZE", "2", "2 GPUs that share the model"),
        ("MAX_NUM_SEQS", "8", "8 sequences at once"),
        ("GPU_MEMORY_UTILIZATION", "0.8", "estimated: 16 bits, 10 sequences at once"),
        ("ENGINE", '{"kv_cache_dtype": "fp8"}', "a cache of 8 bits"),
    ],
)
def test_settings_of_the_engine_count(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    basis: str,
) -> None:
    """What the settings say of the engine is in the estimate, and the line says so."""
    monkeypatch.setenv(f"BREAKEVEN_{name}", value)
    found = made(capsys, *BARE)
    assert basis in found["workloads"][0]["speed_basis"]
    if name == "TENSOR_PARALLEL_SIZE":
        assert [one["usd_per_hour"] for one in found["own"]["rates"]] == ["2.012000000", None]


def test_a_length_that_the_settings_forbid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREAKEVEN_MAX_MODEL_LEN below a prompt with its answer is one line."""
    monkeypatch.setenv("BREAKEVEN_MAX_MODEL_LEN", "1499")
    said = failure(capsys, *BARE)
    assert "these prompts and answers have 1,500 tokens, and BREAKEVEN_MAX_MODEL_LEN allows 1,499" in said


def test_settings_that_do_not_count_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line each, with the reason: an adapter, a revision of no model, another machine's rate, another model's price."""
    monkeypatch.setenv("BREAKEVEN_LORA_ADAPTER", "adapters/mine")
    monkeypatch.setenv("BREAKEVEN_MODEL_REVISION", "abc")
    monkeypatch.setenv("BREAKEVEN_GPU_KIND", "L4")
    monkeypatch.setenv("BREAKEVEN_GPU_USD_PER_HOUR", "0.30")
    monkeypatch.setenv("BREAKEVEN_API_MODEL", "gpt-4o")
    monkeypatch.setenv("BREAKEVEN_API_INPUT_USD_PER_MTOK", "1")
    monkeypatch.setenv("BREAKEVEN_API_OUTPUT_USD_PER_MTOK", "2")
    monkeypatch.setenv("BREAKEVEN_ENGINE", '{"block_size": 32}')
    found = made(capsys, *BARE, "--gpu", "A10G")["not_counted"]
    for name in (
        *("BREAKEVEN_LORA_ADAPTER", "BREAKEVEN_MODEL_REVISION", "BREAKEVEN_GPU_USD_PER_HOUR: the rate of L4"),
        *("BREAKEVEN_API_INPUT_USD_PER_MTOK: the price of gpt-4o", "block_size of the table [engine]"),
    ):
        assert any(line.startswith(name) for line in found), name
    assert run(*BARE, "--gpu", "A10G") == 0
    assert "not counted: BREAKEVEN_LORA_ADAPTER: " in capsys.readouterr().err


def test_reasoning_that_nobody_can_count_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its least effort gpt-6-luna does not reason; at another one it does, and the line says that it is not counted."""
    numbers = (*BARE[:-1], "gpt-6-luna")
    assert made(capsys, *numbers)["not_counted"] == []
    monkeypatch.setenv("BREAKEVEN_API_REASONING_EFFORT", "high")
    (line,) = made(capsys, *numbers)["not_counted"]
    assert line.startswith("reasoning of gpt-6-luna (effort high)")


def test_what_belongs_to_another_model_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quantization of the settings' own model is not that of the one asked for."""
    monkeypatch.setenv("BREAKEVEN_MODEL", "Qwen/Qwen3-8B")
    monkeypatch.setenv("BREAKEVEN_QUANTIZATION", "awq")
    found = made(capsys, *BARE, "--local-model", "Llama 3.1 8B")
    assert found["workloads"][0]["speed_basis"].startswith("estimated: 16 bits")
    assert found["not_counted"] == [
        "BREAKEVEN_QUANTIZATION (awq): it belongs to Qwen/Qwen3-8B, not to Llama 3.1 8B"
    ]
