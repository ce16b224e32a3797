"""The real vLLM engine, loaded once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.default_model import is_prepared, prepare
from models.engines.vllm_engine import VllmEngine
from models.engines.vllm_options import VllmOptions
from models.machine import gpu_name
from models.settings import Settings

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def engine() -> Iterator[VllmEngine]:
    """Load the default model with a short context, so that "too long" is cheap to reach."""
    cache = PROJECT / ".cache"
    assert is_prepared(cache), "run `make setup` first"
    prepare(cache)
    settings = Settings(cache_dir=cache, max_model_len=1024, max_num_seqs=16, cpu_kv_cache_gib=1)
    loaded = VllmEngine(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))
    yield loaded
    loaded.close()
