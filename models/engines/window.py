"""The sliding window: which request goes to the engine next, and which wait for an identical one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from models.requests import Answer, AnswerIndex, Completion, Request

Asked = TypeVar("Asked", bound=Request)


class Forgetful:
    """An `AnswerIndex` that knows nothing: only requests in flight at the same time are shared."""

    def get(self, digest: bytes) -> Answer | None:  # noqa: ARG002
        """Return None."""
        return None

    def put(self, digest: bytes, answer: Answer) -> None:
        """Forget."""


class Window(Generic[Asked]):
    """The requests in flight, at most `size` of them. Knows no engine and no clock.

    Requests are pulled lazily in blocks of `lookahead`. A block is sorted by the text of its messages,
    so that requests with the same long prefix go next to each other and the engine's prefix cache is
    hit. A request identical to one in flight waits for it, one identical to an answered one is
    answered at once; both count towards `size`, so a million identical records hold no more memory
    than `size` of them.

    `is_usable` says whether an identical request may take an answer. One that it may not is not remembered; one of those
    that waited for it is then to be asked for itself, and the others wait for that one: an API may answer it the next
    time, and each failure is paid once. Without it all answers are shared: a local engine would fail again.
    """

    def __init__(
        self,
        requests: Iterable[Asked | None],
        size: int,
        lookahead: int,
        answers: AnswerIndex | None = None,
        *,
        is_usable: Callable[[Completion], bool] | None = None,
    ) -> None:
        self._source = iter(requests)
        self._size = size
        self._lookahead = lookahead
        self._answers = answers if answers is not None else Forgetful()
        self._block: deque[Asked] = deque()
        self._in_flight: dict[bytes, list[Asked]] = {}
        self._waiting = 0
        self._is_usable = is_usable
        self._promoted: deque[Asked] = deque()
        self._reused: deque[Completion] = deque()
        self._ended = False

    @property
    def exhausted(self) -> bool:
        """Whether every request was taken from the source and completed."""
        return self._ended and not self._block and not self._in_flight and not self._reused

    @property
    def in_flight(self) -> int:
        """Requests taken and not finished."""
        return len(self._in_flight)

    @property
    def free(self) -> int:
        """Requests that may still come in."""
        return self._size - len(self._in_flight) - self._waiting - len(self._reused)

    def admit(self, request: Asked) -> bool:
        """Let a request in. True if the engine must answer it; False if an identical one does."""
        digest = request.digest()
        if (twins := self._in_flight.get(digest)) is not None:
            twins.append(request)
            self._waiting += 1
        elif (answer := self._answers.get(digest)) is not None:
            self._reused.append(reuse(request, answer))
        else:
            self._in_flight[digest] = []
            return True
        return False

    def take(self) -> Iterator[Asked]:
        """Yield the requests that the engine may start now."""
        while self.free > 0:
            request = self._next()
            if request is None:
                return
            if self.admit(request):
                yield request

    def reused(self) -> Iterator[Completion]:
        """Yield completions that reuse an earlier answer."""
        while self._reused:
            yield self._reused.popleft()

    def finish(self, completion: Completion) -> Iterator[Completion]:
        """Close the request of `completion`; yield it and those of the identical requests that waited.

        Twins of a rejected or deferred request share its fate, without an attempt of their own.
        """
        digest = completion.request.digest()
        twins = self._in_flight.pop(digest)
        self._waiting -= len(twins)
        if completion.rejection is not None or completion.deferral is not None:
            yield completion
            for twin in twins:
                yield Completion(
                    twin,
                    rejection=completion.rejection,
                    detail=completion.detail,
                    deferral=completion.deferral,
                    attempts=0,
                )
            return
        yield completion
        if self._is_usable is not None and not self._is_usable(completion):
            self._promote(digest, twins)
            return
        answer = Answer(
            completion.answered_by,
            completion.text,
            completion.value,
            completion.finish_reason,
            completion.confidence,
            completion.label_probabilities,
        )
        self._answers.put(digest, answer)
        for twin in twins:
            yield reuse(twin, answer)

    def _promote(self, digest: bytes, twins: list[Asked]) -> None:
        """Let the first of those that waited be asked for itself, and the others wait for it."""
        if twins:
            self._in_flight[digest] = twins[1:]
            self._waiting += len(twins) - 1
            self._promoted.append(twins[0])

    def promoted(self) -> Iterator[Asked]:
        """Yield the requests that waited for an answer which is of no use, and that the engine is to start now."""
        while self._promoted:
            yield self._promoted.popleft()

    def _next(self) -> Asked | None:
        """Return the next request, or None where there is none (now, or, once `_ended`, any more)."""
        if not self._block:
            self._fill()
        return self._block.popleft() if self._block else None

    def _fill(self) -> None:
        block: list[Asked] = []
        for request in self._source:
            if request is None:
                break
            block.append(request)
            if len(block) >= self._lookahead:
                break
        else:
            self._ended = True
        self._block.extend(in_order(block))


def in_order(block: list[Asked]) -> list[Asked]:
    """Return requests by the text of their messages; those that differ in the last one alone, as most do, by that."""
    start = block[0].messages[:-1] if block else ()
    if start and all(request.messages[:-1] == start for request in block):
        return sorted(block, key=lambda request: request.messages[-1].content)
    return sorted(block, key=lambda request: [message.content for message in request.messages])


def reuse(request: Request, answer: Answer) -> Completion:
    """Complete `request` with the answer of an identical one: no usage, no engine time."""
    return Completion(
        request,
        text=answer.text,
        value=answer.value,
        finish_reason=answer.finish_reason,
        confidence=answer.confidence,
        label_probabilities=answer.label_probabilities,
        reuses=answer.attempt_id,
    )


def is_parsed(completion: Completion) -> bool:
    """Whether an answer was parsed, and did not end at the token limit."""
    return completion.value is not None and completion.finish_reason != "length"
