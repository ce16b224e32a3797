"""Which texts of the settings and of the environment are secrets, so that no message repeats them."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from models.settings.delivery import ChatSettings

_SECRET_NAME = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|key|signature|sig|auth_?string|credentials?)$", re.IGNORECASE
)
"""How a variable or an option ends that holds a secret."""
_PROXY = re.compile(r"_proxy$", re.IGNORECASE)
_SHOWN = frozenset({"examples", "labels", "pattern", "required_if"})
"""What a workload shows its model: texts of any kind, whose fields may have any name."""
_IN_ADDRESS = re.compile(r"[/:@?&=#]+")


def secrets_of_environment() -> Iterator[str]:
    """Yield what variables hold whose names say that it is a secret, and the passwords of proxies."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and not value.startswith(("/", ".", "{", "[")):
            yield from _pieces(value)
        elif _PROXY.search(name):
            yield from _of_address(value)


def secrets_in(value: object) -> Iterator[str]:
    """Yield the secrets in settings: of each `SecretStr`, of addresses, and of tables by their names."""
    if isinstance(value, ChatSettings):
        address = "" if value.url is None else value.url.get_secret_value()
        yield address
        yield from (piece for piece in _IN_ADDRESS.split(unquote(address)) if "." not in piece)
    elif isinstance(value, SecretStr):
        yield from _pieces(value.get_secret_value())
    elif isinstance(value, BaseModel):
        yield from secrets_in(dict(value))
    elif isinstance(value, Mapping):
        for name, inside in value.items():
            if name in _SHOWN:
                continue
            yield from _pieces(inside) if _is_named_secret(name, inside) else secrets_in(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from secrets_in(inside)
    elif isinstance(value, str):
        yield from _of_address(value)


def holds_secret(name: str, value: str) -> bool:
    """Whether a variable is a secret by its name, or holds an address with a password or a signature."""
    return _SECRET_NAME.search(name) is not None or any(_of_address(value))


def _is_named_secret(name: Any, value: object) -> bool:  # noqa: ANN401  any key of a table
    return isinstance(name, str) and isinstance(value, str) and _SECRET_NAME.search(name) is not None


def _pieces(secret: str) -> Iterator[str]:
    """Yield a secret, or of an address its secret parts; of `Bearer …` what stands behind the word."""
    if "://" in secret:
        yield from _of_address(secret)
        return
    yield secret.strip()
    yield from secret.split()[1:]


def _of_address(address: str) -> Iterator[str]:
    """Yield the passwords and signatures of an address, as they stand and decoded."""
    if "://" not in address:
        return
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, such as one with half a bracket
        return
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    secret = password or (user if parts.scheme in {"http", "https"} else "")
    yield from (secret, unquote(secret), *secret.split("@"))
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name):
            yield value
