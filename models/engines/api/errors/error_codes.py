"""Codes that providers send, told from texts and from keys that an endpoint sends back."""

import re
from collections.abc import Iterable
from itertools import chain
from typing import TypeGuard

from models.errors import known_secrets

SHORTEST_SECRET = 6
"""Characters that a code and a secret must share to be the same."""
_CODE = re.compile(r"(?=.{1,48}$)(?:[A-Za-z]{1,40}|\d{1,4})(?:[_.\-](?:[A-Za-z]{1,40}|\d{1,4}))*")
"""Words of letters, or short numbers, parted by a mark: keys have letters and digits in one piece, or are longer."""
_WORDS = re.compile(r"[a-z]{1,24}|[A-Z]{1,24}|\d+|(?:[A-Z]{1,4}[a-z]{2,})+|[a-z]+(?:[A-Z]{1,4}[a-z]{2,})+")
_SHAPES = re.compile(
    r"(?:sk|pk|rk|hf|gsk|xai|ghp|gho|glpat|key|bearer|xox[a-z]|akia|aiza|eyj)(?:[_.\-]|$)", re.IGNORECASE
)
"""How keys begin."""
_ID = re.compile(r"[!-~]{1,1000}")
_secrets: set[str] = set()


def keep_secret(values: Iterable[str]) -> None:
    """Note what an endpoint is sent and may send back: keys, headers, what an address holds. None of it is ever a code."""
    _secrets.update(value.lower() for value in values if len(value) >= SHORTEST_SECRET)


def is_secret(text: str) -> bool:
    """Whether a text holds a secret that was sent or of the settings, or a piece of one, or looks as keys do."""
    said = text.lower()
    if _SHAPES.match(said):
        return True
    known = chain(_secrets, (one.lower() for one in known_secrets()))
    return any(one in said or (len(said) >= SHORTEST_SECRET and said in one) for one in known)


def is_id(value: object) -> TypeGuard[str]:
    """Whether a provider's id may stand in messages, in the ledger and in an address: plain characters, no secret that was sent."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return False
    said = value.lower()
    return not any(one.lower() in said for one in chain(_secrets, known_secrets()))


def error_code(value: object) -> str | None:
    """Return a short code that a provider sent; None for anything that could be text of a record, or a key."""
    if not isinstance(value, str) or not _CODE.fullmatch(value) or is_secret(value):
        return None
    return value if all(_WORDS.fullmatch(part) for part in re.split(r"[_.\-]", value)) else None
