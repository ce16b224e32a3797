"""Sends requests to an API, each until it has a completion: permission to send, journal, attempt, verdict, retry."""

import asyncio
import logging
from dataclasses import replace

from models.economics.upper_bound import upper_bound_tokens
from models.engines.api.admission import Admission, Permission
from models.engines.api.answers.served import served_of
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import Parsed, parse_answer, read_exchange, request_body, schema_text
from models.engines.api.deferral import Deferral, StreamLife
from models.engines.api.endpoint import Endpoint, SentAttempt
from models.engines.api.errors.inner_error import inner_reply, judge_body
from models.engines.api.fault_finder import FaultFinder, Step
from models.engines.api.permit import ApiRequest
from models.engines.api.replies import NOT_SENT, Meaning, ReplyVerdict, judge
from models.engines.api.request_state import RequestState
from models.requests import Completion

log = logging.getLogger(__name__)

BYTES_A_TOKEN = 4
UNREAD = Parsed()
MOST_LIMITED = 20
"""So many 429s of one request, while others are answered, are about itself; a later run tries again."""


class RequestSender:
    """Answers the requests of one stream. Lives on the engine's event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._options = endpoint.options
        self._limits = endpoint.limits
        self._life = StreamLife(endpoint.options, endpoint.limits)
        self._admission = Admission(endpoint, self._life)
        self._faults = FaultFinder(endpoint, self._life, self._try_once, self._close, self._is_alone)
        self._active = 0

    def interrupt(self) -> None:
        """Begin no further attempt: what is not under way is given back as stopped."""
        self._life.stop()
        self._endpoint.flights.wake()
        self._admission.cancel_queued()

    async def answer(self, request: ApiRequest) -> Completion:
        """Return the completion of one request. A cancelled request is given back as stopped.

        Raises `ApiAccessError` and `JournalFailed`; then its last attempt is closed already.
        """
        state = RequestState(request, self._estimate(request))
        self._active += 1
        try:
            while True:
                step = await self._make_attempt(state)
                while isinstance(step, SentAttempt):
                    step = await self._apply_verdict(state, step)
                if isinstance(step, Completion):
                    return step
                await self._life.sleep(step)
        except asyncio.CancelledError:
            return state.deferred("stopped")  # only the stream cancels, and it takes the completion
        finally:
            self._active -= 1
            if lost := state.take_closed():  # an error is on its way; no completion will carry this
                self._endpoint.journal.close(lost)

    async def _make_attempt(self, state: RequestState) -> Step:
        """Make one attempt; return its reply, or the completion."""
        await self._admission.take_slot()
        try:
            return await self._send(state, await self._admission.wait(state))
        finally:
            self._endpoint.slots.release()

    async def _try_once(self, state: RequestState, able: EndpointCapabilities) -> SentAttempt | Completion:
        """Make one attempt in another way than the endpoint is asked at present, while others wait for what it shows."""
        return await self._send(state, await self._admission.wait(state, trial=True), able)

    async def _send(
        self,
        state: RequestState,
        permission: Permission | Deferral,
        able: EndpointCapabilities | None = None,
    ) -> SentAttempt | Completion:
        """Write the attempt down, then send it."""
        if isinstance(permission, Deferral):
            return state.deferred(permission.reason, permission.detail)
        answered = False
        try:
            with self._endpoint.flights.one():
                attempt = state.next_attempt()
                cap = await self._endpoint.journal_batcher.open(attempt)
                if cap is not None:
                    return state.deferred("budget", cap)
                state.opened(attempt)
                if self._life.stopped:
                    state.close(NOT_SENT)
                    return state.deferred("stopped")
                able = able or self._endpoint.capabilities
                body = request_body(state.request, self._options, able)
                reply = await self._endpoint.ask(body, attempt.id)
            answered = True
            return SentAttempt(reply, body, able, permission.probe, permission.turn)
        finally:
            self._limits.leave(permission.turn)
            if not answered:
                self._limits.give_back(state.tokens, requests=1)
                if permission.probe:
                    self._limits.breaker.not_sent()

    async def _apply_verdict(self, state: RequestState, sent: SentAttempt) -> Step:
        """Do what a reply asks for: complete the request, try again, or raise."""
        endpoint, reply = self._endpoint, sent.reply
        verdict, parsed = judge(reply), UNREAD
        if verdict.meaning is Meaning.ANSWERED:
            parsed = parse_answer(state.request, reply.body)
            verdict = judge_body(reply.body, parsed.malformed) or verdict
        inner = replace(sent, reply=inner_reply(reply.body) or reply)
        asked = self._close(state, verdict, sent, parsed)
        match verdict.meaning:
            case Meaning.ANSWERED:
                endpoint.probation.answered()
                endpoint.access.answered()
                self._correct(state, parsed)
                other = await self._faults.judge_answer(state, parsed, sent)
                return state.answered(parsed) if other is None else other
            case Meaning.REJECTED:
                return state.rejected(verdict)
            case Meaning.NO_ACCESS:
                return await self._faults.judge_denial(
                    state, verdict, inner, lambda: self._retry_or_defer(state, verdict, asked)
                )
            case Meaning.RETRY:
                return self._retry_or_defer(state, verdict, asked)
            case _:
                return await self._faults.judge_refusal(state, verdict, inner)

    def _close(
        self, state: RequestState, verdict: ReplyVerdict, sent: SentAttempt, parsed: Parsed = UNREAD
    ) -> float | None:
        """Note how an attempt ended, and what its reply says of the limits; return the seconds that it asks to wait."""
        asked, body = self._tell_limits(verdict, sent), sent.reply.body
        unreported = parsed.usage is None and verdict.outcome == "ok"
        closed = state.close(
            replace(verdict, failure=verdict.failure or parsed.failure),
            parsed.usage,
            served_of(body, sent.reply.headers, self._options.model),
            read_exchange(sent.body, body) if unreported else None,
            parsed.doubted,
        )
        if closed.usage is not None:
            self._endpoint.journal.answered(closed)
        return asked

    def _retry_or_defer(
        self, state: RequestState, verdict: ReplyVerdict, asked: float | None
    ) -> Completion | float:
        """Return when to try again, or give the request back. A 429 is no attempt of the record: the gate says when."""
        state.limited += verdict.limited
        state.failures += not verdict.limited
        if state.failures >= self._options.max_attempts or state.limited >= MOST_LIMITED:
            if verdict.rejection is not None:
                return state.rejected(verdict)
            return state.deferred("api_unavailable", verdict.failure)
        delay = 0.0 if verdict.limited else self._limits.retry_delay(state.failures, asked)
        wait = max(delay, self._limits.gate())
        if (deferral := self._life.deferral() or self._life.deferral_after(wait)) is not None:
            return state.deferred(deferral.reason, deferral.detail or verdict.failure)
        self._endpoint.journal.close(state.take_closed())
        return delay

    def _is_alone(self) -> bool:
        return self._active <= self._endpoint.held

    def _tell_limits(self, verdict: ReplyVerdict, sent: SentAttempt) -> float | None:
        """Note what a reply says of the endpoint's limits and health; return the seconds that it asks to wait."""
        limits, breaker = self._limits, self._limits.breaker
        delay = (inner_reply(sent.reply.body) or sent.reply).hints.delay
        asked = limits.apply_headers(sent.reply.headers, delay, refused=verdict.limited)
        if verdict.limited:
            limits.refused(sent.turn, asked)
        elif verdict.meaning is not Meaning.RETRY:
            limits.answered(sent.turn)
        if not verdict.down:
            breaker.answered()
        elif breaker.failed(str(verdict.failure), probe=sent.probe):
            log.info(
                "the API at %s does not answer (%s); next try in %.0f s",
                self._options.host,
                verdict.failure,
                self._options.breaker_seconds,
            )
        return asked

    def _estimate(self, request: ApiRequest) -> float:
        if not self._limits.counts_tokens:
            return 0.0
        most = upper_bound_tokens(request.messages, schema_text(request.output), request.token_limit)
        return most.input_tokens / BYTES_A_TOKEN + most.output_tokens

    def _correct(self, state: RequestState, parsed: Parsed) -> None:
        if parsed.usage is not None and self._limits.counts_tokens:
            used = parsed.usage.input_tokens + parsed.usage.output_tokens
            self._limits.give_back(state.tokens - used)
