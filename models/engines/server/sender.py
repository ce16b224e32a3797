"""Sends requests to a server of one's own, each until it has a completion; tells a bad record from a dead server."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from math import inf
from random import Random

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_client import ChatClient
from models.engines.api.chat_format import chat_body, parse_answer
from models.engines.api.errors.inner_error import BROKEN, judge_inner_error
from models.engines.api.probation import Fault, Probation
from models.engines.api.rate_limits import Backoff, retry_after
from models.engines.api.replies import UNUSABLE, Meaning, Reply, ReplyVerdict, describe_error, judge
from models.engines.api.reply_limits import TOO_LARGE, UNDECODABLE
from models.engines.api.usage import read_usage
from models.engines.server.confidence import ALTERNATIVES, confidence_of
from models.engines.server.flight_clock import FlightClock
from models.engines.server.listing import no_service
from models.engines.server.options import ServerOptions
from models.errors import EngineDied, PromptTooLong
from models.ids import new_id
from models.requests import Choice, Completion, JsonValue, Request

log = logging.getLogger(__name__)

BUSY = frozenset({"http_429", "http_503"})
"""Of a server at its limit: a request is asked again until, for as long as one may take, it answers nobody."""
MALFORMED = frozenset(
    {"invalid_json", "wrong_schema", "empty_choices", BROKEN, UNUSABLE, TOO_LARGE, UNDECODABLE}
)
"""Of a reply that is no chat completion, or none that fits: the record's answer is invalid."""
LOGPROBS, TOP_LOGPROBS = "logprobs", "top_logprobs"
PAUSES = Backoff()
LONG_PROMPT, MOST_CHARACTERS_A_TOKEN = 4000, 8
"""From so many characters on, a prompt of any language has a token for every eight at least."""
TOO_LONG = "longer than the server's model takes"


@dataclass(slots=True)
class _Try:
    """One request on its way, and its share of the time in flight, nanoseconds."""

    request: Request
    capabilities: EndpointCapabilities
    failures: int = 0
    times_busy: int = 0
    busy_since: float = inf
    engine_ns: int = 0


class ServerSender:
    """Answers the requests of one engine. Lives on its event loop.

    A reply that no answer can be read from, a time-out or a 5xx is tried again, `max_attempts` times in all. Then
    the server is asked for one token: if it gives it the record is at fault, and if not the engine has died.
    """

    def __init__(
        self,
        options: ServerOptions,
        client: ChatClient,
        clock: FlightClock,
        backoff: Backoff = PAUSES,
    ) -> None:
        self._options = options
        self._client = client
        self._clock = clock
        self._backoff = backoff
        self._draw = Random().random  # noqa: S311  jitter, no secret
        self._slots = asyncio.Semaphore(options.concurrency)
        self._capabilities = EndpointCapabilities(options.structured_output)
        self._probation = Probation()
        self._active = 0
        self._last_answer = -inf
        self._checking = asyncio.Lock()
        self._prompt_fits = False
        self._warned = False

    async def answer(self, request: Request) -> Completion:
        """Return the completion of one request. Raises `EngineDied` and `PromptTooLong`."""
        if not any(message.content.strip() for message in request.messages if message.role == "user"):
            return Completion(request, rejection="empty", detail="the prompt has no user text")
        one = _Try(request, self._capabilities)
        self._active += 1
        try:
            while True:
                step = await self._attempt(one)
                if isinstance(step, Completion):
                    time_ns, one.engine_ns = one.engine_ns, 0
                    return replace(step, engine_ns=time_ns)
                await asyncio.sleep(step)
        finally:
            self._active -= 1
            self._probation.wake()
            self._clock.claim(one.engine_ns)  # of a request that no completion stands for

    async def _attempt(self, one: _Try) -> Completion | float:
        """Make one attempt; return the completion, or the seconds after which to try again."""
        async with self._slots:
            await self._probation.settle()
            if self._probation.passed:
                one.capabilities = self._capabilities
            with self._probation.under_way():
                reply = await self._send(one)
        verdict = judge(reply)
        if verdict.meaning is Meaning.ANSWERED:
            verdict = judge_inner_error(reply.body) or verdict
        match verdict.meaning:
            case Meaning.ANSWERED:
                return await self._read(one, reply)
            case Meaning.REJECTED:
                if verdict.rejection == "too_long":
                    await self._check_prompt(one)
                detail = TOO_LONG if verdict.rejection == "too_long" else verdict.detail
                return Completion(one.request, rejection=verdict.rejection, detail=detail)
            case Meaning.NO_ACCESS:
                raise EngineDied(no_service(self._options.host, reply.status or 0))
            case Meaning.RETRY:
                return await self._retry(one, verdict.failure or "transport", reply)
            case _:
                return await self._handle_refusal(one, verdict, reply)

    async def _send(self, one: _Try, body: dict[str, JsonValue] | None = None) -> Reply:
        """Send the request, or this body on its account; the time in flight is the request's."""
        since = self._clock.take_off()
        try:
            return await self._client.ask(body or self._body(one), new_id() if body else one.request.id)
        finally:
            one.engine_ns += self._clock.land(since)

    def _body(self, one: _Try) -> dict[str, JsonValue]:
        without = one.capabilities.without
        body = chat_body(one.request, self._options, one.capabilities)
        if self._options.chat_template_kwargs:
            body["chat_template_kwargs"] = self._options.chat_template_kwargs
        if LOGPROBS not in without:
            body[LOGPROBS] = True
            if isinstance(one.request.output, Choice) and TOP_LOGPROBS not in without:
                body[TOP_LOGPROBS] = ALTERNATIVES
        return body

    async def _read(self, one: _Try, reply: Reply) -> Completion | float:
        """Return the answer of a reply; one that is no chat completion is tried again."""
        request, parsed = one.request, parse_answer(one.request, reply.body)
        if parsed.malformed is not None:
            return await self._retry(one, parsed.malformed, reply)
        self._last_answer = time.monotonic()
        if not self._probation.passed:
            self._adopt(one.capabilities)
            self._probation.answered()
        self._warn_if_cut(one, reply.body)
        confidence, probabilities = confidence_of(request.output, parsed, reply.body)
        return Completion(
            request,
            text=parsed.text,
            value=parsed.value,
            usage=parsed.usage,
            finish_reason=parsed.finish_reason,
            confidence=confidence,
            label_probabilities=probabilities,
            rejection=parsed.rejection,
            detail=parsed.detail,
        )

    def _warn_if_cut(self, one: _Try, body: object) -> None:
        """Warn, once, of a server that takes fewer tokens than a prompt can have: it left out a part of it, and says nothing."""
        characters = sum(len(message.content) for message in one.request.messages)
        usage = read_usage(body)
        if usage is None or self._warned or characters < LONG_PROMPT:
            return
        if characters > MOST_CHARACTERS_A_TOKEN * usage.input_tokens:
            self._warned = True
            log.warning(
                "the server %s reports %s tokens for a prompt of %s characters: it cuts long prompts, or does not count "
                "what it had cached; see to its context length",
                self._options.host,
                f"{usage.input_tokens:,}",
                f"{characters:,}",
            )

    async def _retry(self, one: _Try, failure: str, reply: Reply) -> Completion | float:
        """Return when to try again, or the completion of a record that the server cannot answer."""
        asked = retry_after(reply.headers, time.time()) or 0.0
        if failure in BUSY:
            return asked + self._wait_for_room(one, failure)
        one.failures += 1
        if one.failures < self._options.max_attempts:
            return asked + self._backoff.delay(one.failures, self._draw())
        if not reply.sent or not await self._is_alive(one):
            raise self._died(failure)
        if await self._find_fault() == "settings":
            raise self._refuses_all(failure)
        if failure in MALFORMED:
            return Completion(one.request, detail=failure)
        return Completion(one.request, rejection="refused", detail=failure)

    def _wait_for_room(self, one: _Try, failure: str) -> float:
        now = time.monotonic()
        one.busy_since = min(one.busy_since, now)
        one.times_busy += 1
        if now - max(one.busy_since, self._last_answer) > self._options.timeout_seconds:
            raise self._died(failure)
        return self._backoff.delay(one.times_busy, self._draw())

    async def _is_alive(self, one: _Try) -> bool:
        """Ask for one token, without a record and without a shape."""
        messages: JsonValue = [{"role": "user", "content": "Hello"}]
        body: dict[str, JsonValue] = {"model": self._options.model, "messages": messages, "max_tokens": 1}
        return judge(await self._send(one, body)).meaning is Meaning.ANSWERED

    async def _check_prompt(self, one: _Try) -> None:
        """See, until a request was answered, that the prompt without its record is not too long. Raises `PromptTooLong`."""
        async with self._checking:
            if self._prompt_fits or self._last_answer > -inf:
                return
            *constant, last = one.request.messages
            bare = replace(one.request, messages=(*constant, replace(last, content=".")))
            verdict = judge(await self._send(one, self._body(replace(one, request=bare))))
            if verdict.meaning is Meaning.REJECTED and verdict.rejection == "too_long":
                msg = (
                    f"the prompt alone is {TOO_LONG} ({self._options.model}): shorten prompt, labels or examples, lower "
                    "max_tokens, or serve the model with a longer context"
                )
                raise PromptTooLong(msg)
            self._prompt_fits = True

    async def _handle_refusal(self, one: _Try, verdict: ReplyVerdict, reply: Reply) -> Completion | float:
        """Ask with fewer capabilities if that can help; else find out whose fault the refusal is.

        Few of these servers name the field that they do not know: until one request was answered, each way of
        asking is tried, and the one that is answered is kept.
        """
        named = one.capabilities.step_down(verdict)
        if named is not None:
            self._adopt(named)
        elif not self._probation.passed:
            named = one.capabilities.ask_for_less(LOGPROBS)
        if named is not None:
            one.capabilities = named
            return 0.0
        if await self._find_fault() == "settings":
            raise self._refuses_all(describe_error(reply))
        if self._probation.passed and one.capabilities != self._capabilities:
            return 0.0  # others were answered in another form meanwhile; the next attempt has it
        return Completion(one.request, rejection="refused", detail=verdict.detail)

    async def _find_fault(self) -> Fault:
        alone = lambda: self._active <= self._probation.held  # noqa: E731
        return await self._probation.fault(alone=alone, over=lambda: False)

    def _adopt(self, capabilities: EndpointCapabilities) -> None:
        if capabilities != self._capabilities:
            without = ", ".join(sorted(capabilities.without)) or "nothing"
            log.warning(
                "the server %s is asked with response_format %s, leaving out %s",
                self._options.host,
                capabilities.structured,
                without,
            )
            self._capabilities = capabilities

    def _died(self, failure: str) -> EngineDied:
        return EngineDied(f"the server {self._options.host} does not answer ({failure}): look at its log")

    def _refuses_all(self, failure: str) -> EngineDied:
        return EngineDied(
            f"the server {self._options.host} answers no request ({failure}): check BREAKEVEN_MODEL, "
            "BREAKEVEN_SERVER_STRUCTURED_OUTPUT and the server's log"
        )
