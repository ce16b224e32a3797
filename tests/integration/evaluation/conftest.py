"""Fixtures of the pipeline's tests, for the tests of evaluations."""

from tests.integration.pipeline.conftest import make_url, runner

__all__ = ["make_url", "runner"]
