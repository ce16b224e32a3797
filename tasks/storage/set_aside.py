"""What becomes of a record that an engine, or its answer, failed: the row that is set aside, and the words for it."""

from models.engines.api.chat_format import MORE_ROOM
from models.records import Fault, Quarantined, QuarantineReason, Record, ServedBy
from models.requests import RejectionReason

REJECTED: dict[RejectionReason, tuple[QuarantineReason, str]] = {
    "empty": ("missing_text", "must not be empty"),
    "too_long": ("too_long", "prompt and answer must fit what the model takes"),
    "refused": ("refused", "must not be refused by the engine"),
    "reasoning_limit": (
        "reasoning_limit",
        f"must be answered before reasoning used up the tokens: {MORE_ROOM}",
    ),
    "invalid_output": ("invalid_output", "must be answered in the shape that was asked for"),
}
"""What a rejection is in the quarantine, and the rule that the record's text broke."""
REFUSALS = {
    "content_filter": "must pass the provider's content filter",
    "refusal": "must be a text that the model is willing to answer",
}
"""Rules of refusals whose detail says more than that the engine did not take the record."""


def set_aside(record: Record, fault: Fault, engine: ServedBy, answer: str | None) -> Quarantined:
    """Return a record set aside for a fault. `answer`: the answer's text, where it is to be kept."""
    return Quarantined(
        record.key,
        record.id,
        record.ordinal,
        fault.reason,
        fault.detail,
        record.text_hash,
        engine=engine,
        answer=answer,
        field=fault.field,
        rule=fault.rule,
    )
