"""Our own keys: time-ordered UUIDs (invariant I6)."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a fresh UUIDv7; later ones sort after earlier ones, so indexes grow at their end."""
    return uuid7()
