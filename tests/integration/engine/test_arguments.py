"""The table `[engine]` against the vLLM that is installed: its names are known, others are refused with the nearest."""

import pytest

from models.engines.vllm.arguments import MEMORY_AND_SPEED, check_arguments
from models.errors import UsageError
from models.settings.engine import FIXED, OURS

pytestmark = pytest.mark.engine

NOT_OF_ENGINE_ARGS = {"chat_template", "rope_scaling", "rope_theta"}
"""Names of `LLM` alone, and names that vLLM had."""


def test_what_we_say_of_vllms_arguments_is_true() -> None:
    """Each name that is sorted, refused or given by a setting is one that vLLM has."""
    named = (MEMORY_AND_SPEED | OURS.keys() | FIXED.keys()) - NOT_OF_ENGINE_ARGS
    check_arguments(dict.fromkeys(named))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kv_cache_dtyp", "did you mean kv_cache_dtype?"),
        ("max_batched_tokens", "did you mean max_num_batched_tokens?"),
        ("speculative", "did you mean speculative_config?"),
        ("qqqq", "its EngineArgs lists them"),
    ],
)
def test_a_name_that_vllm_does_not_have(name: str, meant: str) -> None:
    """It is one line, before a model is loaded."""
    with pytest.raises(UsageError) as caught:
        check_arguments({name: 1})
    assert str(caught.value) == f"[engine]: vLLM has no argument {name}; {meant}"
