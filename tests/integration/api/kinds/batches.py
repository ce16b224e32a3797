"""Kinds of fault: batches."""

from tests.integration.api.kinds import Kind

KINDS: tuple[Kind, ...] = ()
