"""Shared by all tests: the developer's own settings do not leak in."""

import os

import pytest


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
