"""Settings over both databases, for the pipeline's tests."""

from pathlib import Path

import pytest

from models.settings import Settings
from tests.integration.pipeline.harness import settings_for


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Give settings with a database and an output folder of the test's own: on SQLite, then on PostgreSQL."""
    return settings_for(tmp_path, database_url)
