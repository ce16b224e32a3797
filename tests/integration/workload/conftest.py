"""Commands as a user starts them, for the tests of `breakeven workload`."""

from tests.integration.backfill.conftest import commands

__all__ = ["commands"]
