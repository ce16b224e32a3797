"""Marks of turns that are plain text, and how what strangers write of them is spelled out: `[/INST]` becomes `[ /INST]`."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate, pairwise

BREAK = " "
"""Put after a mark's first character, so that neither a tokenizer nor a server takes it for one."""
_KNOWN_CHARACTERS = 50_000
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
LINE_START = rf"(?:(?<![^{LINE_ENDS}])[^\S{LINE_ENDS}]*)"
"""In a pattern: the start of a line, with the blanks there."""


class _Folded(dict[str, str]):
    """How a character counts when marks are looked for: full-width as plain, without case; what nobody sees is nothing."""

    def __missing__(self, character: str) -> str:
        if len(self) > _KNOWN_CHARACTERS:
            self.clear()
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            folded = ""
        else:
            plain = unicodedata.normalize("NFKD", character).casefold()
            folded = "".join(one for one in plain if unicodedata.category(one) != "Mn") or character
        self[character] = folded
        return folded


_FOLDED = _Folded()


def fold(text: str) -> str:
    """Return a text as marks are looked for in it."""
    return text.casefold() if text.isascii() else "".join(map(_FOLDED.__getitem__, text))


def find_marks(text: str, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return where a pattern of folded marks is found, also in full width and with invisible characters inside; blanks before it are left out."""
    folded = fold(text)
    found = [one for one in map(_without_blanks, pattern.finditer(folded)) if one[0] < one[1]]
    if not found or text.isascii():
        return found
    ends = [0, *accumulate(len(_FOLDED[one]) for one in text)]
    places = _places(ends)
    return [(places[start], places[end - 1] + 1) for start, end in found]


def _places(ends: list[int]) -> list[int]:
    """Return for each folded character the number of the one that it comes from."""
    places: list[int] = []
    for number, (start, end) in enumerate(pairwise(ends)):
        places.extend([number] * (end - start))
    return places


def _without_blanks(found: re.Match[str]) -> tuple[int, int]:
    return found.end() - len(found[0].lstrip()), found.end()


def spell_out(text: str, pattern: re.Pattern[str], mark: str = BREAK) -> str:
    """Return a text in which no mark of a pattern (of folded text) stands: a break comes after its first character."""
    return break_at(text, sorted({start + 1 for start, _ in find_marks(text, pattern)}), mark)


def break_at(text: str, places: list[int], mark: str = BREAK) -> str:
    """Return a text with a break put in at these places, which are in order."""
    return mark.join(_between(text, places)) if places else text


def _between(text: str, places: list[int]) -> Iterator[str]:
    last = 0
    for place in [*places, len(text)]:
        yield text[last:place]
        last = place
