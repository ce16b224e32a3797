"""The API engine: any OpenAI-compatible endpoint, asked synchronously."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_client import ChatClient
from models.engines.api.endpoint import Endpoint
from models.engines.api.journal_batcher import JournalBatcher
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiRequest, Journal
from models.engines.api.rate_limits import Limits
from models.engines.api.sender import RequestSender
from models.engines.api.stream import WINDOW_FACTOR, ApiStream, stream_requests
from models.engines.window import is_parsed
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.proxies import describe_proxy_fault
from models.requests import AnswerIndex, Completion


class OpenAIEngine:
    """Asks an endpoint through the official client, on an event loop in a thread of its own.

    The client's own retries are off: attempts are made, counted and written down here. `limits` may be
    shared by engines that ask the same endpoint; `capabilities` is what was learnt of it before. Raises `UsageError`
    for an address that the client does not take.
    """

    name = "openai"

    def __init__(
        self,
        options: ApiOptions,
        journal: Journal,
        limits: Limits | None = None,
        capabilities: EndpointCapabilities | None = None,
    ) -> None:
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
            self._client.ask,
            capabilities,
        )
        self._streams: weakref.WeakSet[ApiStream] = weakref.WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-engine", daemon=True)
        self._thread.start()

    @property
    def learnt(self) -> EndpointCapabilities:
        """What the endpoint is taken to be capable of at present."""
        return self._endpoint.capabilities

    def open(
        self,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
        is_usable: Callable[[Completion], bool] = is_parsed,
    ) -> ApiStream:
        """Begin a stream. The run's deadline (`run_seconds`) counts from here. Raises `RuntimeError` once closed.

        `is_usable` says which answers identical requests may take.
        """
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
            is_usable=is_usable,
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
        asyncio.run_coroutine_threadsafe(shut_down(self._client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
        self._executor.shutdown()


def _client(options: ApiOptions) -> ChatClient:
    try:
        return ChatClient(options)
    except httpx2.InvalidURL:
        msg = "BREAKEVEN_API_BASE_URL is no address that can be asked"
        raise UsageError(msg) from None  # the address can hold a password
    except (ValueError, ImportError) as error:
        if (fault := describe_proxy_fault(error)) is None:
            raise
        raise UsageError(fault) from None


async def shut_down(client: ChatClient) -> None:
    """Close the client, and what else the event loop holds."""
    await client.close()
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
