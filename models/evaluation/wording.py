"""When two values say the same: letter case, white space and the way a number is written do not count."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from math import isfinite

from models.grounding.plain_text import without_invisible
from models.requests import JsonValue
from models.unicode_forms import to_normal_form

_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d+)")
_ARTICLES = frozenset({"a", "an", "the"})
_WORDS = re.compile(r"\w+")


def normalise_text(text: str) -> str:
    """Return a text in one letter case and Unicode form (NFKC), words one space apart, numbers in one way of writing.

    What nobody sees does not count. `1,234.50` and `1234.5` are one number, as are `007` and `7`; a comma that does not group thousands (`1,5`) stays, since it
    may be a decimal comma or separate two numbers.
    """
    folded = to_normal_form("NFKC", without_invisible(text)).casefold()
    return " ".join(map(_number, folded.split()))


def _number(word: str) -> str:
    plain = word.replace(",", "") if _GROUPED.fullmatch(word) else word
    if not _NUMBER.fullmatch(plain):
        return word
    return _decimal(Decimal(plain))


def _decimal(number: Decimal) -> str:
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def normalise_value(value: JsonValue) -> Hashable:
    """Return what of a JSON value counts: equal for equal ones. What is null, empty or missing is nothing.

    A number, and a text that is one, are the same; so are `true` and the text. The order of a list does not count,
    nor does that of an object's members, of which those that are nothing count as missing.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _decimal(Decimal(repr(value))) if isfinite(value) else str(value)
    if isinstance(value, str):
        return normalise_text(value) or None
    if isinstance(value, list):
        kept = sorted((one for one in map(normalise_value, value) if one is not None), key=repr)
        return ("list", *kept) if kept else None
    if isinstance(value, dict):
        members = ((name, normalise_value(one)) for name, one in value.items())
        named = sorted((one for one in members if one[1] is not None), key=repr)
        return ("object", *named) if named else None
    return None


def is_exact(value: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the very same, in the same order; only the order of an object's members does not count."""
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def split_words(text: str) -> list[str]:
    """Return the words of a text in one letter case, without punctuation, in any script that separates words."""
    return _WORDS.findall(to_normal_form("NFKC", text).casefold())


def normalise_answer(text: str) -> list[str]:
    """Return the words of an answer as SQuAD's evaluation compares them.

    Lower case, then without punctuation (also that of other languages than English), then without a, an and the.
    """
    lower = "".join(one for one in text.lower() if not _is_punctuation(one))
    return [word for word in lower.split() if word not in _ARTICLES]


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def overlap_f1(mine: Sequence[Hashable] | Iterable[Hashable], right: Iterable[Hashable]) -> float:
    """Return the F1 of what two lists have in common, as often as both have it; 1 where both are empty."""
    given, had = Counter(mine), Counter(right)
    if not given or not had:
        return float(given == had)
    common = (given & had).total()
    return 2 * common / (given.total() + had.total())
