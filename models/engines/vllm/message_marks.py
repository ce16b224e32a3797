"""How a model is shielded from what records write: how its prompts are tokenized, and which marks messages spell out."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from models.engines.marks import BREAK, break_at, find_marks, fold
from models.engines.vllm.direct_tokens import DirectTokenizer
from models.engines.vllm.guarded_tokens import NEUTRAL, GuardedTokenizer
from models.engines.vllm.rendering import PromptPart, PromptRenderer, any_of
from models.engines.vllm.turn_marks import choose_break, find_turn_marks
from models.requests import Message, Role

CONTEXT = 80
"""Characters around a message's text in which a mark may begin or end."""
REMEMBERED = 512
"""Texts of constant messages that are spelled out once."""
_TALK: tuple[tuple[Role, ...], ...] = (
    ("system", "user", "assistant", "user"),
    ("user", "assistant", "user"),
    ("user",),
)
_SPACE = "\u2581"

UNSEPARATED = (
    "its chat template puts nothing but white space between messages, so a record can write what looks like another one: "
    "set chat_template to one with marks"
)

Tokens = GuardedTokenizer | DirectTokenizer


def choose_tokens(tokenizer: Any, parts: Sequence[PromptPart]) -> Tokens:  # noqa: ANN401  transformers is not typed for us
    """Return what tokenizes a model's prompts: guarded, if an ordinary prompt has the tokenizer's own ids then."""
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        return DirectTokenizer(tokenizer)
    guarded = GuardedTokenizer(tokenizer)
    for stand_in in NEUTRAL:  # a token of single words does not stand beside a word
        said = [one._replace(text=stand_in) if one.is_message else one for one in parts]
        own = list(tokenizer("".join(one.text for one in said), add_special_tokens=False)["input_ids"])
        if guarded.tokenize([guarded.guarded(said)]) == [own]:
            return guarded
    return DirectTokenizer(tokenizer)


class MessageMarks:
    """What a message may not say as it is: special tokens, the added tokens that the template writes, and its marks in plain text.

    `notes`: a line for a template that has no marks.
    """

    def __init__(self, tokenizer: Any, tokens: Tokens, renderer: PromptRenderer) -> None:  # noqa: ANN401
        self._tokens = tokens
        parts = _sample(renderer)
        added = tokenizer.added_tokens_decoder
        written = tokens.written(parts)
        shown = {str(one) for number, one in added.items() if one.special or number in written}
        words = [re.escape(fold(one)) for one in sorted(shown, key=len, reverse=True) if len(one.strip()) > 1]
        between = any_of(map(str, added.values()))
        turns = find_turn_marks([between.split(one) for one in _around(parts)])
        self._plain = turns.pattern
        self._break = (
            BREAK if turns.pattern is None else choose_break(turns.texts, tokens.encode, turns.pattern)
        )
        plain = [] if turns.pattern is None else [turns.pattern.pattern]
        self._pattern: re.Pattern[str] | None = (
            re.compile("|".join([*words, *plain])) if words or plain else None
        )
        self._constant = lru_cache(maxsize=REMEMBERED)(self.spell_record)
        self.notes = () if turns.separates else (UNSEPARATED,)

    def spell_out(self, parts: Sequence[PromptPart]) -> tuple[PromptPart, ...]:
        """Return a prompt in which no message's text, also with what stands around it, holds a mark."""
        last = max((at for at, one in enumerate(parts) if one.is_message), default=-1)
        spelled = []
        for at, one in enumerate(parts):
            if one.is_message:
                before, after = context_of(parts, at)
                spell = self.spell_record if at == last else self._constant
                spelled.append(PromptPart(spell(before, one.text, after), is_message=True))
            else:
                spelled.append(one)
        return tuple(spelled)

    def spell_record(self, before: str, text: str, after: str) -> str:
        """Return a message's text so that it holds no mark, also with what stands before and after it."""
        if self._pattern is None:
            return text
        if self._plain is not None:
            seen = self._tokens.normalize(text).replace(_SPACE, " ")
            if seen != text and find_marks(seen, self._plain) and not find_marks(text, self._plain):
                text = seen
        start, end = len(before), len(before) + len(text)
        found = find_marks(f"{before}{text}{after}", self._pattern)
        places = {max(begins + 1, start) - start for begins, ends in found if ends > start and begins < end}
        return break_at(text, sorted(places), self._break)


def context_of(parts: Sequence[PromptPart], at: int) -> tuple[str, str]:
    """Return what stands around a part of a prompt, as far as a mark may reach."""
    before = parts[at - 1].text[-CONTEXT:] if at else ""
    return before, parts[at + 1].text[:CONTEXT] if at + 1 < len(parts) else ""


def _sample(renderer: PromptRenderer) -> tuple[PromptPart, ...]:
    """Render as long a talk as the template takes."""
    for roles in _TALK[:-1]:
        try:
            return renderer.render([Message(role, "x") for role in roles])
        except Exception:  # noqa: BLE001, S112  a template may raise whatever it likes for roles that it does not take
            continue
    return renderer.render([Message("user", "x")])


def _around(parts: Sequence[PromptPart]) -> list[str]:
    """Return what the template writes before, between and behind the texts of messages."""
    pieces = [""]
    for one in parts:
        if one.is_message:
            pieces.append("")
        else:
            pieces[-1] += one.text
    return pieces
