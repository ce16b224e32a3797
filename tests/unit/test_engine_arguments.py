"""The table `[engine]`: vLLM's own arguments; what a setting of ours gives is refused, what can change answers counts."""

import tomllib
from pathlib import Path

import pytest

from flows.environment import read_settings
from models.engines.vllm.arguments import MEMORY_AND_SPEED, facts_of
from models.engines.vllm.options import VllmOptions
from models.errors import UsageError
from models.settings import Settings
from models.settings.engine import FIXED, OURS


def options_with(**arguments: object) -> VllmOptions:
    """Return the options of an engine with further arguments."""
    return VllmOptions.from_settings(Settings.model_validate({"engine": arguments}), on_cpu=True)


def test_further_arguments_reach_vllm_and_decide_a_load() -> None:
    """They are put over what the program chooses; another value is another load."""
    options = options_with(kv_cache_dtype="fp8", block_size=64)
    arguments = options.arguments()
    assert (arguments["kv_cache_dtype"], arguments["block_size"]) == ("fp8", 64)
    assert options.load_key() == options_with(block_size=64, kv_cache_dtype="fp8").load_key()
    assert options.load_key() != options_with(block_size=32, kv_cache_dtype="fp8").load_key()


def test_no_code_of_others_is_run_unless_it_is_asked_for() -> None:
    """`trust_remote_code` is false unless the setting of that name says so; another model does not inherit it."""
    assert options_with().arguments()["trust_remote_code"] is False
    trusting = Settings.model_validate(
        {
            "model": "a",
            "trust_remote_code": True,
            "workloads": {"sentiment": {"model": "b"}, "enrichment": {}},
        }
    )
    said = [trusting.for_workload(name).trust_remote_code for name in ("sentiment", "enrichment")]
    assert (VllmOptions.from_settings(trusting, on_cpu=True).arguments()["trust_remote_code"], said) == (
        True,
        [False, True],
    )


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_setting_of_ours_gives_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file, the line, and the setting to use."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "breakeven.toml").write_text(f"[engine]\n{name} = 1\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert str(caught.value) == (
        f"settings are not valid: breakeven.toml, line 1: engine: {name} of vLLM is the setting {OURS[name]}: "
        "write it above the first table"
    )
    assert OURS[name] in Settings.model_fields


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_cannot_be_set_says_why(name: str) -> None:
    """A secret, the tokenizer, the grammar backend: one line each."""
    with pytest.raises(ValueError, match=f"{name} of vLLM cannot be set here: "):
        Settings.model_validate({"engine": {name: "x"}})


def test_numbers_and_tables_of_the_environment_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is text; vLLM gets a number, a truth or a table where it says one."""
    monkeypatch.setenv("BREAKEVEN_ENGINE__MAX_NUM_BATCHED_TOKENS", "8192")
    monkeypatch.setenv("BREAKEVEN_ENGINE__ASYNC_SCHEDULING", "true")
    monkeypatch.setenv("BREAKEVEN_ENGINE__SPECULATIVE_CONFIG__NUM_SPECULATIVE_TOKENS", "4")
    monkeypatch.setenv("BREAKEVEN_ENGINE__KV_CACHE_DTYPE", "fp8")
    assert read_settings().engine.arguments == {
        "max_num_batched_tokens": 8192,
        "async_scheduling": True,
        "speculative_config": {"num_speculative_tokens": 4},
        "kv_cache_dtype": "fp8",
    }


def test_only_what_can_change_answers_is_in_a_fingerprint() -> None:
    """Memory and speed are not; a name that nobody has sorted counts, to be safe."""
    assert facts_of({}) == facts_of({"max_num_batched_tokens": 1, "cpu_offload_gb": 2}) == ()
    assert facts_of({"kv_cache_dtype": "fp8"}) != facts_of({"kv_cache_dtype": "auto"}) != ()
    assert facts_of({"something_new": 1}) != ()
    assert not {"kv_cache_dtype", "hf_overrides", "trust_remote_code"} & MEMORY_AND_SPEED


def test_the_page_tells_both_kinds_apart() -> None:
    """docs/settings.md has a block of arguments that can be pasted."""
    page = Path(__file__).parents[2].joinpath("docs", "settings.md").read_text("utf-8")
    block = page.split("```toml\n")[1].split("```")[0]
    assert Settings.model_validate(tomllib.loads(block)).engine.arguments
