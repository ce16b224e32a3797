"""Shared by all tests: the developer's own settings do not leak in."""

import os

import pytest
from hypothesis import settings

# Shared machines are slow at times: no deadline. CI tries the same examples each time.
settings.register_profile("breakeven", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("breakeven")


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """Drop BREAKEVEN_* variables, so that tests see the defaults plus what they set themselves."""
    for name in [name for name in os.environ if name.startswith("BREAKEVEN_")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let vLLM and torch warn in tests of the real engine; everywhere else a warning is an error."""
    for item in items:
        if item.get_closest_marker("engine") is not None:
            item.add_marker(pytest.mark.filterwarnings("default"))
