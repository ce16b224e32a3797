"""The first answers of the API in a run: while none fits, nobody knows whether the records or the settings are at fault."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from models.engines.api.chat_format import MORE_ROOM
from models.errors import NoAnswerFits
from models.records import Escalated
from models.requests import Completion

FIRST_ANSWERS = 8
"""So many answers of which none fits are the settings' fault. Where nine in ten records fail by themselves, eight in a
row happen in 43 runs of a hundred, where half do in 4 of a thousand: such a workload needs another prompt or model
as well. More would be billed to learn the same."""

MOST_HELD = 1000
"""Answers of batches that memory holds until one fits. The records of more stay where they wait, for a later run."""

_Why = Literal["reasoning", "length", "refusal", "empty", "prose", "schema"]
_OTHER_MODEL = "or another BREAKEVEN_API_MODEL"
_SEEN: dict[_Why, tuple[str, str]] = {
    "reasoning": ("reasoning used up the tokens", MORE_ROOM),
    "length": (
        "cut off at the token limit",
        "raise max_tokens of the workload, or BREAKEVEN_API_REASONING_TOKENS",
    ),
    "refusal": ("refused by the model", f"change the workload's prompt, {_OTHER_MODEL}"),
    "empty": ("empty", f"set BREAKEVEN_API_STRUCTURED_OUTPUT to what the endpoint can do, {_OTHER_MODEL}"),
    "prose": (
        "not in the form that was asked for",
        f"set BREAKEVEN_API_STRUCTURED_OUTPUT to what the endpoint can do, {_OTHER_MODEL}",
    ),
    "schema": (
        "against the workload's schema or checks",
        f"set BREAKEVEN_API_STRUCTURED_OUTPUT to what the endpoint can do, {_OTHER_MODEL}, or change the workload's checks",
    ),
}
"""What was seen, and the settings to change."""


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """An answer that does not fit, its line closed as billed, and the record that waits for the decision."""

    escalated: Escalated
    completion: Completion


def is_answer(completion: Completion) -> bool:
    """Whether a completion tells of the settings: what the model answered, or reasoned, or refused to answer.

    A text that is too long, a content filter and an error say nothing.
    """
    rejection = completion.rejection
    return rejection in {None, "reasoning_limit", "invalid_output"} or (
        rejection == "refused" and completion.detail == "refusal"
    )


@dataclass(slots=True)
class FirstAnswers:
    """Answers of one run that do not fit, until one does: `fitted` says that one has."""

    fitted: bool
    _held: list[HeldAnswer] = field(default_factory=list, init=False)
    _seen: Counter[_Why] = field(default_factory=Counter, init=False)
    _useless: bool = field(default=False, init=False)

    def hold(self, held: HeldAnswer) -> None:
        """Keep an answer that does not fit until another one does."""
        if held.completion.reuses is None and held.completion.attempts:  # else another one's answer
            self._seen[_why(held.completion)] += 1
        if not self._useless and len(self._held) < MOST_HELD:
            self._held.append(held)

    def release(self) -> list[HeldAnswer]:
        """Return what was held, once an answer fits, or none is to come: these are the records' own fault.

        Nothing after it was decided that the settings are at fault: then they stay as they are, for a later run.
        """
        self.fitted = self.fitted or not self._useless
        held, self._held = self._held, []
        return held

    def check(self, model: str) -> None:
        """Raise `NoAnswerFits` once the first answers are there, and none of them fits."""
        count = self._seen.total()
        if self.fitted or count < FIRST_ANSWERS:
            return
        self._useless = True
        self._held.clear()
        seen = ", ".join(f"{number} {_SEEN[why][0]}" for why, number in self._seen.most_common())
        advice = _SEEN[self._seen.most_common(1)[0][0]][1]
        msg = (
            f"none of the first {count} answers of {model} can be used ({seen}): {advice}. "
            "They are billed; no record is set aside, and the same command asks again"
        )
        raise NoAnswerFits(msg)


def _why(completion: Completion) -> _Why:
    if completion.rejection is not None:
        by_rejection: dict[str, _Why] = {"reasoning_limit": "reasoning", "invalid_output": "prose"}
        return by_rejection.get(completion.rejection, "refusal")
    if completion.finish_reason == "length":
        return "length"
    if not completion.text.strip():
        return "empty"
    return "prose" if completion.value is None else "schema"
