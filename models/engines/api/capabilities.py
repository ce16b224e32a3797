"""What an endpoint is capable of, learnt from what it refuses."""

import json
from dataclasses import dataclass, replace
from typing import get_args

from models.engines.api.options import StructuredOutput
from models.engines.api.replies import Meaning, ReplyVerdict

TRIED_WITHOUT = ("seed", "temperature", "reasoning_effort")
"""Fields that are left out one after the other, where an endpoint refuses every request and names nothing."""

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
