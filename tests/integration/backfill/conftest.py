"""Fixtures of the pipeline's tests, for the tests of backfills."""

from tests.integration.pipeline.conftest import settings, settings_without_ledger

__all__ = ["settings", "settings_without_ledger"]
