"""What prompts have in common around their records: made once, so that a prompt costs little more than its record's own text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.engines.vllm.guarded_tokens import GuardedPrompt
from models.engines.vllm.message_marks import MessageMarks, context_of
from models.engines.vllm.rendering import PromptPart, PromptRenderer
from models.requests import Message

OPENINGS = 8
"""Constant messages whose prompts are remembered: a stream has those of its workload and, in between, those of its triage."""
ENDINGS = 64
"""Texts behind a record that are remembered, and prompts that are tried before it is given up."""


@dataclass(frozen=True, slots=True)
class Head:
    """The constant beginning of prompts: text that ends before an added token, its guards, and its token ids."""

    text: str
    guards: int
    ids: tuple[int, ...]


NO_HEAD = Head("", 0, ())


@dataclass(frozen=True, slots=True)
class _Frame:
    """A prompt without its record: the marks' context, the head, and what stands between head and record and behind it."""

    before: str
    after: str
    head: Head
    lead: tuple[PromptPart, ...]
    rest: tuple[PromptPart, ...]
    ids: tuple[int, ...]


@dataclass(slots=True)
class _Opening:
    """What prompts of the same constant messages begin with, up to the mark before their record; empty: nothing is known.

    `said` are those messages with marks, as the template sees them; `frames` go by the text behind the record.
    """

    constant: tuple[Message, ...]
    role: str
    said: Sequence[Message]
    text: str
    keeps_blanks: bool
    frames: dict[str, _Frame] = field(default_factory=dict)
    tries: int = 0


class PromptFrames:
    """Finds a record in what the template writes, where all around it is as in an earlier prompt.

    The template sees every record, and what it writes is compared: a prompt that begins or ends as none did before, whose record
    the template takes apart or whose blanks it takes away is made in full by whoever asks.
    """

    def __init__(self, renderer: PromptRenderer, marks: MessageMarks) -> None:
        self._renderer = renderer
        self._marks = marks
        self._openings: list[_Opening] = []

    def find(self, messages: tuple[Message, ...]) -> tuple[Head, GuardedPrompt] | None:
        """Return the head of a prompt and the rest of it, as they are when it is made in full; None where it has to be."""
        opening = self._opening(messages)
        if opening is None or not opening.text:
            return None
        found = self._written(opening, messages)
        if found is None or (frame := opening.frames.get(found[1])) is None:
            return None
        spelled = self._marks.spell_record(frame.before, found[0], frame.after)
        parts = (*frame.lead, PromptPart(spelled, is_message=True), *frame.rest)
        return frame.head, GuardedPrompt(parts, frame.ids)

    def learn(
        self, messages: tuple[Message, ...], parts: Sequence[PromptPart], prompt: GuardedPrompt, head: Head
    ) -> None:
        """Remember what stands around the record of a prompt that was made in full.

        `parts` are what the renderer made of it, `prompt` is the whole of it with guards, `head` what it was cut at.
        """
        opening = self._opening(messages) or self._open(messages)
        if opening is None or not opening.text or opening.tries >= ENDINGS:
            return
        opening.tries += 1
        found = self._written(opening, messages)
        place = max((at for at, one in enumerate(parts) if one.is_message), default=-1)
        if found is None or place < 0 or len(prompt.parts) != len(parts):
            return
        if place and parts[place - 1].is_message:  # how it is spelled out depends on the record beside it
            return
        split = self._renderer.split(f"{opening.text}{found[0]}{self._renderer.end}{found[1]}")
        lead = GuardedPrompt(prompt.parts[:place], prompt.ids)
        if split != tuple(parts) or parts[place].text != found[0] or not lead.text.startswith(head.text):
            return
        lead = lead.after(len(head.text), head.guards)
        before, after = context_of(parts, place)
        opening.frames[found[1]] = _Frame(
            before, after, head, lead.parts, prompt.parts[place + 1 :], lead.ids
        )

    def _opening(self, messages: tuple[Message, ...]) -> _Opening | None:
        if not messages:
            return None
        constant, role = messages[:-1], messages[-1].role
        for one in self._openings:
            if one.role == role and one.constant == constant:
                return one
        return None

    def _open(self, messages: tuple[Message, ...]) -> _Opening | None:
        """Render the constant messages with one word for a record."""
        if not messages:
            return None
        *constant, last = messages
        said, text = self._renderer.open([*constant, Message(last.role, "x")])
        keeps = bool(text) and self._renderer.keeps_blanks([*constant, Message(last.role, "x")])
        if len(self._openings) >= OPENINGS:
            self._openings.clear()
        self._openings.append(_Opening(tuple(constant), last.role, said, text, keeps))
        return self._openings[-1]

    def _written(self, opening: _Opening, messages: tuple[Message, ...]) -> tuple[str, str] | None:
        """Let the template write a prompt; return its record and what comes behind it, None where something else is other."""
        record = self._renderer.record(messages)
        if record is None:
            return None
        core = record.content.strip()
        if not core or (core != record.content and not opening.keeps_blanks):
            return None
        text = self._renderer.try_write([*opening.said, self._renderer.marked(record)])
        if text is None or not text.startswith(opening.text):
            return None
        core, ended, behind = text[len(opening.text) :].partition(self._renderer.end)
        return (core, behind) if ended and core and self._renderer.begin not in core else None
