"""Fixtures of the pipeline's tests, for whole runs against providers."""

from tests.integration.pipeline.conftest import make_url

__all__ = ["make_url"]
