"""Sends requests to an API, each until it has a completion: leave, journal, attempt, verdict, and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.economics.upper_bound import upper_bound_tokens
from models.engines.api.capabilities import Manner, Probation
from models.engines.api.chat_format import Parsed, parse_answer, request_body, schema_text
from models.engines.api.journal_batcher import Opener
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiRequest, Journal
from models.engines.api.rate_limits import Limits
from models.engines.api.replies import (
    NOT_SENT,
    Meaning,
    Reply,
    Verdict,
    described,
    judge,
    malformed,
    no_access,
)
from models.engines.api.request_state import Trip
from models.errors import ApiAccessError
from models.requests import Completion, DeferralReason, JsonValue

log = logging.getLogger(__name__)

Ask = Callable[[dict[str, JsonValue], UUID], Awaitable[Reply]]
"""Sends one body under an attempt's id. It raises nothing but its own cancellation."""

LONGEST_WAIT_SECONDS = 600.0
"""A provider that wants to be left alone for longer than this is not waited for."""
LOOK_SECONDS = 0.02
TICK_SECONDS = 0.25
BYTES_A_TOKEN = 4


class Endpoint:
    """What all streams of one engine share on its event loop."""

    def __init__(
        self, options: ApiOptions, journal: Journal, opener: Opener, limits: Limits, ask: Ask
    ) -> None:
        self.options = options
        self.journal = journal
        self.opener = opener
        self.limits = limits
        self.ask = ask
        self.manner = Manner(options.structured_output)
        self.probation = Probation()
        self.slots = asyncio.Semaphore(options.concurrency)
        self.turnstile = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class _Deferral:
    reason: DeferralReason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class _Sent:
    """A reply, what the request looked like, and whether it was the breaker's probe."""

    reply: Reply
    manner: Manner
    probe: bool


class Courier:
    """Answers the requests of one stream. Lives on the engine's event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._options = endpoint.options
        self._limits = endpoint.limits
        run_seconds = endpoint.options.run_seconds
        self._deadline = None if run_seconds is None else self._limits.clock() + run_seconds
        self._given_up = self._limits.breaker.given_up
        self._gave_up_here = False
        self._stopped = False
        self._roused = asyncio.Event()
        self._in_line: set[asyncio.Task[Any]] = set()
        self._active = 0

    def interrupt(self) -> None:
        """Begin no further attempt: what is not under way is given back as stopped."""
        self._stopped = True
        self._roused.set()
        self._endpoint.probation.wake()
        for task in self._in_line:
            task.cancel()

    async def answer(self, request: ApiRequest) -> Completion:
        """Return the completion of one request. A cancelled request is given back as stopped.

        Raises `ApiAccessError` and `JournalFailed`; then its last attempt is closed already.
        """
        trip = Trip(request, self._estimate(request))
        self._active += 1
        try:
            while True:
                step = await self._attempt(trip)
                if isinstance(step, Completion):
                    return step
                await self._sleep(step)
        except asyncio.CancelledError:
            return trip.deferred("stopped")  # only the stream cancels, and it takes the completion
        finally:
            self._active -= 1
            if lost := trip.take_closed():  # an error is on its way; no completion will carry this
                self._endpoint.journal.close(lost)

    async def _attempt(self, trip: Trip) -> Completion | float:
        """Make one attempt; return the completion, or the seconds after which to try again."""
        with self._standing_in_line():
            await self._endpoint.slots.acquire()
        try:
            leave = await self._leave(trip)
            if isinstance(leave, _Deferral):
                return trip.deferred(leave.reason, leave.detail)
            with self._endpoint.probation.under_way():
                sent = await self._send(trip, probe=leave)
        finally:
            self._endpoint.slots.release()
        return sent if isinstance(sent, Completion) else await self._judged(trip, sent)

    @contextmanager
    def _standing_in_line(self) -> Iterator[None]:
        """Let `interrupt` call a request away that has no slot yet; one that has looks for itself."""
        task = asyncio.current_task()
        if task is None:  # never: a coroutine runs in a task; for the type checker
            raise RuntimeError
        self._in_line.add(task)
        try:
            yield
        finally:
            self._in_line.discard(task)

    async def _leave(self, trip: Trip) -> bool | _Deferral:
        """Wait until the limits let one attempt go; return whether it is the breaker's probe.

        One request at a time stands here, so they go in the order in which they came.
        """
        limits = self._limits
        goes_at: float | None = None
        async with self._endpoint.turnstile:
            try:
                while (over := self._over()) is None:
                    wait = max(limits.gate(), limits.breaker.wait())
                    if goes_at is None and not wait:
                        goes_at = limits.reserve(trip.tokens)
                    if goes_at is not None:
                        wait = max(wait, goes_at - limits.clock())
                    if wait <= 0 and (probe := self._enter()) is not None:
                        goes_at = None
                        return probe
                    if (over := self._too_long(wait)) is not None:
                        break
                    await self._sleep(min(max(wait, LOOK_SECONDS), TICK_SECONDS))
                return over
            finally:
                if goes_at is not None:
                    limits.give_back(trip.tokens, requests=1)

    def _enter(self) -> bool | None:
        return None if self._endpoint.probation.undecided else self._limits.breaker.enter()

    async def _send(self, trip: Trip, *, probe: bool) -> _Sent | Completion:
        """Write the attempt down, then send it."""
        reply: Reply | None = None
        try:
            attempt = trip.next_attempt()
            opened = await self._endpoint.opener.open(attempt)
            if opened.cap is not None:
                return trip.deferred("budget", opened.cap)
            trip.opened(attempt)
            if self._stopped:
                trip.close(NOT_SENT)
                return trip.deferred("stopped")
            manner = self._endpoint.manner
            body = request_body(trip.request, self._options, manner.structured, manner.without)
            reply = await self._endpoint.ask(body, attempt.id)
            return _Sent(reply, manner, probe)
        finally:
            if reply is None:
                self._limits.give_back(trip.tokens, requests=1)
                if probe:
                    self._limits.breaker.not_sent()

    async def _judged(self, trip: Trip, sent: _Sent) -> Completion | float:
        """Take the consequences of a reply."""
        endpoint, reply = self._endpoint, sent.reply
        verdict, parsed = judge(reply), Parsed()
        if verdict.meaning is Meaning.ANSWERED:
            parsed = parse_answer(trip.request, reply.body)
            verdict = verdict if parsed.malformed is None else malformed(parsed.malformed)
        self._tell_breaker(verdict, probe=sent.probe)
        asked = self._limits.heed(reply.headers)
        trip.close(verdict, parsed.usage)
        match verdict.meaning:
            case Meaning.ANSWERED:
                endpoint.probation.answered()
                self._correct(trip, parsed)
                return trip.answered(parsed)
            case Meaning.REJECTED:
                return trip.rejected(verdict)
            case Meaning.NO_ACCESS:
                raise ApiAccessError(no_access(reply, self._options.host, self._options.model))
            case Meaning.RETRY:
                return self._again(trip, verdict, asked)
            case _:
                return await self._refused(trip, verdict, sent)

    def _again(self, trip: Trip, verdict: Verdict, asked: float | None) -> Completion | float:
        """Return when to try again, or give the request back."""
        trip.failures += 1
        if trip.failures >= self._options.max_attempts:
            return trip.deferred("api_unavailable", verdict.failure)
        delay = self._limits.retry_delay(trip.failures, asked)
        if (over := self._over() or self._too_long(delay)) is not None:
            return trip.deferred(over.reason, over.detail or verdict.failure)
        self._endpoint.journal.close(trip.take_closed())
        return delay

    async def _refused(self, trip: Trip, verdict: Verdict, sent: _Sent) -> Completion | float:
        """Ask in another manner if one is left; else find out whose fault the refusal is."""
        endpoint = self._endpoint
        if endpoint.manner == sent.manner and (other := sent.manner.after(verdict)) is not None:
            log.warning(
                "the API at %s refuses %s: asking without it", self._options.host, _named(sent, other)
            )
            endpoint.manner = other
        if endpoint.manner != sent.manner and verdict.meaning is not Meaning.REFUSED:
            endpoint.journal.close(trip.take_closed())
            return 0.0
        fault = await endpoint.probation.fault(alone=self._is_alone, over=lambda: self._stopped)
        if fault != "settings":
            return trip.rejected(verdict) if fault == "request" else trip.deferred("stopped")
        msg = (
            f"the API at {self._options.host} refuses every request ({described(sent.reply)}): "
            "check BREAKEVEN_API_MODEL, BREAKEVEN_API_BASE_URL and BREAKEVEN_API_STRUCTURED_OUTPUT"
        )
        raise ApiAccessError(msg)

    def _is_alone(self) -> bool:
        return self._active <= self._endpoint.probation.held

    def _tell_breaker(self, verdict: Verdict, *, probe: bool) -> None:
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

    def _over(self) -> _Deferral | None:
        """Return why no further attempt is made, if that is so."""
        if self._stopped:
            return _Deferral("stopped")
        if self._limits.breaker.given_up != self._given_up:
            return self._give_up()
        if self._deadline is not None and self._limits.clock() >= self._deadline:
            return _Deferral("deadline")
        return None

    def _give_up(self) -> _Deferral:
        failure = self._limits.breaker.last_failure
        if not self._gave_up_here:
            self._gave_up_here = True
            self._roused.set()
            log.warning(
                "the API at %s is given up for this run: it failed again after a pause (%s)",
                self._options.host,
                failure,
            )
        return _Deferral("api_unavailable", failure)

    def _too_long(self, wait: float) -> _Deferral | None:
        if self._deadline is not None and self._limits.clock() + wait > self._deadline:
            return _Deferral("deadline")
        return _Deferral("api_unavailable") if wait > LONGEST_WAIT_SECONDS else None

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not on when the stream is stopped or the endpoint given up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._roused.wait(), seconds)

    def _estimate(self, request: ApiRequest) -> float:
        if not self._limits.counts_tokens:
            return 0.0
        most = upper_bound_tokens(request.messages, schema_text(request.output), request.max_tokens)
        return most.input_tokens / BYTES_A_TOKEN + most.output_tokens

    def _correct(self, trip: Trip, parsed: Parsed) -> None:
        if parsed.usage is not None and self._limits.counts_tokens:
            used = parsed.usage.input_tokens + parsed.usage.output_tokens
            self._limits.give_back(trip.tokens - used)


def _named(sent: _Sent, other: Manner) -> str:
    """Name what is given up between two manners of asking."""
    fields = other.without - sent.manner.without
    return f"the field {min(fields)}" if fields else f"response_format {sent.manner.structured}"
