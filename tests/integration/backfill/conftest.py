"""Fixtures of the pipeline's tests, for the tests of backfills."""

from tests.integration.pipeline.conftest import settings

__all__ = ["settings"]
