"""What all streams of one engine share: the endpoint's limits, what was learnt of it, and whose fault its refusals are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.journal_batcher import JournalBatcher
from models.engines.api.options import ApiOptions
from models.engines.api.permit import Journal
from models.engines.api.probation import Flights, Probation
from models.engines.api.rate_limits import Limits
from models.engines.api.replies import Reply
from models.requests import JsonValue

log = logging.getLogger(__name__)

Ask = Callable[[dict[str, JsonValue], UUID], Awaitable[Reply]]
"""Sends one body under an attempt's id. It raises nothing but its own cancellation."""


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """A reply, the request's body and what it was made for, whether it was the breaker's probe, and its turn in flight."""

    reply: Reply
    body: dict[str, JsonValue]
    capabilities: EndpointCapabilities
    probe: bool
    turn: int


class Endpoint:
    """What all streams of one engine share on its event loop.

    `probation`: whether it answers anybody at all; `access`: whether it still lets us in, after it did; `format`: whether
    it heeds the `response_format` that it is sent. `trial` is held by the one request that finds out which field is
    refused where nothing names it.
    """

    def __init__(
        self,
        options: ApiOptions,
        journal: Journal,
        journal_batcher: JournalBatcher,
        limits: Limits,
        ask: Ask,
        capabilities: EndpointCapabilities | None = None,
    ) -> None:
        self.options = options
        self.journal = journal
        self.journal_batcher = journal_batcher
        self.limits = limits
        self.ask = ask
        self.capabilities = capabilities or EndpointCapabilities(options.structured_output)
        self.flights = Flights()
        self.probation = Probation(self.flights)
        self.access = Probation(self.flights)
        self.access.answered()
        self.format = Probation(self.flights)
        self.trial = asyncio.Lock()
        self.tried = False
        self.slots = asyncio.Semaphore(options.concurrency)
        self.fifo_lock = asyncio.Lock()

    @property
    def undecided(self) -> bool:
        """Whether nothing more may be sent until those under way are back."""
        return self.probation.undecided or self.access.undecided or self.format.undecided

    @property
    def held(self) -> int:
        """Requests that wait until it is clear whose fault something is."""
        return self.probation.held + self.access.held + self.format.held

    def learn(self, able: EndpointCapabilities) -> None:
        """Ask in another way from now on, and say once what has changed."""
        before, self.capabilities = self.capabilities, able
        host = self.options.host
        for field in sorted(able.without - before.without):
            log.warning("the API at %s refuses the field %s: asking without it", host, field)
        if able.structured != before.structured:
            log.warning(
                "the API at %s refuses response_format %s: asking without it", host, before.structured
            )
        if able.folds_system and not before.folds_system:
            log.warning(
                "the API at %s refuses the system role: its text goes into the first user message", host
            )
        if able.tells_schema and not before.tells_schema:
            log.warning(
                "the API at %s passes over response_format: the schema goes into the prompt as well; "
                "BREAKEVEN_API_STRUCTURED_OUTPUT=none leaves the format out",
                host,
            )
