"""One small request: its reply is bounded in bytes and in time as a whole, and goes nowhere else."""

import ssl
from collections.abc import Mapping

import httpx2

from models.engines.api.deadline_transport import DeadlineTransport
from models.engines.api.reply_limits import ACCEPTED, limit_replies

MOST_BYTES = 8_000_000
"""Of the body of a list of models, a few thousand of them, or of a state."""
MOST_REDIRECTS = 5


class RedirectedElsewhere(httpx2.HTTPError):
    """The reply sends us to another host, or from TLS to none: nothing was sent there."""


def fetch(
    url: str,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    most_bytes: int = MOST_BYTES,
    redirects: bool = False,
    proxies: bool = True,
) -> httpx2.Response:
    """Return a reply, read whole, whatever its status is.

    `seconds`: for each reply as a whole, connecting included. `redirects`: follow those that stay at the same scheme, host and
    port, or go from http to https there. `proxies`: use those of the environment. Raises `httpx2.HTTPError`, also for what is no
    address, and where a redirect leads elsewhere.
    """
    try:
        sender = httpx2.AsyncClient(
            verify=True if redirects else certificates_for(url),
            trust_env=proxies,
            timeout=seconds,
            event_hooks={"response": [limit_replies(most_bytes)]},
        )
        with DeadlineTransport(sender, seconds, sending_seconds=seconds) as transport:
            client = httpx2.Client(
                transport=transport, trust_env=False, headers={"Accept-Encoding": ACCEPTED}
            )
            reply = client.request(method, url, headers=headers)
            for _ in range(MOST_REDIRECTS if redirects else 0):
                if (following := reply.next_request) is None:
                    break
                if not stays(str(reply.request.url), str(following.url)):
                    msg = "redirected to another host"
                    raise RedirectedElsewhere(msg)
                reply = client.send(following)
            return reply
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise httpx2.UnsupportedProtocol(str(error)) from None


def certificates_for(base_url: str) -> ssl.SSLContext | bool:
    """Return what an endpoint's certificate is held against; nothing is trusted where the address needs none.

    Reading the trusted ones takes a twentieth of a second for each client, also for an address without TLS. Redirects, which
    might need them, are not followed.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if base_url.lower().startswith("http://") else True


def stays(before: str, after: str) -> bool:
    """Whether an address is of the same scheme, host and port as another one, or of the same host over TLS."""
    was, will = httpx2.URL(before), httpx2.URL(after)
    if (was.scheme, was.host, was.port) == (will.scheme, will.host, will.port):
        return True
    usual = was.port is None and will.port is None
    return usual and was.host == will.host and (was.scheme, will.scheme) == ("http", "https")
