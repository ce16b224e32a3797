"""Proxies of the environment that no client can use: HTTP clients end with a traceback over them when they are made."""

import os
from importlib.util import find_spec

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def describe_proxy_fault(error: ValueError | ImportError) -> str | None:
    """Say in one line which variable a client has failed over, without its value; None where this is another error."""
    if "proxy" not in str(error).lower():
        return None
    unusable = [
        name
        for name in sorted(os.environ)
        if name.upper() in _NAMES and not _can_be_used(os.environ[name].strip())
    ]
    if not unusable:
        return None
    return (
        f"{', '.join(unusable)}: no proxy that can be used: write http://HOST:PORT (socks5:// needs the package socksio), "
        "or unset it"
    )


def _can_be_used(address: str) -> bool:
    if not address:
        return True
    import httpx2  # noqa: PLC0415  a tenth of a second, for who has no such fault

    try:
        scheme = httpx2.Proxy(address if "://" in address else f"http://{address}").url.scheme
    except (ValueError, httpx2.InvalidURL):
        return False
    return not scheme.startswith("socks") or find_spec("socksio") is not None
