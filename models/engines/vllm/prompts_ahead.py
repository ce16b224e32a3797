"""Prompts made in a thread of their own, some ahead of the engine: rendered and tokenized while it computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Self

from models.requests import Completion, Request

AT_ONCE = 32
"""Prompts that are tokenized in one call; the first waits for the others."""
CHARACTERS_AT_ONCE = 200_000
"""Characters of the messages of such a call: a longer prompt has one of its own, since a tokenizer takes much memory for each."""


class Prompt(NamedTuple):
    """A request as the engine is sent it: token ids, or why the engine is not asked."""

    request: Request
    ids: list[int]
    refused: Completion | None = None


Made = list[Prompt | Exception]


class PromptsAhead:
    """Makes the prompts of requests in their order; a context, because it holds a thread.

    One thread: what Python does of it holds the interpreter's lock, and the tokenizer itself uses the cores. `make` is called in
    that thread alone. What it raises for a request is raised where that request would come, and touches no other.
    """

    def __init__(self, make: Callable[[Sequence[Request]], list[Prompt]]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prompts")
        self._coming: deque[Future[Made]] = deque()
        self._ready: deque[Prompt | Exception] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
        self._thread.shutdown(wait=True)

    def cancel(self) -> None:
        """Make no more prompts but those of the group in hand."""
        for one in self._coming:
            one.cancel()

    def add(self, requests: Iterable[Request]) -> None:
        """Begin to make the prompts of requests, after all others."""
        for some in in_groups(requests):
            self._coming.append(self._thread.submit(self._each, some))

    def next(self) -> Prompt | None:
        """Return the next prompt when it is made, None after the last. Raises what making it raised."""
        if not self._ready:
            if not self._coming:
                return None
            self._ready.extend(self._coming.popleft().result())
        found = self._ready.popleft()
        if isinstance(found, Exception):
            raise found
        return found

    def _each(self, requests: Sequence[Request]) -> Made:
        try:
            return [*self._make(requests)]
        except Exception as error:  # noqa: BLE001  is raised again, for the request that it belongs to
            return [error] if len(requests) == 1 else [self._each([one])[0] for one in requests]


def in_groups(requests: Iterable[Request]) -> Iterator[Sequence[Request]]:
    """Cut requests into groups for one call each, as they come."""
    group: list[Request] = []
    characters = 0
    for request in requests:
        own = len(request.messages[-1].content) if request.messages else 0
        if group and (len(group) >= AT_ONCE or characters + own > CHARACTERS_AT_ONCE):
            yield group
            group, characters = [], 0
        group.append(request)
        characters += own
    if group:
        yield group
