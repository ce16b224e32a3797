"""What a chat template writes, and which of it is a message's own text: a template is no way for a record out of its message."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from jinja2 import TemplateError

from models.engines.vllm.chat_template import TemplateUse
from models.errors import UsageError
from models.requests import Message

KEPT = 64
"""Renderings of a template without a record that are remembered."""


class PromptPart(NamedTuple):
    """A piece of a rendered prompt: text of a message, or what the template writes around it."""

    text: str
    is_message: bool


def new_mark(number: int) -> str:
    """Return a string that no text holds, since nobody can guess it; no normalizer or template changes it."""
    return f"\ufdd0{secrets.randbelow(10**18):018d}{number}\ufdd1"


LOOKS_LIKE_MARKS = r"<{1,2}[^<>\n]{1,60}>{1,2}|\[[^\[\]\n]{1,60}\]|\{[^{}\n]{1,60}\}"
"""What marks of turns in plain text mostly look like."""


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds the longest of some words."""
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)")


_FAULTS = (TemplateError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What a template may raise on a text that it does not expect."""


class PromptRenderer:
    """Renders messages by a chat template, and tells their own texts from the template's.

    The template sees the texts between marks, so that what it makes of them is kept. The turns that it writes may not depend on the
    last one, which holds the record: where they would, and where it takes a text apart, it gets a stand-in, and the text is put in
    afterwards.
    """

    def __init__(self, tokenizer: Any, use: TemplateUse) -> None:  # noqa: ANN401  transformers is not typed for us
        self._tokenizer = tokenizer
        self._use = use
        self.begin, self.end = new_mark(1), new_mark(2)
        """What the template sees before and after the text of a message."""
        added = any_of(map(str, tokenizer.added_tokens_decoder.values()))
        self._structure = re.compile(f"{added.pattern}|{LOOKS_LIKE_MARKS}")
        self._kept: dict[tuple[object, ...], bool] = {}
        self._around: dict[tuple[object, ...], tuple[str, ...]] = {}

    def render(self, messages: Sequence[Message]) -> tuple[PromptPart, ...]:
        """Return a prompt in parts, without empty ones. Raises `UsageError` for a template that loses a message's text."""
        shown = self._shown(messages)
        if not shown:
            return self._split(self._text(shown)) or ()
        marked = self._mark(shown)
        found = self._try(marked)
        if found is not None and self._marks_around(found) == self._around_record(marked):
            return _without_empty(found)
        return _without_empty(self._render_unseen(marked))

    def open(self, messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
        """Return all messages but the last with marks around their texts, and what is written up to the last one's text; "" for nothing."""
        marked = self._marked(self._mark(self._shown(messages)))
        text = self.try_write(marked) or ""
        first, begin, _ = text.rpartition(self.begin)
        return marked[:-1], first + begin

    def record(self, messages: Sequence[Message]) -> Message | None:
        """Return the last message as the template is to see it; None for a prompt without one."""
        shown = [messages[-1]] if self._use.takes_system and messages else self._shown(messages)
        return _encodable(shown[-1]) if shown else None

    def marked(self, message: Message) -> Message:
        """Put marks around the whole text of a message."""
        return Message(message.role, f"{self.begin}{message.content}{self.end}")

    def try_write(self, messages: Sequence[Message]) -> str | None:
        """Let the template write a prompt; None where it cannot be rendered with these messages."""
        try:
            return self._text(messages)
        except _FAULTS:
            return None

    def split(self, text: str) -> tuple[PromptPart, ...] | None:
        """Take a written prompt apart at the marks, without empty parts; None where they do not stand in pairs."""
        parts = self._split(text)
        return None if parts is None else _without_empty(parts)

    def keeps_blanks(self, messages: Sequence[Message]) -> bool:
        """Whether the template leaves the blanks around a last message's text, after these others."""
        return self._keeps_blanks(self._shown(messages))

    def _shown(self, messages: Sequence[Message]) -> list[Message]:
        return [_encodable(one) for one in (messages if self._use.takes_system else merge_system(messages))]

    def _around_record(self, marked: Sequence["_Marked"]) -> tuple[str, ...]:
        """Return the marks that the template writes around a record of one word."""
        last = marked[-1]
        key = (
            *(one.message for one in marked[:-1]),
            last.message.role,
            last.before,
            last.after,
            bool(last.core),
        )
        if key not in self._around:
            if len(self._around) >= KEPT:
                self._around.clear()
            stand_in = [*marked[:-1], replace(last, core="x" if last.core else "")]
            found = self._try(stand_in)
            self._around[key] = () if found is None else self._marks_around(found)
        return self._around[key]

    def _marks_around(self, parts: Sequence[PromptPart]) -> tuple[str, ...]:
        """Return the marks that the template wrote, and "" for each text of a message."""
        found: list[str] = []
        for one in parts:
            found += [""] if one.is_message else self._structure.findall(one.text)
        return tuple(found)

    def _mark(self, messages: Sequence[Message]) -> list["_Marked"]:
        """Put marks around the texts: with the blanks around them where the template keeps these, else without."""
        whole = [
            _Marked(one, "", one.content, "") if one.content.strip() else _Marked(one, one.content, "", "")
            for one in messages
        ]
        if all(one.core == one.core.strip() for one in whole):
            return whole
        if self._keeps_blanks(messages):
            return whole
        return [_without_blanks(one) for one in whole]

    def _keeps_blanks(self, messages: Sequence[Message]) -> bool:
        """Whether the template leaves the blanks around a last message's text, after these others."""
        key = ("blanks", *messages[:-1], messages[-1].role)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            said = [*messages[:-1], Message(messages[-1].role, "\n x \n")]
            try:
                plain, marked = self._text(said), self._text([self._between(one) for one in said])
            except _FAULTS:
                plain, marked = "", "-"
            self._kept[key] = plain == marked.replace(self.begin, "").replace(self.end, "")
        return self._kept[key]

    def _between(self, message: Message) -> Message:
        return self.marked(message) if message.content.strip() else message

    def _try(self, marked: Sequence["_Marked"]) -> tuple[PromptPart, ...] | None:
        """Render texts as they are; None where the template takes one apart, or cannot be rendered with it."""
        text = self.try_write(self._marked(marked))
        return None if text is None else self._split(text)

    def _render_unseen(self, marked: Sequence["_Marked"]) -> tuple[PromptPart, ...]:
        """Render with a stand-in for the last message, or if need be for all, and put the texts in."""
        last = marked[-1]
        seen = [*marked[:-1], replace(last, core="x" if last.core else "")]
        found = self._try(seen)
        if found is not None and sum(one.is_message for one in found) == sum(bool(one.core) for one in seen):
            place = max(number for number, one in enumerate(found) if one.is_message) if last.core else -1
            return tuple(
                PromptPart(last.core, is_message=True) if at == place else one for at, one in enumerate(found)
            )
        numbered = [replace(one, core=str(at) if one.core else "") for at, one in enumerate(marked)]
        parts = self._split(self._text(self._marked(numbered)))
        if parts is None or not all(one.text.isdecimal() for one in parts if one.is_message):
            msg = "the model's chat template takes the texts of messages apart: set chat_template to one that leaves them whole"
            raise UsageError(msg)
        return tuple(
            PromptPart(marked[int(one.text)].core, is_message=True) if one.is_message else one
            for one in parts
        )

    def _marked(self, marked: Sequence["_Marked"]) -> list[Message]:
        return [one.between(self.begin, self.end) for one in marked]

    def _split(self, text: str) -> tuple[PromptPart, ...] | None:
        """Take a rendered text apart at the marks; None where they do not stand in pairs."""
        first, *rest = text.split(self.begin)
        parts = [PromptPart(first, is_message=False)]
        for one in rest:
            core, ended, after = one.partition(self.end)
            if not ended:
                return None
            parts += [PromptPart(core, is_message=True), PromptPart(after, is_message=False)]
        return None if any(self.end in one.text for one in parts) else tuple(parts)

    def _text(self, messages: Sequence[Message]) -> str:
        conversation = [{"role": one.role, "content": one.content} for one in messages]
        text: str = self._tokenizer.apply_chat_template(
            conversation, **self._use.arguments, tokenize=False, add_generation_prompt=True
        )
        return text


@dataclass(frozen=True, slots=True)
class _Marked:
    """A message: its text, and the blanks before and after it that a template may take away."""

    message: Message
    before: str
    core: str
    after: str

    def between(self, begin: str, end: str) -> Message:
        core = f"{begin}{self.core}{end}" if self.core else ""
        return Message(self.message.role, f"{self.before}{core}{self.after}")


def _encodable(message: Message) -> Message:
    """Replace half surrogate pairs, which no tokenizer takes."""
    text = message.content
    return (
        message
        if text.isascii()
        else replace(message, content=text.encode("utf-8", "replace").decode("utf-8"))
    )


def _without_blanks(one: _Marked) -> _Marked:
    core = one.core.strip()
    if not core:
        return one
    start = one.core.index(core)
    return replace(one, before=one.core[:start], core=core, after=one.core[start + len(core) :])


def _without_empty(parts: Sequence[PromptPart]) -> tuple[PromptPart, ...]:
    return tuple(one for one in parts if one.text)


def merge_system(messages: Sequence[Message]) -> list[Message]:
    """Put what the system messages say before the first user message, for a template that takes no system message."""
    said = [one.content for one in messages if one.role == "system"]
    others = [one for one in messages if one.role != "system"]
    place = next((number for number, one in enumerate(others) if one.role == "user"), None)
    if said and place is not None:
        others[place] = replace(others[place], content="\n\n".join([*said, others[place].content]))
    return others
