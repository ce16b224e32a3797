"""The real vLLM engine, loaded once for all tests of this folder, and vLLM's API server beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.model_server import ModelServer
from models.default_model import is_prepared, model_dir, prepare
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.options import VllmOptions
from models.machine import gpu_name
from models.settings import Settings
from tests.integration.engine.harness import API_MODEL, CONTEXT, SMALL
from tests.integration.pipeline.conftest import runner

__all__ = ["runner"]

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def engine() -> Iterator[VllmEngine]:
    """Load the default model, once: of two engines in one process, the end of one ends the other."""
    cache = PROJECT / ".cache"
    assert is_prepared(cache), "run `make setup` first"
    prepare(cache)
    settings = Settings.model_validate({"cache_dir": cache} | SMALL)
    loaded = VllmEngine(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def api_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """Start vLLM's API server, once; it loads the same model while the engine does."""
    assert is_prepared(PROJECT / ".cache"), "run `make setup` first"
    log = tmp_path_factory.mktemp("api-server") / "log"
    server = ModelServer(model_dir(PROJECT / ".cache"), log, name=API_MODEL, context=CONTEXT)
    try:
        request.getfixturevalue("engine")
        server.wait_until_ready()
        yield server
    finally:
        server.close()
