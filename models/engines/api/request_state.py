"""One request's way through the API: its attempts, one after the other, and the completion it ends in."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from models.engines.api.chat_format import Parsed
from models.engines.api.permit import ApiRequest, OpenAttempt
from models.engines.api.replies import CANCELLED, ReplyVerdict
from models.ids import new_id
from models.requests import ClosedAttempt, Completion, DeferralReason, Exchange, Served, Usage


class RequestState:
    """What is known of one request while it is answered.

    `tokens` is the estimate that limits count, `failures` the attempts that failed, `limited` those that were refused with
    429, `told_schema` whether it was asked again with the schema in its prompt.
    """

    def __init__(self, request: ApiRequest, tokens: float) -> None:
        self.request = request
        self.tokens = tokens
        self.made = 0
        self.failures = request.failures
        self.limited = 0
        self.told_schema = False
        self._open: OpenAttempt | None = None
        self._closed: ClosedAttempt | None = None
        self._since_ns = 0

    def next_attempt(self) -> OpenAttempt:
        """Return the attempt to be written down next; the first has the request's own id and number."""
        identity = new_id() if self.made else self.request.id
        return OpenAttempt(identity, self.request, self.request.attempt + self.made, datetime.now(UTC))

    def opened(self, attempt: OpenAttempt) -> None:
        """Note that an attempt stands in the journal."""
        self._open = attempt
        self._closed = None
        self.made += 1
        self._since_ns = time.monotonic_ns()

    def close(
        self,
        verdict: ReplyVerdict,
        usage: Usage | None = None,
        served: Served | None = None,
        exchange: Exchange | None = None,
        doubted: str | None = None,
    ) -> ClosedAttempt:
        """Note how the open attempt ended."""
        if self._open is None:
            msg = "no attempt is open"
            raise RuntimeError(msg)
        self._closed = ClosedAttempt(
            self._open.id,
            verdict.outcome,
            datetime.now(UTC),
            usage,
            verdict.failure,
            served,
            exchange,
            doubted,
        )
        self._open = None
        return self._closed

    def rename(self, failure: str) -> None:
        """Give the attempt that ended last another failure code: only what came after showed it."""
        if self._closed is not None:
            self._closed = replace(self._closed, failure=failure)

    def take_closed(self) -> list[ClosedAttempt]:
        """Return what no completion has carried yet, for the journal; it is not returned again.

        An attempt that is still open was sent, and nobody knows what became of it.
        """
        if self._open is not None:
            self.close(CANCELLED)
        closed, self._closed = self._closed, None
        return [] if closed is None else [closed]

    def answered(self, parsed: Parsed) -> Completion:
        """Complete the request with an answer, or with the provider's refusal to give one."""
        return Completion(
            self.request,
            text=parsed.text,
            value=parsed.value,
            usage=parsed.usage,
            finish_reason=parsed.finish_reason,
            engine_ns=time.monotonic_ns() - self._since_ns,
            rejection=parsed.rejection,
            detail=parsed.detail,
            attempt=self._carried(),
            attempts=self.made,
        )

    def rejected(self, verdict: ReplyVerdict) -> Completion:
        """Complete the request with what is wrong with it."""
        return Completion(
            self.request,
            rejection=verdict.rejection,
            detail=verdict.detail,
            attempt=self._carried(),
            attempts=self.made,
        )

    def deferred(self, reason: DeferralReason, detail: str | None = None) -> Completion:
        """Give the request back unanswered."""
        return Completion(
            self.request, deferral=reason, detail=detail, attempt=self._carried(), attempts=self.made
        )

    def _carried(self) -> ClosedAttempt | None:
        return next(iter(self.take_closed()), None)
