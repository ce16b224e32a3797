"""Finds out whose fault it is that a request gets no answer: its own, the settings', or the way in which it is asked."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from models.engines.api.capabilities import TRIED_WITHOUT, EndpointCapabilities
from models.engines.api.chat_format import Parsed, parse_answer, request_body
from models.engines.api.deferral import StreamLife
from models.engines.api.endpoint import Endpoint, SentAttempt
from models.engines.api.errors.inner_error import judge_inner_error
from models.engines.api.replies import PASSING, Meaning, ReplyVerdict, describe_error, judge, no_access
from models.engines.api.request_state import RequestState
from models.errors import ApiAccessError
from models.requests import Completion, FreeText

Step = Completion | float | SentAttempt
"""What follows an attempt: the request's completion, the seconds until it is tried again, or another reply to judge."""


class FaultFinder:
    """Judges the refusals of one stream's requests. Lives on the engine's event loop.

    `send_once` sends one attempt in a way that is only tried, `close` notes how it ended; `is_alone` says that nothing else of the stream is going on.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        life: StreamLife,
        send_once: Callable[[RequestState, EndpointCapabilities], Awaitable[SentAttempt | Completion]],
        close: Callable[[RequestState, ReplyVerdict, SentAttempt], object],
        is_alone: Callable[[], bool],
    ) -> None:
        self._endpoint = endpoint
        self._options = endpoint.options
        self._life = life
        self._send_once = send_once
        self._close = close
        self._is_alone = is_alone

    async def judge_refusal(self, state: RequestState, verdict: ReplyVerdict, sent: SentAttempt) -> Step:
        """Ask in another way if that can help; else find out whose fault the refusal is.

        Raises `ApiAccessError` where it is the settings'.
        """
        endpoint = self._endpoint
        other = sent.capabilities.step_down(verdict)
        if other is not None and endpoint.capabilities == sent.capabilities:
            endpoint.learn(other)
        if endpoint.capabilities != sent.capabilities and verdict.meaning is not Meaning.REFUSED:
            return self._ask_again(state)
        fault = await endpoint.probation.fault(alone=self._is_alone, over=self._is_over)
        if fault == "nobody_knows":
            return state.deferred("stopped")
        if not endpoint.probation.passed:
            async with endpoint.trial:
                if (step := await self._try_with_less(state, sent)) is not None:
                    return step
        elif endpoint.capabilities != sent.capabilities:
            return self._ask_again(state)
        if fault == "request" or endpoint.probation.passed:
            return state.rejected(verdict)
        msg = (
            f"the API at {self._options.host} refuses every request ({describe_error(sent.reply)}): "
            "check BREAKEVEN_API_MODEL, BREAKEVEN_API_BASE_URL and BREAKEVEN_API_STRUCTURED_OUTPUT, and name fields that "
            f"it does not take in BREAKEVEN_API_OMIT_FIELDS{self._added()}"
        )
        raise ApiAccessError(msg)

    async def judge_denial(
        self,
        state: RequestState,
        verdict: ReplyVerdict,
        sent: SentAttempt,
        retry: Callable[[], Completion | float],
    ) -> Step:
        """Tell a request that is denied access from an endpoint that lets nobody in any more.

        Gateways answer single requests with 401 or 404 and are right again a moment later, and with 403 for a text. A
        key that was withdrawn denies one request after the other. Raises `ApiAccessError` for that, and where nobody
        is answered at all: a denial that comes before the first answer waits for those under way.
        """
        endpoint, reply = self._endpoint, sent.reply
        no_entry = ApiAccessError(no_access(reply, self._options.host, self._options.model))
        if not verdict.denied:
            raise no_entry
        access, who = endpoint.access, state.request.record_key
        passing = reply.status in PASSING and state.failures + 1 < self._options.max_attempts
        if not endpoint.probation.passed:
            fault = await endpoint.probation.fault(alone=self._is_alone, over=self._is_over, who=who)
            if endpoint.probation.passed:
                return retry() if passing else state.rejected(verdict)
            if fault == "nobody_knows":
                return state.deferred("stopped")
            raise no_entry
        access.doubt(who)
        if passing and not access.undecided:
            return retry()
        fault = await access.fault(alone=self._is_alone, over=self._is_over, who=who)
        if fault == "settings":
            raise no_entry
        if fault == "nobody_knows":
            return state.deferred("stopped")
        return retry() if passing else state.rejected(verdict)

    async def judge_answer(self, state: RequestState, parsed: Parsed, sent: SentAttempt) -> Step | None:
        """Find out whether an answer without a value is the endpoint's way: it may pass over `response_format`.

        That is so where none was readable before, for several requests in a row; then the schema goes into the
        prompt, and they are asked again, each once. A single one tries it for itself. None: the answer stands.
        """
        endpoint = self._endpoint
        if not self._may_ignore_format(state, parsed, sent):
            if parsed.value is not None and sent.capabilities.structured == "json_schema":
                endpoint.format.answered()
            return None
        fault = await endpoint.format.fault(alone=self._is_alone, over=self._is_over)
        if fault == "settings":
            if not endpoint.capabilities.tells_schema:
                endpoint.learn(replace(endpoint.capabilities, tells_schema=True))
            endpoint.format.answered()
        elif fault == "request" and not endpoint.format.passed:
            return await self._try_with_schema(state, sent)
        if fault == "nobody_knows" or not endpoint.capabilities.tells_schema:
            return None
        self._close_as_ignored(state)
        return 0.0

    def _may_ignore_format(self, state: RequestState, parsed: Parsed, sent: SentAttempt) -> bool:
        able = sent.capabilities
        return (
            parsed.value is None
            and parsed.rejection is None
            and parsed.finish_reason != "length"
            and able.structured == "json_schema"
            and not (able.tells_schema or state.told_schema or isinstance(state.request.output, FreeText))
            and (not self._endpoint.format.passed or self._endpoint.capabilities.tells_schema)
        )

    async def _try_with_schema(self, state: RequestState, sent: SentAttempt) -> Completion | SentAttempt:
        able = replace(sent.capabilities, tells_schema=True)
        self._close_as_ignored(state)
        tried = await self._send_once(state, able)
        if isinstance(tried, SentAttempt) and _verdict_on(tried).meaning is Meaning.ANSWERED:
            readable = parse_answer(state.request, tried.reply.body).value is not None
            if readable and not self._endpoint.capabilities.tells_schema:
                self._endpoint.learn(replace(self._endpoint.capabilities, tells_schema=True))
        return tried

    def _close_as_ignored(self, state: RequestState) -> None:
        state.told_schema = True
        state.rename("format_ignored")
        self._endpoint.journal.close(state.take_closed())

    async def _try_with_less(self, state: RequestState, sent: SentAttempt) -> Step | None:
        """Leave out one field after the other until the endpoint answers; None where it never does, or it was tried.

        One request does it for all: the others wait for what it finds.
        """
        endpoint = self._endpoint
        if endpoint.capabilities != sent.capabilities:
            return self._ask_again(state)
        if endpoint.tried:
            return None
        endpoint.tried = True
        for able in self._ways_with_less(state, sent):
            endpoint.journal.close(state.take_closed())
            tried = await self._send_once(state, able)
            if isinstance(tried, Completion):
                return tried
            verdict = _verdict_on(tried)
            if verdict.meaning is Meaning.REFUSED:
                self._close(state, verdict, tried)
                continue
            if verdict.meaning is Meaning.ANSWERED:
                endpoint.learn(able)
            elif (other := able.step_down(verdict)) is not None:
                endpoint.learn(other)
            else:
                endpoint.tried = verdict.meaning is not Meaning.RETRY
            return tried
        return None

    def _ways_with_less(self, state: RequestState, sent: SentAttempt) -> Iterator[EndpointCapabilities]:
        """Yield ways to ask, each with less than the one before; in a looser form only where some field is said to be refused."""
        able: EndpointCapabilities | None = sent.capabilities
        for field in TRIED_WITHOUT:
            if able is not None and field in request_body(state.request, self._options, able):
                able = replace(able, without=able.without | {field})
                yield able
        while sent.reply.hints.parameters and able is not None:
            able = able.step_down(ReplyVerdict(Meaning.OTHER_FORMAT))
            if able is not None:
                yield able

    def _ask_again(self, state: RequestState) -> float:
        self._endpoint.journal.close(state.take_closed())
        return 0.0

    def _added(self) -> str:
        return ", or remove them from BREAKEVEN_API_EXTRA_BODY" if self._options.extra_body else ""

    def _is_over(self) -> bool:
        return self._life.stopped


def _verdict_on(sent: SentAttempt) -> ReplyVerdict:
    """Judge a reply by its status, or by the error inside it."""
    verdict = judge(sent.reply)
    return (judge_inner_error(sent.reply.body) if verdict.meaning is Meaning.ANSWERED else None) or verdict
