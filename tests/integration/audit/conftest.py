"""Fixtures of the pipeline's tests, for the tests of audits."""

from tests.integration.hybrid.conftest import impatient
from tests.integration.pipeline.conftest import make_url, runner

__all__ = ["impatient", "make_url", "runner"]
