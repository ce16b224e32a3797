"""Token ids of a prompt in which only the template's own marks are added tokens: no message can spell one."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import Any

from tokenizers import AddedToken, Encoding, Tokenizer

from models.engines.marks import BREAK, break_at
from models.engines.vllm.rendering import PromptPart, any_of, new_mark

NEUTRAL = ("x", ".", " x ")
"""Stand-ins for a message's text, to see which added tokens the template writes."""
BREAKS = 3
"""How often a text that yields an added token is broken up before its characters are taken out."""
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_BLANKS = " \t\n\r\v\f\u00a0\u2581\u0120\u010a"


@dataclass(frozen=True, slots=True)
class GuardedPrompt:
    """A prompt whose added tokens are replaced by guards: its parts, and the ids that stand for the guards in turn."""

    parts: tuple[PromptPart, ...]
    ids: tuple[int, ...]

    @property
    def text(self) -> str:
        """All parts together."""
        return "".join([text for text, _ in self.parts])

    def after(self, place: int, known: int) -> "GuardedPrompt":
        """Return what follows a place in the text, before which `known` guards stand."""
        rest, at = [], 0
        for one in self.parts:
            if at + len(one.text) > place:
                rest.append(one._replace(text=one.text[max(place - at, 0) :]))
            at += len(one.text)
        return GuardedPrompt(tuple(rest), self.ids[known:])


class GuardedTokenizer:
    """The tokenizer of a model without its added tokens, with guards that nobody can write in the place of the template's.

    Normalizer, pre-tokenizer and vocabulary are the model's own, so that texts have the ids that they have in its own tokenizer
    wherever they hold no added token. `tokenizer` is one of Hugging Face with a backend of the library tokenizers.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401  transformers is not typed for us
        self._own = tokenizer
        self._added: dict[int, AddedToken] = dict(tokenizer.added_tokens_decoder)
        self._bare, self._guards = _without_added(tokenizer)
        self._guard_ids = {self._bare.token_to_id(text) for text in self._guards.values()}
        self.guard = any_of(self._guards.values())
        """Finds a guard, before which a prompt can be cut."""
        vocabulary = self._bare.get_vocab(with_added_tokens=False)
        self._watched = {
            number
            for number, one in self._added.items()
            if one.content in vocabulary and matters(one.content)
        }
        self._written: dict[tuple[str | None, ...], tuple[tuple[PromptPart, ...], tuple[int, ...]]] = {}
        self._ever_written: set[int] = set()

    def guarded(self, parts: Sequence[PromptPart]) -> GuardedPrompt:
        """Put guards in the place of the added tokens that the template writes."""
        frame = tuple([None if is_message else text for text, is_message in parts])
        if frame not in self._written:
            if len(self._written) >= KEPT:
                self._written.clear()
            self._written[frame] = max(
                (self._find(parts, one) for one in NEUTRAL), key=lambda one: len(one[1])
            )
            self._ever_written.update(self._written[frame][1])
        around, ids = self._written[frame]
        texts = [own if own.is_message else put for own, put in zip(parts, around, strict=True)]
        return GuardedPrompt(tuple(texts), ids)

    def written(self, parts: Sequence[PromptPart]) -> set[int]:
        """Return the ids of the added tokens that the template writes in a prompt."""
        return set(self.guarded(parts).ids)

    def tokenize(self, prompts: Sequence[GuardedPrompt]) -> list[list[int]]:
        """Return the ids of prompts, or of rests of them. No text of a message yields an added token."""
        encodings = self._bare.encode_batch([one.text for one in prompts], add_special_tokens=False)
        return [self._checked(one, found) for one, found in zip(prompts, encodings, strict=True)]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text by itself."""
        ids: list[int] = self._bare.encode(text, add_special_tokens=False).ids
        return ids

    def normalize(self, text: str) -> str:
        """Return a text as the tokenizer sees it."""
        normalizer = self._bare.normalizer
        return text if normalizer is None else str(normalizer.normalize_str(text))

    def _find(
        self, frame: Sequence[PromptPart], neutral: str
    ) -> tuple[tuple[PromptPart, ...], tuple[int, ...]]:
        """Return a prompt's frame with guards, and the added tokens that they stand for."""
        text = "".join(neutral if one.is_message else one.text for one in frame)
        found = self._own(text, add_special_tokens=False, return_offsets_mapping=True)
        spans = [
            (start, end, number)
            for number, (start, end) in zip(found["input_ids"], found["offset_mapping"], strict=True)
            if number in self._added and start < end and not self._stands_for_unknown(number, text[start:end])
        ]
        around, ids, at = [], [], 0
        for one in frame:
            length = len(neutral if one.is_message else one.text)
            inside = [
                span for span in spans if at <= span[0] and span[1] <= at + length and not one.is_message
            ]
            around.append(one._replace(text="".join(self._with_guards(text[at : at + length], at, inside))))
            ids += [number for _, _, number in inside]
            at += length
        return tuple(around), tuple(ids)

    def _with_guards(self, text: str, at: int, spans: Sequence[tuple[int, int, int]]) -> Iterator[str]:
        last = 0
        for start, end, number in spans:
            token = self._added[number]
            yield text[last : start - at]
            yield self._guards[token.normalized, token.lstrip, token.rstrip]
            last = end - at
        yield text[last:]

    def _checked(self, prompt: GuardedPrompt, encoding: Encoding) -> list[int]:
        """Return the ids with those that the guards stand for; break up texts of which the vocabulary itself makes an added token."""
        ids, tries = encoding.ids, 0
        while not self._watched.isdisjoint(ids) and (places := self._offending(prompt, encoding)):
            prompt = _broken_up(prompt, places) if tries < BREAKS else _taken_out(prompt, places)
            encoding, tries = self._bare.encode(prompt.text, add_special_tokens=False), tries + 1
            ids = encoding.ids
        own = iter(prompt.ids)
        return [next(own) if number in self._guard_ids else number for number in ids]

    def _offending(self, prompt: GuardedPrompt, encoding: Encoding) -> list[tuple[int, int]]:
        """Return where in the text a message's own words became an added token."""
        text = prompt.text
        starts = [0, *accumulate(len(one.text) for one in prompt.parts)]
        found = []
        for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if number not in self._watched or start >= end or self._is_unknown(number, text[start:end]):
                continue
            first, last = (bisect_right(starts, place) - 1 for place in (start, end - 1))
            if any(prompt.parts[place].is_message for place in range(first, last + 1)):
                found.append((start, end))
        return found

    def _is_unknown(self, number: int, text: str) -> bool:
        """Whether an id stands for characters that the vocabulary does not have, and for no mark besides."""
        own = self._own
        marks = {own.bos_token_id, own.eos_token_id, own.pad_token_id}
        return number not in marks | self._ever_written and self._stands_for_unknown(number, text)

    def _stands_for_unknown(self, number: int, text: str) -> bool:
        return number == self._own.unk_token_id and text.strip() != self._added[number].content


KEPT = 64
"""Frames of prompts whose guards are remembered."""


def matters(content: str) -> bool:
    """Whether a token can be a mark: white space and single bytes are a text's own, whatever list they stand in."""
    return bool(content.strip(_BLANKS)) and _BYTE.fullmatch(content) is None


@lru_cache(maxsize=2)
def _without_added(tokenizer: Any) -> tuple[Tokenizer, dict[tuple[bool, bool, bool], str]]:  # noqa: ANN401
    """Return a copy of a tokenizer's backend whose only added tokens are guards, one for each way in which tokens take blanks."""
    form = json.loads(tokenizer.backend_tokenizer.to_str())
    bare: Tokenizer = Tokenizer.from_str(
        json.dumps(form | {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None})
    )
    kinds = [
        (normalized, left, right)
        for normalized in (False, True)
        for left in (False, True)
        for right in (False, True)
    ]
    guards = {kind: new_mark(number) for number, kind in enumerate(kinds)}
    bare.add_tokens(
        [
            AddedToken(text, normalized=kind[0], lstrip=kind[1], rstrip=kind[2], special=False)
            for kind, text in guards.items()
        ]
    )
    return bare, guards


def _broken_up(prompt: GuardedPrompt, spans: Sequence[tuple[int, int]]) -> GuardedPrompt:
    """Put a blank into what became an added token: after its first character, or where the message begins."""
    parts, at = [], 0
    for one in prompt.parts:
        places = {max(start + 1, at) - at for start, end in spans if start < at + len(one.text) and end > at}
        parts.append(one._replace(text=break_at(one.text, sorted(places))) if one.is_message else one)
        at += len(one.text)
    return replace(prompt, parts=tuple(parts))


def _taken_out(prompt: GuardedPrompt, spans: Sequence[tuple[int, int]]) -> GuardedPrompt:
    """Let a blank stand for a character that begins an added token however it is broken up, wherever a message has it."""
    gone, at = set(), 0
    for one in prompt.parts:
        if one.is_message:
            gone |= {
                one.text[max(start - at, 0)]
                for start, end in spans
                if start < at + len(one.text) and end > at
            }
        at += len(one.text)
    table = {ord(character): "" if character == BREAK else BREAK for character in gone}
    parts = (one._replace(text=one.text.translate(table)) if one.is_message else one for one in prompt.parts)
    return replace(prompt, parts=tuple(parts))
