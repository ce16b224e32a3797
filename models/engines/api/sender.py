"""Sends requests to an API, each until it has a completion: permission to send, journal, attempt, verdict, retry."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from models.economics.upper_bound import upper_bound_tokens
from models.engines.api.capabilities import EndpointCapabilities, Probation
from models.engines.api.chat_format import Parsed, parse_answer, read_exchange, request_body, schema_text
from models.engines.api.deferral import Deferral, StreamLife
from models.engines.api.inner_error import inner_reply, judge_body
from models.engines.api.journal_batcher import JournalBatcher
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiRequest, Journal
from models.engines.api.rate_limits import Limits
from models.engines.api.replies import (
    NOT_SENT,
    Meaning,
    Reply,
    ReplyVerdict,
    describe_error,
    judge,
    no_access,
)
from models.engines.api.request_state import RequestState
from models.engines.api.served import served_of
from models.errors import ApiAccessError
from models.requests import Completion, JsonValue

log = logging.getLogger(__name__)

Ask = Callable[[dict[str, JsonValue], UUID], Awaitable[Reply]]
"""Sends one body under an attempt's id. It raises nothing but its own cancellation."""

LOOK_SECONDS = 0.02
TICK_SECONDS = 0.25
BYTES_A_TOKEN = 4


class Endpoint:
    """What all streams of one engine share on its event loop."""

    def __init__(
        self, options: ApiOptions, journal: Journal, journal_batcher: JournalBatcher, limits: Limits, ask: Ask
    ) -> None:
        self.options = options
        self.journal = journal
        self.journal_batcher = journal_batcher
        self.limits = limits
        self.ask = ask
        self.capabilities = EndpointCapabilities(options.structured_output)
        self.probation = Probation()
        self.slots = asyncio.Semaphore(options.concurrency)
        self.fifo_lock = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class _Sent:
    """A reply, the request's body and what it was made for, and whether it was the breaker's probe."""

    reply: Reply
    body: dict[str, JsonValue]
    capabilities: EndpointCapabilities
    probe: bool


class RequestSender:
    """Answers the requests of one stream. Lives on the engine's event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._options = endpoint.options
        self._limits = endpoint.limits
        self._life = StreamLife(endpoint.options, endpoint.limits)
        self._queued: set[asyncio.Task[Any]] = set()
        self._active = 0

    def interrupt(self) -> None:
        """Begin no further attempt: what is not under way is given back as stopped."""
        self._life.stop()
        self._endpoint.probation.wake()
        for task in self._queued:
            task.cancel()

    async def answer(self, request: ApiRequest) -> Completion:
        """Return the completion of one request. A cancelled request is given back as stopped.

        Raises `ApiAccessError` and `JournalFailed`; then its last attempt is closed already.
        """
        state = RequestState(request, self._estimate(request))
        self._active += 1
        try:
            while True:
                step = await self._make_attempt(state)
                if isinstance(step, Completion):
                    return step
                await self._life.sleep(step)
        except asyncio.CancelledError:
            return state.deferred("stopped")  # only the stream cancels, and it takes the completion
        finally:
            self._active -= 1
            if lost := state.take_closed():  # an error is on its way; no completion will carry this
                self._endpoint.journal.close(lost)

    async def _make_attempt(self, state: RequestState) -> Completion | float:
        """Make one attempt; return the completion, or the seconds after which to try again."""
        with self._cancellable():
            await self._endpoint.slots.acquire()
        try:
            permission = await self._await_permission(state)
            if isinstance(permission, Deferral):
                return state.deferred(permission.reason, permission.detail)
            with self._endpoint.probation.under_way():
                sent = await self._send(state, probe=permission)
        finally:
            self._endpoint.slots.release()
        return sent if isinstance(sent, Completion) else await self._apply_verdict(state, sent)

    @contextmanager
    def _cancellable(self) -> Iterator[None]:
        """Let `interrupt` cancel a request that has no slot yet; one that has a slot looks for itself."""
        task = asyncio.current_task()
        if task is None:  # never: a coroutine runs in a task; for the type checker
            raise RuntimeError
        self._queued.add(task)
        try:
            yield
        finally:
            self._queued.discard(task)

    async def _await_permission(self, state: RequestState) -> bool | Deferral:
        """Wait until the limits permit one attempt; return whether it is the breaker's probe.

        One request at a time waits here, so they go in the order in which they came.
        """
        limits = self._limits
        goes_at: float | None = None
        async with self._endpoint.fifo_lock:
            try:
                while (deferral := self._life.deferral()) is None:
                    wait = max(limits.gate(), limits.breaker.wait())
                    if goes_at is None and not wait:
                        goes_at = limits.reserve(state.tokens)
                    if goes_at is not None:
                        wait = max(wait, goes_at - limits.clock())
                    if wait <= 0 and (probe := self._enter()) is not None:
                        goes_at = None
                        return probe
                    if (deferral := self._life.deferral_after(wait)) is not None:
                        break
                    await self._life.sleep(min(max(wait, LOOK_SECONDS), TICK_SECONDS))
                return deferral
            finally:
                if goes_at is not None:
                    limits.give_back(state.tokens, requests=1)

    def _enter(self) -> bool | None:
        return None if self._endpoint.probation.undecided else self._limits.breaker.enter()

    async def _send(self, state: RequestState, *, probe: bool) -> _Sent | Completion:
        """Write the attempt down, then send it."""
        reply: Reply | None = None
        try:
            attempt = state.next_attempt()
            cap = await self._endpoint.journal_batcher.open(attempt)
            if cap is not None:
                return state.deferred("budget", cap)
            state.opened(attempt)
            if self._life.stopped:
                state.close(NOT_SENT)
                return state.deferred("stopped")
            capabilities = self._endpoint.capabilities
            body = request_body(state.request, self._options, capabilities)
            reply = await self._endpoint.ask(body, attempt.id)
            return _Sent(reply, body, capabilities, probe)
        finally:
            if reply is None:
                self._limits.give_back(state.tokens, requests=1)
                if probe:
                    self._limits.breaker.not_sent()

    async def _apply_verdict(self, state: RequestState, sent: _Sent) -> Completion | float:
        """Do what a reply asks for: complete the request, try again, or raise."""
        endpoint, reply = self._endpoint, sent.reply
        verdict, parsed = judge(reply), Parsed()
        if verdict.meaning is Meaning.ANSWERED:
            parsed = parse_answer(state.request, reply.body)
            verdict = judge_body(reply.body, parsed.malformed) or verdict
        served = served_of(reply.body, reply.headers, self._options.model)
        exchange = (
            read_exchange(sent.body, reply.body) if parsed.usage is None and verdict.outcome == "ok" else None
        )
        self._tell_breaker(verdict, probe=sent.probe)
        asked = self._limits.apply_headers(reply.headers)
        state.close(
            replace(verdict, failure=verdict.failure or parsed.failure), parsed.usage, served, exchange
        )
        match verdict.meaning:
            case Meaning.ANSWERED:
                endpoint.probation.answered()
                self._correct(state, parsed)
                return state.answered(parsed)
            case Meaning.REJECTED:
                return state.rejected(verdict)
            case Meaning.NO_ACCESS:
                raise ApiAccessError(
                    no_access(inner_reply(reply.body) or reply, self._options.host, self._options.model)
                )
            case Meaning.RETRY:
                return self._retry_or_defer(state, verdict, asked)
            case _:
                refused = replace(sent, reply=inner_reply(reply.body) or reply)
                return await self._handle_refusal(state, verdict, refused)

    def _retry_or_defer(
        self, state: RequestState, verdict: ReplyVerdict, asked: float | None
    ) -> Completion | float:
        """Return when to try again, or give the request back."""
        state.failures += 1
        if state.failures >= self._options.max_attempts:
            if verdict.rejection is not None:
                return state.rejected(verdict)
            return state.deferred("api_unavailable", verdict.failure)
        delay = self._limits.retry_delay(state.failures, asked)
        if (deferral := self._life.deferral() or self._life.deferral_after(delay)) is not None:
            return state.deferred(deferral.reason, deferral.detail or verdict.failure)
        self._endpoint.journal.close(state.take_closed())
        return delay

    async def _handle_refusal(
        self, state: RequestState, verdict: ReplyVerdict, sent: _Sent
    ) -> Completion | float:
        """Ask with fewer capabilities if that can help; else find out whose fault the refusal is."""
        endpoint = self._endpoint
        if (
            endpoint.capabilities == sent.capabilities
            and (other := sent.capabilities.step_down(verdict)) is not None
        ):
            log.warning(
                "the API at %s refuses %s: asking without it", self._options.host, _named(sent, other)
            )
            endpoint.capabilities = other
        if endpoint.capabilities != sent.capabilities and verdict.meaning is not Meaning.REFUSED:
            endpoint.journal.close(state.take_closed())
            return 0.0
        fault = await endpoint.probation.fault(alone=self._is_alone, over=lambda: self._life.stopped)
        if fault != "settings":
            return state.rejected(verdict) if fault == "request" else state.deferred("stopped")
        msg = (
            f"the API at {self._options.host} refuses every request ({describe_error(sent.reply)}): "
            "check BREAKEVEN_API_MODEL, BREAKEVEN_API_BASE_URL and BREAKEVEN_API_STRUCTURED_OUTPUT"
        )
        raise ApiAccessError(msg)

    def _is_alone(self) -> bool:
        return self._active <= self._endpoint.probation.held

    def _tell_breaker(self, verdict: ReplyVerdict, *, probe: bool) -> None:
        breaker = self._limits.breaker
        if not verdict.down:
            breaker.answered()
        elif breaker.failed(str(verdict.failure), probe=probe):
            log.info(
                "the API at %s does not answer (%s); next try in %.0f s",
                self._options.host,
                verdict.failure,
                self._options.breaker_seconds,
            )

    def _estimate(self, request: ApiRequest) -> float:
        if not self._limits.counts_tokens:
            return 0.0
        most = upper_bound_tokens(request.messages, schema_text(request.output), request.token_limit)
        return most.input_tokens / BYTES_A_TOKEN + most.output_tokens

    def _correct(self, state: RequestState, parsed: Parsed) -> None:
        if parsed.usage is not None and self._limits.counts_tokens:
            used = parsed.usage.input_tokens + parsed.usage.output_tokens
            self._limits.give_back(state.tokens - used)


def _named(sent: _Sent, other: EndpointCapabilities) -> str:
    """Name what is given up from one form of the requests to the next."""
    fields = other.without - sent.capabilities.without
    return f"the field {min(fields)}" if fields else f"response_format {sent.capabilities.structured}"
