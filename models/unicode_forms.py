"""Normal forms of Unicode of texts that strangers wrote, in time that grows with their length alone.

Python puts marks in order by insertion, so that a letter with 20,000 marks takes a second and one with a million an hour. Unicode's
stream-safe form (UAX #15) sets a joiner, U+034F, behind every thirtieth mark; no script that people write has so many.
"""

import re
import unicodedata
from functools import cache
from itertools import groupby
from typing import Literal

MOST_MARKS = 30
"""Marks in a row that are put in order, as UAX #15 has it."""
_JOINER = "\u034f"
_LAST_MARK = 0x1F000
"""No mark that takes a place in the order has a larger code."""


def to_normal_form(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return a text in a normal form; one with more marks in a row than `MOST_MARKS` in its stream-safe form."""
    return text if text.isascii() else unicodedata.normalize(form, _long_runs().sub(rf"\g<0>{_JOINER}", text))


@cache
def _long_runs() -> re.Pattern[str]:
    """Return the pattern of so many marks in a row that one more follows."""
    places = [at for at in range(0x300, _LAST_MARK) if _is_mark(chr(at))]
    runs = [list(run) for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0])]
    marks = "".join(rf"\U{run[0][1]:08x}-\U{run[-1][1]:08x}" for run in runs)
    return re.compile(rf"[{marks}]{{{MOST_MARKS}}}(?=[{marks}])")


def _is_mark(character: str) -> bool:
    """Whether a character, taken apart, begins with a mark that takes a place in the order."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
