"""How a secret may come back: as it is, escaped for an address or for JSON, and inside of base64."""

import base64
import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

_LEAST_FOLDED = 8
"""Letters of base64 that tell a secret; a shorter piece may stand in any word."""
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_STANDARD = str.maketrans("-_", "+/")


def forms_of(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and escaped."""
    raw = secret.encode(errors="surrogatepass")
    escaped = (quote(raw, safe=""), quote(raw), quote_plus(raw), json.dumps(secret)[1:-1])
    yield from dict.fromkeys((secret, *escaped))


def folded_forms(secret: str) -> Iterator[str]:
    """Yield the letters of base64 by which a secret is known, for each of the three places where it may begin.

    The first and the last ones depend on what stands beside it.
    """
    raw = secret.encode(errors="surrogatepass")
    for before in range(3):
        letters = base64.b64encode(b" " * before + raw).decode().rstrip("=")
        # a letter holds 6 bits: those that a neighbour has a part of are left out
        core = letters[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(core) >= _LEAST_FOLDED:
            yield core


def hide_folded(text: str, folded: Collection[str], instead: str) -> str:
    """Return a text without the words of base64 that hold one of these secrets."""
    standard = text.translate(_STANDARD)
    cores = [core for core in folded if core in standard]
    if not cores:
        return text
    return _TOKEN.sub(
        lambda found: instead if any(one in found[0].translate(_STANDARD) for one in cores) else found[0],
        text,
    )
