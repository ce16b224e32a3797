"""Sends one chat completion with the official client, whose errors become plain replies. Only file that imports openai for that."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import httpx2
from openai import APIConnectionError, APIStatusError, DefaultAsyncHttpxClient
from pydantic import SecretStr

from models.engines.api.endpoint_address import COMPLETIONS, split_address
from models.engines.api.errors.error_codes import keep_secret
from models.engines.api.errors.no_reply import no_reply
from models.engines.api.errors.stale_reply import refuse_stale_reply
from models.engines.api.fetch import certificates_for
from models.engines.api.own_client import AsyncOwnClient, no_cookies, secrets_of
from models.engines.api.replies import Reply, error_reply
from models.engines.api.reply_limits import TOO_LARGE, LargeReplies, ReplyTooLarge, limit_replies, parse_json
from models.requests import JsonValue

ATTEMPT_HEADER = "X-Client-Request-Id"
CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 2.0
"""Idle connections are dropped before servers do it (uvicorn: after 5 s): a request sent on a connection that
is being closed is lost, and nobody knows whether it was billed."""
LONGEST_TEXT = 20_000
"""Bytes of an error that is no JSON in which its reason is looked for."""
CHATTY_LOGGERS = ("openai", "httpx2", "httpcore2")


class ClientOptions(Protocol):
    """What the client must know of an endpoint. Times are seconds."""

    @property
    def base_url(self) -> str:
        """Address below which `/chat/completions` lies, or which is it; a query goes with every request."""

    @property
    def sent_key(self) -> SecretStr:
        """The key that goes into the header: a placeholder where none is set."""

    @property
    def sends_key(self) -> bool:
        """Whether `sent_key` goes along as a bearer token."""

    @property
    def headers(self) -> Mapping[str, SecretStr]:
        """What else goes with every request, by name."""

    @property
    def timeout_seconds(self) -> float:
        """Deadline of one request, whole."""

    @property
    def concurrency(self) -> int:
        """Requests in flight at most."""

    @property
    def max_reply_bytes(self) -> int:
        """Bytes of a reply's body at most, unfolded."""


class ChatClient:
    """One endpoint's client. Its own retries are off, and it follows no redirect.

    A redirected POST would become a GET, or leave for another host. `in_house`: no proxy of the environment is
    used, so that what is meant for a host goes to that host alone. Raises `httpx2.InvalidURL`.
    """

    def __init__(self, options: ClientOptions, *, in_house: bool = False) -> None:
        for (
            name
        ) in CHATTY_LOGGERS:  # at DEBUG some versions write down whole requests, at INFO a line for each
            logging.getLogger(name).setLevel(logging.WARNING)
        self._seconds = options.timeout_seconds
        self._large = LargeReplies()
        keep_secret(secrets_of(options.base_url, options.sent_key, options.headers))
        base_url, query = split_address(options.base_url)
        self._client = AsyncOwnClient(
            api_key=options.sent_key.get_secret_value(),
            base_url=base_url,
            default_query=query,
            max_retries=0,
            http_client=_http_client(options, self._large, in_house=in_house),
        )
        self._client.own_headers, self._client.bearer = options.headers, options.sends_key

    async def ask(self, body: dict[str, JsonValue], attempt: UUID) -> Reply:
        """Send one request, within its deadline. Raises nothing but its own cancellation."""
        sending = asyncio.ensure_future(self._post(body, attempt))
        try:
            await asyncio.wait({sending}, timeout=self._seconds)
        finally:
            if not sending.done():
                sending.cancel()
                await _let_end(sending)
            # a turn later: by then the reply is judged, and its body is gone
            asyncio.get_running_loop().call_soon(self._large.leave, sending)
        return Reply(failure="timeout") if sending.cancelled() else sending.result()

    async def _post(self, body: dict[str, JsonValue], attempt: UUID) -> Reply:
        """Send one request. Errors of the client hold bodies and end here."""
        try:
            response = await self._client.post(
                COMPLETIONS,
                body=body,
                cast_to=httpx2.Response,
                options={"headers": {ATTEMPT_HEADER: str(attempt)}},
            )
        except APIStatusError as error:
            return _refusal(error)
        except APIConnectionError as error:
            return no_reply(error.__cause__)
        return _reply(response)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


async def _let_end(task: asyncio.Future[Reply]) -> None:
    """Wait until a cancelled task has ended, also where the waiting is cancelled meanwhile.

    A second cancellation of the task itself would break into the closing of its connection, which would stay open.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _http_client(options: ClientOptions, large: LargeReplies, *, in_house: bool) -> httpx2.AsyncClient:
    connect = min(CONNECT_SECONDS, 0.8 * options.timeout_seconds)
    # Without the environment the client would not see SSL_CERT_FILE; this context does, and the machine's own store.
    verify = certificates_for(options.base_url)
    if in_house and verify is True:
        verify = ssl.create_default_context()
    return DefaultAsyncHttpxClient(
        timeout=httpx2.Timeout(options.timeout_seconds, connect=connect),
        limits=httpx2.Limits(
            max_connections=None,
            max_keepalive_connections=options.concurrency,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
        follow_redirects=False,
        event_hooks={
            "request": [refuse_stale_reply],
            "response": [limit_replies(options.max_reply_bytes, large=large)],
        },
        cookies=no_cookies(),
        trust_env=not in_house,
        verify=verify,
    )


def _reply(response: httpx2.Response) -> Reply:
    headers = dict(response.headers)
    try:
        body = parse_json(response.content)
    except ReplyTooLarge:
        return Reply(failure=TOO_LARGE, headers=headers)
    except ValueError:
        return Reply(failure="invalid_json", headers=headers)
    return Reply(response.status_code, body, headers)


def _refusal(error: APIStatusError) -> Reply:
    content, headers = error.response.content, dict(error.response.headers)
    try:
        body = parse_json(content)
    except ReplyTooLarge:
        return Reply(failure=TOO_LARGE, headers=headers)
    except ValueError:
        body = content[:LONGEST_TEXT].decode("utf-8", "replace")
    return error_reply(error.status_code, body, headers)
