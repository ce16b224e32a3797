"""Refuses a reply that lay there before its request was sent: it belongs to another request."""

import asyncio
from collections.abc import Mapping

import httpx2

_BEFORE = "http11.receive_response_headers.started"
_AFTER = "http11.receive_response_headers.complete"


class StaleReply(httpx2.RemoteProtocolError):
    """The connection holds a reply to an earlier request. It is closed; the request was sent."""


async def refuse_stale_reply(request: httpx2.Request) -> None:
    """Watch one request; to be called by the client before it is sent (an event hook).

    A server, or a proxy before it, that sends a response twice leaves the second in the connection's
    buffer, and the client takes it for the answer to the next request: one record would get another's
    answer, and so would every one after it (httpcore2 2.16). Such a reply is there without anything
    being read, so the event loop has no turn between the end of the request and the reply's head.
    """
    request.extensions["trace"] = _Watch().event


class _Watch:
    def __init__(self) -> None:
        self._had_a_turn = False

    async def event(self, name: str, _: Mapping[str, object]) -> None:
        """Follow the transport's events, as its extension `trace` tells them."""
        if name == _BEFORE:
            asyncio.get_running_loop().call_soon(self._turn)
        elif name == _AFTER and not self._had_a_turn:
            msg = "a reply was there before the request was sent"
            raise StaleReply(msg)

    def _turn(self) -> None:
        self._had_a_turn = True
