"""What a user adds to every request, or leaves out of it: fields of the body, and headers."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from models.errors import UsageError
from models.nearest import unknown_name
from models.requests import JsonValue
from models.settings import Settings

LIMIT_FIELDS = frozenset({"max_tokens", "max_completion_tokens"})
OMISSIBLE = frozenset({"temperature", "seed", "reasoning_effort", "response_format"}) | LIMIT_FIELDS
RESERVED = frozenset({"model", "messages", "stream", "n"}) | LIMIT_FIELDS
"""Fields that say what is asked and bound what it costs: they come from other settings alone."""
OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "x-client-request-id"}
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def checked_omissions(names: Iterable[str]) -> frozenset[str]:
    """Return the fields that are never sent. Raises `UsageError` for one that is none of ours, and for both limits.

    Without any limit an answer would be unbounded, and so would be its cost.
    """
    found = frozenset(names)
    for name in sorted(found - OMISSIBLE):
        msg = f"BREAKEVEN_API_OMIT_FIELDS: {unknown_name('field', name, sorted(OMISSIBLE))}"
        raise UsageError(msg)
    if found >= LIMIT_FIELDS:
        msg = (
            "BREAKEVEN_API_OMIT_FIELDS leaves out max_tokens and max_completion_tokens: without either an answer has "
            "no bound, and neither has its cost; leave one of them in"
        )
        raise UsageError(msg)
    return found


def checked_extra_body(extra: Mapping[str, Any]) -> Mapping[str, JsonValue]:
    """Return what is added to each body. Raises `UsageError` for a field that is set elsewhere, and for what is no JSON."""
    if taken := sorted(RESERVED & extra.keys()):
        msg = (
            f"BREAKEVEN_API_EXTRA_BODY holds {taken[0]}: what is asked, and what bounds its cost, comes from the other "
            "settings alone; remove it"
        )
        raise UsageError(msg)
    try:
        copied: dict[str, JsonValue] = json.loads(json.dumps(dict(extra), allow_nan=False))
    except (TypeError, ValueError):
        msg = "BREAKEVEN_API_EXTRA_BODY holds a value that JSON has no form for (a date, nan): write it as a string"
        raise UsageError(msg) from None
    return copied


def checked_headers(settings: Settings) -> Mapping[str, SecretStr]:
    """Return the headers that are added, organisation and project among them. Raises `UsageError`; it shows no value."""
    named = {
        "OpenAI-Organization": ("BREAKEVEN_API_ORGANIZATION", settings.api_organization),
        "OpenAI-Project": ("BREAKEVEN_API_PROJECT", settings.api_project),
    }
    headers = {
        name: SecretStr(value.strip()) for name, (_, value) in named.items() if value and value.strip()
    }
    for name, value in settings.api_headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
            msg = f"BREAKEVEN_API_HEADERS: {name!r} is no header that can be added to a request"
            raise UsageError(msg)
        headers[name] = SecretStr(value.get_secret_value().strip())
    for name, value in headers.items():
        text = value.get_secret_value()
        if not (text.isascii() and text.isprintable()):
            msg = f"{named.get(name, ('BREAKEVEN_API_HEADERS', ''))[0]}: the value of {name} cannot stand in a header"
            raise UsageError(msg)
    return headers
