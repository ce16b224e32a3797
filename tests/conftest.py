"""Shared by all tests: the developer's own settings do not leak in."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Shared machines are slow at times: no deadline. CI tries the same examples each time.
settings.register_profile("breakeven", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("breakeven")


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


TESTS = Path(__file__).parent
REAL_ENGINE = ("integration/engine", "integration/on_prefect")
"""Folders whose tests load the real engine: one process runs them all, since two engines slow each other; it begins first."""


@pytest.hookimpl(tryfirst=True)  # the groups have to be there before xdist looks for them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let vLLM and torch warn in tests of the real engine; everywhere else a warning is an error.

    Where several processes share the tests (`make test`), a file's tests stay in one of them.
    """
    for item in items:
        if item.get_closest_marker("engine") is not None:
            item.add_marker(pytest.mark.filterwarnings("default"))
    if hasattr(config, "workerinput"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
        items.sort(key=lambda item: _group(item) != "real engine")


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS).as_posix()
    return "real engine" if path.startswith(REAL_ENGINE) else path
