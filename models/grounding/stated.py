"""Whether a text states a value."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from models.grounding.negation import is_denied
from models.grounding.plain_text import plain_text
from models.grounding.tokens import TextToken, number_reading, readings, split_tokens

Words = Sequence[frozenset[str]]
_NEGATIVE = re.compile(r"-\d+(?:[.,]\d+)*")


class StatedText:
    """A record's text, asked for values. It is taken apart once, at the first question."""

    def __init__(self, text: str) -> None:
        self._given = text

    def states(self, value: object) -> bool:
        """Whether the text holds a value, a text or a number, word by word and number by number, and does not deny it there.

        Letter case, spacing, punctuation, entities, quotes and the way in which a number is written do not count. Where
        it stands several times, one that is not denied is enough.
        """
        if isinstance(value, bool):
            return False
        if isinstance(value, int | float):
            (digits,) = number_reading(value)
            return any(self._holds([frozenset({part}) for part in one]) for one in _writings([digits]))
        if not isinstance(value, str):
            return False
        plain = plain_text(value)
        words = [one.word for one in split_tokens(plain)]
        if not words:
            found = " ".join(plain.split())
            return bool(found) and found in " ".join(self._text.split())
        if _NEGATIVE.fullmatch(plain) and self._holds(
            [readings(plain)]
        ):  # in a text, a unit shows that it is one
            return True
        return any(self._holds([readings(word) for word in one]) for one in _writings(words))

    @cached_property
    def _text(self) -> str:
        return plain_text(self._given)

    @cached_property
    def _tokens(self) -> list[TextToken]:
        return split_tokens(self._text)

    @cached_property
    def _places(self) -> dict[str, set[int]]:
        """Where each word and each reading of a number stands."""
        found: dict[str, set[int]] = {}
        for at, token in enumerate(self._tokens):
            for reading in readings(token.word):
                found.setdefault(reading, set()).add(at)
        return found

    def _places_of(self, word: frozenset[str]) -> set[int]:
        found = [self._places[reading] for reading in word if reading in self._places]
        return found[0] if len(found) == 1 else set().union(*found)

    def _holds(self, words: Words) -> bool:
        places = [self._places_of(word) for word in words]
        rarest = min(range(len(words)), key=lambda place: len(places[place]))
        for start in sorted(at - rarest for at in places[rarest]):
            found = all(start + place in places[place] for place in range(len(words)))
            if found and not is_denied(self._text, self._tokens, start, start + len(words)):
                return True
        return False


def _writings(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the words of a value as they are, then with numbers in groups of three digits, then with such groups put together."""
    yield words
    parted = [part for word in words for part in (_groups(word) if word.isdecimal() else (word,))]
    if len(parted) > len(words):
        yield parted
    joined: list[str] = []
    for word in words:
        if joined and len(word) == 3 and word.isdecimal() and joined[-1].isdecimal():  # noqa: PLR2004  a group
            joined[-1] += word
        else:
            joined.append(word)
    if len(joined) < len(words):
        yield joined


def _groups(digits: str) -> Sequence[str]:
    """Return a number's digits in groups of three, counted from its end."""
    first = len(digits) % 3 or 3
    return [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
