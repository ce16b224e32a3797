"""What requests to an endpoint may use, as the ledger remembers it, and what a batch's refusals add to that."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from db import endpoints
from models.engines.api.capabilities import TRIED_WITHOUT, EndpointCapabilities
from models.engines.api.options import ApiOptions
from models.engines.api.replies import Meaning, ReplyVerdict
from models.requests import JsonValue
from tasks.runtime.leased_ledger import LeasedLedger

log = logging.getLogger(__name__)

RESPONSE_FORMAT = "response_format"
ASKED, STRUCTURED, EFFORT = "asked", "structured_output", "reasoning_effort"
"""Names of what is kept of the settings under which something was learnt."""
_LOOSER = ("json_schema", "json_object", "none")


def read_capabilities(session: Session, options: ApiOptions) -> EndpointCapabilities:
    """Return what requests may use: what the settings say, less what was refused before.

    What was learnt of a setting that says something else by now is forgotten.
    """
    kept = endpoints.read_learnt(session, options.host, options.model)
    able, asked = EndpointCapabilities.from_json(kept), _settings_then(kept)
    structured, tells_schema, without = able.structured, able.tells_schema, able.without
    if asked.get(STRUCTURED, options.structured_output) != options.structured_output or kept is None:
        structured, tells_schema = options.structured_output, False
    if asked.get(EFFORT, options.reasoning_effort) != options.reasoning_effort:
        without -= {"reasoning_effort"}
    looser = max(structured, options.structured_output, key=_LOOSER.index)
    return EndpointCapabilities(looser, without, tells_schema, able.folds_system)


@dataclass(slots=True)
class LearntCapabilities:
    """The capabilities of the model at the endpoint of these options, kept in the ledger."""

    ledger: LeasedLedger
    options: ApiOptions

    def read(self) -> EndpointCapabilities:
        """Return what requests may use; see `read_capabilities`."""
        return self.ledger.read(lambda session: read_capabilities(session, self.options))

    def keep(self, able: EndpointCapabilities) -> None:
        """Write down what requests may use from now on, and what the settings said: where they change, it is found out anew."""
        options = self.options
        asked = {STRUCTURED: options.structured_output, EFFORT: options.reasoning_effort}
        text = json.dumps({**json.loads(able.to_json()), ASKED: asked}, sort_keys=True)
        self.ledger.write(lambda session: endpoints.keep_learnt(session, options.host, options.model, text))

    def refuse(self, verdict: ReplyVerdict, body: Mapping[str, JsonValue]) -> bool:
        """Learn from the refusal of a request that was rendered as `body` was: how the endpoint wants to be asked instead.

        Returns whether requests are rendered otherwise from now on; False where they cannot do with less.
        """
        able = self.read()
        match verdict.meaning:
            case Meaning.OTHER_FORMAT:
                asked = body.get(RESPONSE_FORMAT)
                used = asked.get("type") if isinstance(asked, dict) else "none"
                what, known = RESPONSE_FORMAT, used in _LOOSER[: _LOOSER.index(able.structured)]
                less = able.step_down(verdict) if used == able.structured else None
            case Meaning.OTHER_ROLES:
                used_system = any(role == "system" for role in _roles(body))
                what, known = "the system role", used_system and able.folds_system
                less = able.step_down(verdict)
            case _:
                fields = [name for name in verdict.fields if name in body]
                new = able.without | set(fields)
                what, known = f"the field {', '.join(fields)}", bool(fields) and new == able.without
                less = replace(able, without=new) if fields else None
        if known or less is None:
            return known
        self.keep(less)
        log.warning(
            "the API at %s refuses %s in batches: the next batch does without it", self.options.host, what
        )
        return True

    def ask_less(self, body: Mapping[str, JsonValue]) -> bool:
        """Leave out one more field where all requests rendered as `body` were refused, and no refusal names anything.

        Returns whether requests are rendered otherwise from now on. False where that was tried in vain: then what was
        left out on a guess is sent again.
        """
        able = self.read()
        field = next((name for name in TRIED_WITHOUT if name in body), None)
        if field is None:
            if able.without.intersection(TRIED_WITHOUT):
                self.keep(replace(able, without=able.without - set(TRIED_WITHOUT)))
            return False
        if field not in able.without:
            self.keep(replace(able, without=able.without | {field}))
            log.warning(
                "the API at %s refuses every request of a batch: the next batch does without the field %s",
                self.options.host,
                field,
            )
        return True


def _roles(body: Mapping[str, JsonValue]) -> list[JsonValue]:
    messages = body.get("messages")
    return (
        [one.get("role") for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    )


def _settings_then(kept: str | None) -> Mapping[str, JsonValue]:
    """Return what the settings said when something was learnt; empty where that was not kept."""
    try:
        said = json.loads(kept or "{}")
    except ValueError:
        return {}
    asked = said.get(ASKED) if isinstance(said, dict) else None
    return asked if isinstance(asked, dict) else {}
