"""Fixtures of the pipeline's tests, for the tests of local engine and API together."""

from tests.integration.pipeline.conftest import runner

__all__ = ["runner"]
