"""The address of an own server, and whether it is in the house. Imports no client and asks no DNS.

Records that must stay may go to it, so only two kinds of host pass: this machine, and hosts that the settings
name. What an address could be read as in two ways is refused, not interpreted.
"""

import re
from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import final

from models.errors import ResidencyError, UsageError

DEFAULT_PATH = "/v1"
_ISSUED = object()
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[\w.~/-]*)?",
    re.ASCII | re.IGNORECASE,
)
"""Letters, digits and little else: no user, no query, no backslash, nothing that two parsers could read differently."""
_HOST = re.compile(r"\[?[0-9a-f:.]+\]?|[a-z0-9._-]+", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
"""A last label that makes a resolver read the whole host as an IPv4 address, such as in 2130706433 or 0x7f.1."""
_EXAMPLE = "such as http://127.0.0.1:8000/v1"
_MOST_PORTS = 65535


@final
@dataclass(frozen=True, slots=True)
class ServerAddress:
    """An address to which records of the house may be sent. `of` is the only way to get one.

    `host` is name and port for messages; `on_this_machine`: it is a loopback address.
    """

    url: str
    host: str
    on_this_machine: bool
    issued: InitVar[object]

    def __post_init__(self, issued: object) -> None:
        """Refuse an address that nobody has looked at."""
        if issued is not _ISSUED:
            msg = "a server's address is checked by ServerAddress.of, never made"
            raise ResidencyError(msg)

    @classmethod
    def of(cls, url: str | None, declared: Iterable[str]) -> "ServerAddress":
        """Return the address if it is this machine's, or its host is one of those declared in-house.

        An address without a path gets `/v1`. Raises `UsageError` for what is no such address, and
        `ResidencyError` for a host that nobody declared.
        """
        names = {_declared(name) for name in declared}
        found = _URL.fullmatch((url or "").strip())
        if found is None or int(found["port"] or 0) > _MOST_PORTS:
            raise UsageError(_what_is_wrong(url))
        host = canonical(found["host"])
        if host is None:
            msg = "BREAKEVEN_SERVER_URL holds an IP address in another form than four numbers: write it as 127.0.0.1"
            raise UsageError(msg)
        port = f":{found['port']}" if found["port"] else ""
        here = is_loopback(host)
        if not here and host not in names:
            msg = (
                f"the server {host} is not declared in-house, so no record may be sent to it: if it is yours, set "
                f"BREAKEVEN_SERVER_HOSTS='[\"{host}\"]' (only 127.0.0.1, [::1] and localhost need no declaration)"
            )
            raise ResidencyError(msg)
        written = f"{found['host'].lower()}{port}"
        return cls(
            f"{found['scheme'].lower()}://{written}{found['path'] or DEFAULT_PATH}", written, here, _ISSUED
        )


def canonical(host: str) -> str | None:
    """Return a host in one form: lower case, no final dot, an IP address as Python writes it.

    An IPv4 address inside an IPv6 one is the IPv4 address. None for a number that only some programs read
    as an address.
    """
    bare = host.lower().removesuffix(".")
    if bare.startswith("["):
        inside = _address(bare[1:-1]) if ":" in bare else None
        return None if inside is None else str(inside)
    if (address := _address(bare)) is not None:
        return str(address)
    return None if not bare or _NUMBER.fullmatch(bare.rsplit(".", 1)[-1]) else bare


def is_loopback(host: str) -> bool:
    """Whether a canonical host is this machine: `localhost` itself, or a loopback address."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _declared(name: str) -> str:
    host = canonical(name.strip()) if _HOST.fullmatch(name.strip()) else None
    if host is None:
        msg = (
            f"BREAKEVEN_SERVER_HOSTS holds {name!r}: name hosts as they stand in the address, without http://, "
            "port, user or *"
        )
        raise UsageError(msg)
    return host


def _what_is_wrong(url: str | None) -> str:
    """Say what is wrong with an address. It is not repeated: it can hold a password."""
    if not (url or "").strip():
        return f"the engine is a server, and its address is not set: set BREAKEVEN_SERVER_URL, {_EXAMPLE}"
    if "@" in str(url):
        return f"BREAKEVEN_SERVER_URL holds a user or a password: set BREAKEVEN_SERVER_KEY, and an address {_EXAMPLE}"
    return f"BREAKEVEN_SERVER_URL must be a plain http:// or https:// address, {_EXAMPLE}"
