"""Who else may take part in a partition that this process has cut: asked for by whoever knows of other workers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from uuid import UUID

from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.setup.ray_cluster import refuse_without_flow

Look = Callable[[], bool]
"""Sees after those that were asked, and returns whether some are yet to come; called again and again until all shards are done."""
AskHelpers = Callable[[RunRequest, UUID, int], AbstractContextManager[Look]]
"""Asks others to take part in what a request wants, given its run and the number of its shards; tells them off at the end."""


def ask_nobody(_request: RunRequest, _run_id: UUID, _shards: int) -> AbstractContextManager[Look]:
    """Leave all shards to this process, and to whoever comes by itself."""
    return nullcontext(lambda: False)


_ask: ContextVar[AskHelpers] = ContextVar("ask_helpers", default=ask_nobody)


@contextmanager
def helpers_from(ask: AskHelpers) -> Iterator[None]:
    """Let runs inside the block ask for helpers like this."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def ask_helpers(
    request: RunRequest, run_id: UUID, shards: int, settings: Settings
) -> AbstractContextManager[Look]:
    """Ask for helpers as the innermost block says. Raises `UsageError` where nobody can hand shards to the Ray cluster that is set."""
    ask = _ask.get()
    if ask is ask_nobody:
        refuse_without_flow(settings)
    return ask(request, run_id, shards)
