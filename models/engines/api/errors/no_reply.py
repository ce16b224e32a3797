"""What it means that no whole reply came: by the HTTP client's error, and without any client library's words."""

import httpx2

from models.engines.api.errors.stale_reply import StaleReply
from models.engines.api.replies import Reply
from models.engines.api.reply_limits import TOO_LARGE, UNDECODABLE, ReplyTooLarge

_NEVER_SENT = (
    (httpx2.ConnectTimeout, "connect_timeout"),
    (httpx2.ConnectError, "connect"),
    (httpx2.PoolTimeout, "connect_timeout"),
    (httpx2.ProxyError, "proxy"),
    (httpx2.UnsupportedProtocol, "connect"),
)
_PERHAPS_SENT = (
    (StaleReply, "stale_reply"),
    (ReplyTooLarge, TOO_LARGE),
    (httpx2.DecodingError, UNDECODABLE),
    (httpx2.TimeoutException, "timeout"),
    (httpx2.NetworkError, "reset"),
    (httpx2.ProtocolError, "cut_off"),
)


def no_reply(cause: BaseException | None) -> Reply:
    """Say in a code why no whole reply came, and whether the request may have arrived."""
    for kinds, sent in ((_NEVER_SENT, False), (_PERHAPS_SENT, True)):
        for kind, failure in kinds:
            if isinstance(cause, kind):
                return Reply(failure=failure, sent=sent)
    return Reply(failure="transport")
