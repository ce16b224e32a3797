"""Kinds of fault: prices."""

from tests.integration.api.kinds import Kind

KINDS: tuple[Kind, ...] = ()
