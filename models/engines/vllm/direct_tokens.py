"""Token ids from tokenizers that are not of the library tokenizers: what a message yields is seen afterwards, and broken up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.engines.marks import BREAK
from models.engines.vllm.guarded_tokens import GuardedPrompt, matters
from models.engines.vllm.rendering import PromptPart, any_of


class DirectTokenizer:
    """A tokenizer as it is. A prompt may have no other added tokens than with a word in the place of each message's text."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401  transformers is not typed for us
        self._own = tokenizer
        added = tokenizer.added_tokens_decoder
        self._watched = {number: str(one) for number, one in added.items() if matters(str(one))}
        self.guard = any_of(str(one) for one in added.values() if one.special)

    def guarded(self, parts: Sequence[PromptPart]) -> GuardedPrompt:
        """Return the parts as they are."""
        return GuardedPrompt(tuple(parts), ())

    def written(self, parts: Sequence[PromptPart]) -> set[int]:
        """Return the ids of the added tokens that the template writes in a prompt."""
        return set(self._found(self._ids([_with_words(parts)])[0]))

    def tokenize(self, prompts: Sequence[GuardedPrompt]) -> list[list[int]]:
        """Return the ids of prompts, or of rests of them."""
        found = self._ids([one.text for one in prompts])
        return [self._checked(one, ids) for one, ids in zip(prompts, found, strict=True)]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text by itself."""
        return self._ids([text])[0]

    def normalize(self, text: str) -> str:
        """Return a text as it is: nothing is known of a normalizer."""
        return text

    def _checked(self, prompt: GuardedPrompt, ids: list[int]) -> list[int]:
        found = self._found(ids)
        if not found or found == (expected := self._found(self._ids([_with_words(prompt.parts)])[0])):
            return ids
        for number in sorted(found - expected):
            for character in self._watched[number].strip():
                prompt = _without(prompt, character)
                ids = self._ids([prompt.text])[0]
                if self._found(ids) == expected:
                    return ids
        return ids

    def _found(self, ids: list[int]) -> "Counter[int]":
        return Counter(number for number in ids if number in self._watched)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self._own(texts, add_special_tokens=False)["input_ids"]
        return ids


def _with_words(parts: Sequence[PromptPart]) -> str:
    return "".join("x" if one.is_message else one.text for one in parts)


def _without(prompt: GuardedPrompt, character: str) -> GuardedPrompt:
    parts = (
        one._replace(text=one.text.replace(character, BREAK)) if one.is_message else one
        for one in prompt.parts
    )
    return replace(prompt, parts=tuple(parts))
