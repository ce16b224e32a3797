"""The API engine: any OpenAI-compatible endpoint, asked synchronously. Only file that imports openai for that."""

import asyncio
import json
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient

from models.engines.api.journal_batcher import JournalBatcher
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiRequest, Journal
from models.engines.api.rate_limits import Limits
from models.engines.api.replies import Reply
from models.engines.api.sender import Endpoint, RequestSender
from models.engines.api.stale_reply import StaleReply, refuse_stale_reply
from models.engines.api.stream import WINDOW_FACTOR, ApiStream, stream_requests
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Completion, JsonValue

ATTEMPT_HEADER = "X-Client-Request-Id"
CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 2.0
"""Idle connections are dropped before servers do it (uvicorn: after 5 s): a request sent on a connection that
is being closed is lost, and nobody knows whether it was billed."""
CHATTY_LOGGERS = ("openai", "httpx2", "httpcore2")

_NEVER_SENT = (
    (httpx2.ConnectTimeout, "connect_timeout"),
    (httpx2.ConnectError, "connect"),
    (httpx2.PoolTimeout, "connect_timeout"),
    (httpx2.ProxyError, "proxy"),
    (httpx2.UnsupportedProtocol, "connect"),
)
_PERHAPS_SENT = (
    (StaleReply, "stale_reply"),
    (httpx2.TimeoutException, "timeout"),
    (httpx2.NetworkError, "reset"),
    (httpx2.ProtocolError, "cut_off"),
)


class OpenAIEngine:
    """Asks an endpoint through the official client, on an event loop in a thread of its own.

    The client's own retries are off: attempts are made, counted and written down here. `limits` may be
    shared by engines that ask the same endpoint. Raises `UsageError` for an address that the client does
    not take.
    """

    name = "openai"

    def __init__(self, options: ApiOptions, journal: Journal, limits: Limits | None = None) -> None:
        self.options = options
        self.model = options.model
        self._journal = journal
        self._client = _client(options)
        # One thread: transactions of one ledger would only wait for each other.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="api-journal")
        self._endpoint = Endpoint(
            options,
            journal,
            JournalBatcher(journal, self._executor),
            limits or Limits.from_options(options),
            self._ask,
        )
        self._streams: weakref.WeakSet[ApiStream] = weakref.WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-engine", daemon=True)
        self._thread.start()

    def open(self, answers: AnswerIndex | None = None, stop: Callable[[], bool] = lambda: False) -> ApiStream:
        """Begin a stream. The run's deadline (`run_seconds`) counts from here. Raises `RuntimeError` once closed."""
        if self._loop is None:
            msg = "the API engine is closed"
            raise RuntimeError(msg)
        flow = ApiStream(
            self._loop,
            RequestSender(self._endpoint),
            self._journal.close,
            size=WINDOW_FACTOR * self.options.concurrency,
            answers=answers,
            stop=stop,
        )
        self._streams.add(flow)
        return flow

    def stream(
        self,
        requests: Iterable[ApiRequest | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer `requests` as `models.engines.base.Engine.stream` says.

        Raises `ApiAccessError` and what the journal raises, after everything that was answered.
        """
        return stream_requests(self.open(answers, stop), requests, stop)

    def lap(self) -> GpuTime:
        """Return no time: an API has no GPU of ours."""
        return GpuTime()

    def close(self) -> None:
        """Abandon what is in flight and end the thread. A closed engine cannot stream."""
        if self._loop is None:
            return
        loop, self._loop = self._loop, None
        for flow in list(self._streams):
            flow.abandon()
        asyncio.run_coroutine_threadsafe(_shut_down(self._client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
        self._executor.shutdown()

    async def _ask(self, body: dict[str, JsonValue], attempt: UUID) -> Reply:
        """Send one request, within its deadline. Errors of the client hold bodies and end here."""
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                response = await self._client.post(
                    "/chat/completions",
                    body=body,
                    cast_to=httpx2.Response,
                    options={"headers": {ATTEMPT_HEADER: str(attempt)}},
                )
        except TimeoutError:
            return Reply(failure="timeout")
        except APIStatusError as error:
            return _refusal(error)
        except APIConnectionError as error:
            return _no_reply(error.__cause__)
        return _reply(response)


def _reply(response: httpx2.Response) -> Reply:
    headers = dict(response.headers)
    try:
        body: object = json.loads(response.content)
    except (ValueError, RecursionError):
        return Reply(failure="invalid_json", headers=headers)
    return Reply(response.status_code, body, headers)


def _refusal(error: APIStatusError) -> Reply:
    return Reply(
        error.status_code,
        headers=dict(error.response.headers),
        code=_text(error.code),
        param=_text(error.param),
        kind=_text(error.type),
    )


def _no_reply(cause: BaseException | None) -> Reply:
    for kinds, sent in ((_NEVER_SENT, False), (_PERHAPS_SENT, True)):
        for kind, failure in kinds:
            if isinstance(cause, kind):
                return Reply(failure=failure, sent=sent)
    return Reply(failure="transport")


def _text(value: object) -> str | None:
    """Return a field of an error body, which need not have the type the client declares."""
    return value if isinstance(value, str) else None


def _client(options: ApiOptions) -> AsyncOpenAI:
    """Make the client. It follows no redirect: a POST would become a GET, or leave for another host."""
    for name in CHATTY_LOGGERS:  # at DEBUG some versions write down whole requests, at INFO a line for each
        logging.getLogger(name).setLevel(logging.WARNING)
    connect = min(CONNECT_SECONDS, 0.8 * options.timeout_seconds)
    http_client = DefaultAsyncHttpxClient(
        timeout=httpx2.Timeout(options.timeout_seconds, connect=connect),
        limits=httpx2.Limits(
            max_connections=None,
            max_keepalive_connections=options.concurrency,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
        follow_redirects=False,
        event_hooks={"request": [refuse_stale_reply]},
    )
    try:
        return AsyncOpenAI(
            api_key=options.sent_key.get_secret_value(),
            base_url=options.base_url,
            max_retries=0,
            http_client=http_client,
        )
    except httpx2.InvalidURL:
        msg = "BREAKEVEN_API_BASE_URL is no address that can be asked"
        raise UsageError(msg) from None  # the address can hold a password


async def _shut_down(client: AsyncOpenAI) -> None:
    await client.close()
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
