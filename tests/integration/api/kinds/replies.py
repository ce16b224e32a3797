"""Kinds of fault: replies."""

from tests.integration.api.kinds import Kind

KINDS: tuple[Kind, ...] = ()
