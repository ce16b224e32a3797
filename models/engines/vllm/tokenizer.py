"""The local model's own tokenizer and chat template: what the engine is sent, without the engine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from models.engines.vllm.chat_template import examine_template
from models.engines.vllm.options import VllmOptions
from models.errors import UsageError
from models.requests import Message

PROBES = ("x", "y", " y", "\n 1", "<", "É東🙂")
"""Texts on which a prompt's constant head is tried: what a tokenizer might join to it."""


HEADS = 8
"""Constant heads that are remembered: a stream has that of its workload and, in between, that of its triage."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The constant beginning of prompts: text that ends before a special token, and its token ids."""

    text: str
    ids: tuple[int, ...]


NO_HEAD = _Head("", ())


class ChatTokenizer:
    """Turns chat messages into the token ids of a prompt, and counts them.

    `tokenizer` is a Hugging Face tokenizer: the engine's own, or a loaded one. `template` takes the place of the chat
    template that it has, `arguments` are given to either. Raises `UsageError` for a template that cannot be used.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401  transformers is not typed for us
        template: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._use = examine_template(tokenizer, template, arguments or {})
        added = tokenizer.added_tokens_decoder.values()
        self._special = _any_of(str(token) for token in added if token.special)
        self._heads: dict[tuple[Message, ...], _Head | None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the chat template, a line each."""
        return self._use.notes

    def prompt_token_ids(self, messages: Sequence[Message]) -> list[int]:
        """Apply the model's chat template to messages and return the token ids.

        A record that spells one of the model's special tokens (`<|im_end|>` …) gets it as plain text: a
        record can end neither its message nor the system's.

        The messages before the last one are taken to be constant over records. Their ids are made once,
        where the prompt can be cut in two: a special token stands at the cut, so that the tokenizer itself
        begins anew there, and it does so for `PROBES`.
        """
        head, tail = self._cut(tuple(messages))
        return [*head.ids, *self._ids([tail])[0]]

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """Return the prompt as the model's chat template renders it."""
        return self._render(messages)

    def count(self, conversations: Sequence[tuple[Message, ...]]) -> list[int]:
        """Return the number of tokens of each prompt: `len(prompt_token_ids(…))`, of many at once."""
        cuts = [self._cut(messages) for messages in conversations]
        tails = self._ids([tail for _, tail in cuts])
        return [len(head.ids) + len(ids) for (head, _), ids in zip(cuts, tails, strict=True)]

    def text_tokens(self, text: str) -> int:
        """Return the number of tokens of a text that stands by itself, such as an answer."""
        return len(self._ids([text])[0])

    def _cut(self, messages: tuple[Message, ...]) -> tuple[_Head, str]:
        """Return the constant head of a prompt, which may be empty, and the rest of its text."""
        head, text = self._head(messages), self._render(messages)
        if head is None or not text.startswith(head.text):
            return NO_HEAD, text
        return head, text[len(head.text) :]

    def _head(self, messages: tuple[Message, ...]) -> _Head | None:
        if not messages:
            return None
        constant = messages[:-1]
        if constant not in self._heads:
            if len(self._heads) >= HEADS:
                self._heads.clear()
            self._heads[constant] = self._find_head(constant, messages[-1])
        return self._heads[constant]

    def _find_head(self, constant: tuple[Message, ...], last: Message) -> _Head | None:
        """Return what all prompts begin with, up to a special token; None where a cut changes tokens."""
        texts = [self._render((*constant, Message(last.role, probe))) for probe in PROBES]
        starts = [found.start() for found in self._special.finditer(_common(texts))]
        if not starts or starts[-1] == 0:
            return None
        head, cut = texts[0][: starts[-1]], starts[-1]
        ids = self._ids([head])[0]
        pieces = self._ids([text[cut:] for text in texts])
        if [ids + piece for piece in pieces] != self._ids(texts):
            return None
        return _Head(head, tuple(ids))

    def _render(self, messages: Sequence[Message]) -> str:
        shown = messages if self._use.takes_system else merge_system(messages)
        conversation = [
            {"role": m.role, "content": self._special.sub(_spelled_out, m.content)} for m in shown
        ]
        text: str = self._tokenizer.apply_chat_template(
            conversation, **self._use.arguments, tokenize=False, add_generation_prompt=True
        )
        return text

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A local model without its weights: its tokenizer, and the longest prompt with answer that it takes.

    `max_model_len` is in tokens, None where the model does not say.
    """

    tokenizer: ChatTokenizer
    max_model_len: int | None


def load_local_model(options: VllmOptions) -> LocalModel:
    """Load the tokenizer of the model that the engine would load. Takes seconds; needs no GPU.

    Raises `UsageError` for a model that is not there or has no tokenizer.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415  slow to import: it brings torch

    where = {
        "revision": options.revision,
        "local_files_only": Path(options.path).exists(),
        "trust_remote_code": bool(options.further_arguments.get("trust_remote_code")),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(options.path, **where)
        config = AutoConfig.from_pretrained(options.path, **where)
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"cannot load the tokenizer of {options.name}: {reason}"
        raise UsageError(msg) from error
    chat = ChatTokenizer(tokenizer, options.chat_template, options.template_arguments)
    return LocalModel(chat, options.max_model_len or _context(config, tokenizer))


def _context(config: Any, tokenizer: Any) -> int | None:  # noqa: ANN401  transformers is not typed for us
    """Return the context length as vLLM derives it, but for models that stretch it (linear RoPE scaling)."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return None if found is None else min(int(found), int(tokenizer.model_max_length))


def merge_system(messages: Sequence[Message]) -> list[Message]:
    """Put what the system messages say before the first user message, for a template that takes no system message."""
    said = [one.content for one in messages if one.role == "system"]
    others = [one for one in messages if one.role != "system"]
    place = next((number for number, one in enumerate(others) if one.role == "user"), None)
    if said and place is not None:
        others[place] = replace(others[place], content="\n\n".join([*said, others[place].content]))
    return others


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    return "".join(some[0] for some in takewhile(lambda some: len(set(some)) == 1, zip(*texts, strict=False)))


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)")


def _spelled_out(found: re.Match[str]) -> str:
    """Put a space after the first character, so that the tokenizer sees text."""
    return f"{found[0][0]} {found[0][1:]}"
