"""When two spellings are one label: marks that nobody sees, the form of Unicode, spaces and quotes do not count; letter case does."""

# ruff: noqa: RUF001 - quotes and dashes of many keyboards are meant as they stand

import re
import unicodedata
from collections.abc import Callable, Sequence

from models.grounding.plain_text import without_invisible
from models.unicode_forms import to_normal_form

_HIDDEN = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
_FORMS = str.maketrans(
    dict.fromkeys("‘’‚‛ʼ`´′", "'") | dict.fromkeys("“”„‟″«»", '"') | dict.fromkeys("‐‑‒–—―−", "-")
)
_NO_LABEL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def spelling_key(text: str) -> str:
    """Return what of a label counts: equal for equal ones. Empty for a text of which nothing is seen."""
    return " ".join(to_normal_form("NFC", without_invisible(text)).split())


def without_hidden(text: str) -> str:
    """Return a text without marks of direction and width that no reader sees; joiners, which change letters, stay."""
    return _HIDDEN.sub("", text)


def is_one_line(text: str) -> bool:
    """Whether a text holds no control character, no line break, and no half of a character."""
    return not any(unicodedata.category(one) in _NO_LABEL for one in text)


def _plain_key(text: str) -> str:
    """Return the key with full width, ligatures, quotes and dashes written plainly."""
    return spelling_key(to_normal_form("NFKC", text.translate(_FORMS)).translate(_FORMS))


class LabelSpellings:
    """The labels of a set by their spellings. What could be two of them is none."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._ways = [(way, _by_key(way, labels)) for way in (str, spelling_key, _plain_key)]

    def find(self, text: str) -> str | None:
        """Return the label that a text spells, as the set spells it; the nearest way of spelling counts."""
        for way, labels in self._ways:
            if (label := labels.get(way(text))) is not None:
                return label
        return None


def _by_key(way: Callable[[str], str], labels: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for label in labels:
        key = way(label)
        found[key] = None if key in found else label
    return found
