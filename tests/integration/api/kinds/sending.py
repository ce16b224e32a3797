"""Kinds of fault: sending."""

from tests.integration.api.kinds import Kind

KINDS: tuple[Kind, ...] = ()
