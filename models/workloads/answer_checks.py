"""Checks of answers as data: lengths in words and sentences, and what is copied from the prompt."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

COPIED_WORDS = 8
"""So many words in a row that stand in the prompt as well make an answer a copy of it."""
_END = re.compile(r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019\u00bb)]*+(?=\s|$)|[\u3002\uff01\uff1f]+")
_WORD = re.compile(r"\w+(?:[\u2019'-]\w+)*")


@dataclass(frozen=True, slots=True)
class Bounded:
    """A length that an answer must keep: `min_words`, `max_words` or `max_sentences`."""

    setting: str
    bound: int | Mapping[str, int]

    def broken_by(self, text: str) -> str | None:
        """Return the rule that a text breaks, None where it breaks none."""
        limit = self.bound if isinstance(self.bound, int) else 0
        if self.setting == "max_sentences":
            return f"must have at most {limit} sentences" if count_sentences(text) > limit else None
        words = len(text.split())
        if self.setting == "min_words":
            return f"must have at least {limit} words" if words < limit else None
        return f"must have at most {limit} words" if words > limit else None


def count_sentences(text: str) -> int:
    """Return the number of sentences: parts that hold a word and end with a full stop, `!`, `?` or `…` before white space, or with one of East Asian scripts."""
    return sum(1 for part in _END.split(text) if _WORD.search(part))


def normalise(text: str) -> str:
    """Return a text in one letter case and with single spaces."""
    return " ".join(text.casefold().split())


def word_runs(text: str) -> Iterator[tuple[str, ...]]:
    """Yield all runs of `COPIED_WORDS` words of a text, in one letter case."""
    words = [word.casefold() for word in _WORD.findall(text)]
    for start in range(len(words) - COPIED_WORDS + 1):
        yield tuple(words[start : start + COPIED_WORDS])
