"""How many tokens each of many texts has, by tiktoken, on all cores.

tiktoken lets go of Python's lock while it encodes, but takes it again for each text, and for the list of its
tokens: threads over short texts stand in each other's way, and its own batch calls are slower than a loop. So
some hundred texts at a time go through one call, joined by a special token that tiktoken splits at before it does
anything else, and are told apart in the result. Each text has the tokens that it has by itself.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import tiktoken

from models.tokens import count_tokens

SEPARATOR = "<|endoftext|>"
CHARS_AT_ONCE = 200_000
"""Characters of the texts that go through one call."""
FEW_CHARS = 300_000
"""Below this many characters a loop is done before threads have begun."""


class TextCounter:
    """Counts tokens of texts; a context, because it holds threads.

    `threads` defaults to the cores that this process may use. Counts are those of `encode_ordinary`: a text that
    spells a special token is counted as the text it is.
    """

    def __init__(self, tokenizer: tiktoken.Encoding, threads: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool: ThreadPoolExecutor | None = None
        self._joined = SEPARATOR in tokenizer.special_tokens_set

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, in order."""
        if self._threads == 1 or sum(map(len, texts)) < FEW_CHARS:
            return self._one_by_one(texts)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "tokens")
        found = self._pool.map(self._together, list(chunks(texts)))
        return [count for some in found for count in some]

    def _one_by_one(self, texts: Sequence[str]) -> list[int]:
        return [count_tokens(self._tokenizer, text) for text in texts]

    def _together(self, texts: Sequence[str]) -> list[int]:
        joined = SEPARATOR.join(texts)
        if len(texts) == 1 or not self._joined or joined.count(SEPARATOR) != len(texts) - 1:
            return self._one_by_one(texts)
        try:
            tokens = self._tokenizer.encode_to_numpy(
                joined, allowed_special={SEPARATOR}, disallowed_special=()
            )
        except UnicodeEncodeError:  # half a surrogate pair, which encode_ordinary replaces
            return self._one_by_one(texts)
        cuts = (tokens == self._tokenizer.eot_token).nonzero()[0].tolist()
        return [end - start - 1 for start, end in zip([-1, *cuts], [*cuts, len(tokens)], strict=True)]


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into pieces of some `CHARS_AT_ONCE` characters, one text at least."""
    waiting, size = 0, 0
    for place, text in enumerate(texts):
        if place > waiting and size + len(text) > CHARS_AT_ONCE:
            yield texts[waiting:place]
            waiting, size = place, 0
        size += len(text)
    if waiting < len(texts):
        yield texts[waiting:]
