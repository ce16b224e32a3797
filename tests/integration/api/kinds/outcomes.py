"""Kinds of fault: outcomes."""

from tests.integration.api.kinds import Kind

KINDS: tuple[Kind, ...] = ()
