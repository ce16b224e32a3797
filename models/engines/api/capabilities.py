"""What an endpoint is capable of, learnt from what it refuses, and whether it answers any request at all."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

from models.engines.api.options import StructuredOutput
from models.engines.api.replies import Meaning, ReplyVerdict

REFUSALS = 3
"""This many refused requests without a single answer are the fault of the settings, not of the requests."""
HOLD_SECONDS = 2.0

Fault = Literal["request", "settings", "nobody_knows"]

_STEP_DOWN: dict[StructuredOutput, StructuredOutput] = {"json_schema": "json_object", "json_object": "none"}


@dataclass(frozen=True, slots=True)
class EndpointCapabilities:
    """What requests may use: how the answer's shape is asked for, and the fields that are left out.

    `tells_schema`: the prompt says the schema as well, since the endpoint passes over `response_format`.
    `folds_system`: the system message stands before the first user message, since the endpoint takes no such role.
    """

    structured: StructuredOutput = "json_schema"
    without: frozenset[str] = frozenset()
    tells_schema: bool = False
    folds_system: bool = False

    def to_json(self) -> str:
        """Return it as it is kept: one JSON object, the same text for the same capabilities."""
        kept = {
            "structured": self.structured,
            "without": sorted(self.without),
            "tells_schema": self.tells_schema,
            "folds_system": self.folds_system,
        }
        return json.dumps(kept, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None) -> "EndpointCapabilities":
        """Read what `to_json` wrote, in this release or another: what it does not know, or lacks, counts as not said."""
        try:
            kept = json.loads(text or "{}")
        except ValueError:
            kept = {}
        said = kept if isinstance(kept, dict) else {}
        without = said.get("without")
        return cls(
            structured=next(
                (one for one in get_args(StructuredOutput) if one == said.get("structured")), "json_schema"
            ),
            without=frozenset(
                name for name in (without if isinstance(without, list) else ()) if isinstance(name, str)
            ),
            tells_schema=said.get("tells_schema") is True,
            folds_system=said.get("folds_system") is True,
        )

    def step_down(self, verdict: ReplyVerdict) -> "EndpointCapabilities | None":
        """Return the capabilities to assume after this verdict; None if nothing is left to give up."""
        if verdict.meaning is Meaning.OTHER_FORMAT and self.structured in _STEP_DOWN:
            return replace(self, structured=_STEP_DOWN[self.structured])
        if verdict.meaning is Meaning.OTHER_ROLES and not self.folds_system:
            return replace(self, folds_system=True)
        field = next((name for name in verdict.fields if name not in self.without), None)
        if verdict.meaning is Meaning.OTHER_FIELDS and field is not None:
            return replace(self, without=self.without | {field})
        return None

    def ask_for_less(self, field: str) -> "EndpointCapabilities | None":
        """Return the next way to try where a refusal names nothing: without the field, then with it in a looser format."""
        if field not in self.without:
            return replace(self, without=self.without | {field})
        following = _STEP_DOWN.get(self.structured)
        return (
            None if following is None else replace(self, structured=following, without=self.without - {field})
        )


class Probation:
    """Holds refusals back while the endpoint has not answered a single request.

    A wrong setting makes the API refuse every request with the same 4xx that one bad record gets. Until
    the first answer nobody can tell, so a refused request waits. An answer clears them all: each was
    that request's own fault. `REFUSALS` of them without an answer are the settings' fault: then no
    further request is sent, and as soon as none is under way, the waiting ones are told. Lives on one
    event loop.
    """

    def __init__(self) -> None:
        self.passed = False
        self._refused = 0
        self._under_way = 0
        self._changed = asyncio.Event()
        self.held = 0

    @property
    def undecided(self) -> bool:
        """Whether nothing more may be sent until those under way are back."""
        return not self.passed and self._refused >= REFUSALS

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request as under way."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self.wake()

    async def settle(self) -> None:
        """Wait until more may be sent."""
        while self.undecided:
            await self._changed.wait()

    def answered(self) -> None:
        """Note that a request was answered."""
        if not self.passed:
            self.passed = True
            self.wake()

    def wake(self) -> None:
        """Let those that wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def fault(self, *, alone: Callable[[], bool], over: Callable[[], bool]) -> Fault:
        """Wait until it is clear what causes a refusal; `nobody_knows` where `over` ends the waiting.

        `alone` says that nothing else is going on that could tell; then the request is given the blame
        after `HOLD_SECONDS`.
        """
        if self.passed:
            return "request"
        self._refused += 1
        self.held += 1
        try:
            while not self.passed:
                if self.undecided and not self._under_way:
                    return "settings"
                if over():
                    return "nobody_knows"
                if await self._nothing_changes() and alone():
                    break
        finally:
            self.held -= 1
        return "request"

    async def _nothing_changes(self) -> bool:
        try:
            await asyncio.wait_for(self._changed.wait(), HOLD_SECONDS)
        except TimeoutError:
            return True
        return False
