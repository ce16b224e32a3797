"""Fixtures of the pipeline's tests, for the tests of backfills, and commands as a user starts them."""

from collections.abc import Iterator

import pytest

from tests.integration.backfill.commands import Commands
from tests.integration.pipeline.conftest import settings, settings_without_ledger

__all__ = ["settings", "settings_without_ledger"]


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Start the program that starts commands."""
    commands = Commands(tmp_path_factory.mktemp("commands"))
    yield commands
    commands.close()
