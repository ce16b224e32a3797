"""Shared by all tests: the developer's own settings do not leak in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Shared machines are slow at times: no deadline. CI tries the same examples each time.
settings.register_profile("breakeven", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("breakeven")

# What tests write lies in memory where there is room for it: no test makes a power cut, so no disk need be waited for.
MEMORY = Path("/dev/shm")  # noqa: S108  pytest makes a folder of its own there
ROOM_BYTES = 4 << 30
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Two processes share the cores: threads that wait by spinning would keep them from whom they wait for. Programs that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """Drop BREAKEVEN_* variables, so that tests see the defaults plus what they set themselves."""
    for name in [name for name in os.environ if name.startswith("BREAKEVEN_")]:
        del os.environ[name]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium for one module: while it runs, this thread has an event loop, so `asyncio.run` fails."""
    from tests.browser import chromium_running  # noqa: PLC0415  few tests need it

    with chromium_running() as running:
        yield running


REAL_ENGINE = ("tests/integration/engine/", "tests/integration/on_prefect/")
"""Folders whose tests load the real engine: one process runs them all, since two engines slow each other; it begins first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let vLLM and torch warn in tests of the real engine; everywhere else a warning is an error."""
    for item in items:
        if item.get_closest_marker("engine") is not None:
            item.add_marker(pytest.mark.filterwarnings("default"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(REAL_ENGINE))


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Shares the tests between processes so that a file's tests stay in one of them (`make test`)."""

    def _split_scope(self, nodeid: str) -> str:
        return "real engine" if nodeid.startswith(REAL_ENGINE) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Share the tests as `ByFile` says."""
    return ByFile(config, log)
