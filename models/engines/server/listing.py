"""Asks a server of one's own which models it has: no record is sent, and nothing is computed."""

from collections.abc import Sequence
from typing import Any, cast

import httpx2

from models.engines.api.errors.error_codes import is_secret
from models.engines.api.errors.no_reply import no_reply
from models.engines.api.fetch import fetch
from models.engines.api.reply_limits import parse_json
from models.engines.server.options import ServerOptions
from models.errors import EngineStartError

LISTING_SECONDS = 10.0
LONGEST_NAME = 200
NAMED = 10
"""Models that a message names."""
_NO_LIST = frozenset({httpx2.codes.NOT_FOUND, httpx2.codes.METHOD_NOT_ALLOWED, httpx2.codes.NOT_IMPLEMENTED})


def check_server(options: ServerOptions, seconds: float = LISTING_SECONDS) -> Sequence[str] | None:
    """See that the server answers and has the model; return the models that it lists, None where it lists none.

    Not every server has such a list. Raises `EngineStartError` with one line that says what to do.
    """
    names = list_models(options, seconds)
    # Ollama leaves the tag `latest` out where it is not asked for.
    if names and options.model not in names and f"{options.model}:latest" not in names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        msg = (
            f"the server {options.host} has no model {options.model!r}: set BREAKEVEN_MODEL to one of its own "
            f"({', '.join(names[:NAMED])}{more})"
        )
        raise EngineStartError(msg)
    return names


def list_models(options: ServerOptions, seconds: float = LISTING_SECONDS) -> Sequence[str] | None:
    """Return the names that the server lists, None where it has no list. Raises `EngineStartError`."""
    try:
        # no proxy of the environment, no redirect: what is declared in-house is asked, and nothing else
        reply = fetch(
            f"{options.base_url.rstrip('/')}/models",
            headers={"Authorization": f"Bearer {options.sent_key.get_secret_value()}"},
            seconds=seconds,
            most_bytes=options.max_reply_bytes,
            proxies=False,
        )
        status, names = reply.status_code, _names(reply)
    except httpx2.HTTPError as error:
        msg = (
            f"the server {options.host} does not answer ({no_reply(error).failure}): start it, or correct "
            "BREAKEVEN_SERVER_URL"
        )
        raise EngineStartError(msg) from None
    if status in _NO_LIST:
        return None
    if status != httpx2.codes.OK:
        raise EngineStartError(no_service(options.host, status))
    return names


def no_service(host: str, status: int) -> str:
    """Return the one line that says what to do about a status after which no request can succeed."""
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        return f"the server {host} refuses the key (http_{status}): set BREAKEVEN_SERVER_KEY to a valid one"
    if status < httpx2.codes.BAD_REQUEST:
        return f"the server {host} is elsewhere (http_{status}): set BREAKEVEN_SERVER_URL to its own address"
    if status in _NO_LIST:
        return (
            f"the server {host} has no such model, or no chat completions at this address (http_{status}): check "
            "BREAKEVEN_MODEL and BREAKEVEN_SERVER_URL, which mostly ends in /v1"
        )
    return f"the server {host} cannot answer now (http_{status}): it may still be loading; look at its log"


def _names(reply: httpx2.Response) -> list[str] | None:
    """Return the ids of OpenAI's list of models, None where the body is none."""
    try:
        if not reply.is_success:
            return None
        listed = cast("Any", parse_json(reply.content))["data"]
        names = [one["id"] for one in listed if isinstance(one["id"], str)]
        return [name for name in names if len(name) <= LONGEST_NAME and not is_secret(name)]
    except (ValueError, LookupError, TypeError):
        return None
