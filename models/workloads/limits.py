"""Answers that break a limit of their schema by a little: the model can keep it, once it is told."""

import re

_LIMIT = re.compile(
    r"(?:must (?:have|be) at (?:most|least) |must satisfy exclusiveM|(?:String|List|Value|Data) should have at (?:most|least) |"
    r"Input should be (?:less|greater) than )"
)
_OTHERS = re.compile(r", and \d+ more rules?$")


def correction_of(field: str, rule: str) -> str | None:
    """Return what to tell the model of a rule that its answer broke: field and rule; None for a rule that is no limit.

    Strict mode is never sent the lengths of strings, and a looser format holds no limit at all. Both words are those of the
    quarantine, which hold nothing of an answer.
    """
    return f"{field}: {_OTHERS.sub('', rule)}" if _LIMIT.match(rule) else None


def told(text: str, correction: str) -> str:
    """Return a message's text with what was wrong with the answer before it."""
    return f"{text}\n\nAn earlier answer broke one rule. Answer again, and keep it: {correction}."
