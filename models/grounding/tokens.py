"""Texts taken apart into words, numbers and signs, and the numbers that a token may stand for."""

import re
import unicodedata
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby
from typing import NamedTuple

_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts that set no space between words, or put endings to them: each character stands for itself."""
_KEPT = frozenset("%‰&@#/")
"""Punctuation that is part of a value; all other only parts words."""
_NEVER = frozenset("|`^_")
_LONGEST_KEPT = 400
"""Characters of a number; a longer one, which no value has, stands for itself alone."""
_LAST_MARK = 0x1F000
"""No mark of a script that people write has a larger code."""
_GROUPS = re.compile(r"\d{1,3}(?:([.,'])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})*,\d{3}")
_DECIMAL = re.compile(r"(.*?)[.,](\d+)")


class TextToken(NamedTuple):
    """A word, a number or a sign, and where it begins and ends in its text."""

    word: str
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it is one."""
        return self.word[-1].isdecimal()


def split_tokens(text: str) -> list[TextToken]:
    """Take a plain text apart. A minus before a number belongs to it where a unit of temperature or voltage is behind."""
    return [
        TextToken(found[0].strip(), found.start(), found.end())
        for found in _pattern().finditer(text)
        if found.lastgroup != "sign" or _is_kept(found[0])
    ]


def _is_kept(sign: str) -> bool:
    return sign in _KEPT or (sign not in _NEVER and not unicodedata.category(sign).startswith("P"))


@cache
def _pattern() -> re.Pattern[str]:
    letter = rf"(?:(?![{_SINGLE}])[^\W\d_]|[{_marks()}])"
    return re.compile(
        rf"""
        (?P<between>(?<=\d)(?:[ ]?-[ ]?|:)(?=\d))
        | (?P<number>(?:(?<![^\s(\[=:,;~])-(?=[\d.,]+\s*(?:°|degrees?\b|grad\b|[cfkv]\b|m?v\b|db)))?
            (?:\d+(?:[.,]\d+|'\d{{3}}(?!\d))*|(?<![\w.])\.\d+))
        | (?P<inch>(?<=\d)(?:[ ]?"|'))
        | (?P<single>[{_SINGLE}])
        | (?P<word>{letter}+(?:[+\#]+(?![\w+\#]))?)
        | (?P<sign>[^\s\w])
        """,
        re.VERBOSE,
    )


@cache
def _marks() -> str:
    """Return the marks that belong to the letter before them, as a class of a regular expression."""
    places = [at for at in range(_LAST_MARK) if unicodedata.category(chr(at)).startswith("M")]
    runs = [list(run) for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0])]
    return "".join(rf"\U{run[0][1]:08x}-\U{run[-1][1]:08x}" for run in runs)


def readings(word: str) -> frozenset[str]:
    """Return what a token may stand for: a word itself, a number each way in which it can be read.

    `1,234` is 1234 or 1.234; `1.50` and `1.5` are one number, `007` and `7` are not.
    """
    if not word[-1].isdecimal():
        return frozenset({word})
    return _number_readings(word) if len(word) <= _LONGEST_KEPT else frozenset({word})


@lru_cache(maxsize=4096)
def _number_readings(word: str) -> frozenset[str]:
    sign, body = ("-", word[1:]) if word.startswith("-") else ("", word)
    found = {body}
    if _GROUPS.fullmatch(body):
        found.add(re.sub(r"\D", "", body))
    if (cut := _DECIMAL.fullmatch(body)) is not None:
        whole = re.sub(r"\D", "", cut[1]) if _GROUPS.fullmatch(cut[1]) else cut[1]
        if not whole or whole.isdecimal():
            fraction = cut[2].rstrip("0")
            found.add(f"{whole or '0'}.{fraction}" if fraction else whole or "0")
    return frozenset(sign + one for one in found)


def number_reading(value: float) -> frozenset[str]:
    """Return what stands for a number of an answer, which has one reading."""
    text = f"{Decimal(repr(value)):f}"
    return frozenset({text.rstrip("0").rstrip(".") if "." in text else text})
