"""Fixtures of the pipeline's tests, for the tests of trainings."""

from tests.integration.pipeline.conftest import make_url, settings

__all__ = ["make_url", "settings"]
