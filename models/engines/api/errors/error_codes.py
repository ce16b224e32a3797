"""Codes that providers send, told from texts."""

import re

_CODE = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,64}")


def error_code(value: object) -> str | None:
    """Return a short code that a provider sent; None for anything that could be text of a record."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
