"""One form of a text, however it was written: without entities, markup and marks that nobody sees."""

# ruff: noqa: RUF001 - quotes, dashes and signs of many keyboards are meant as they stand

import html
import re
import unicodedata

from models.unicode_forms import to_normal_form

_MOST_ESCAPES = 3
_ROW = "li|p|div|tr|h[1-6]|ul|ol|dl|table|section|article|header|footer|blockquote|pre|hr|br|body|html|head|title"
_INLINE = "a|abbr|b|big|center|code|del|em|font|i|img|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr"
_COMMENT = re.compile(r"<!--(?:(?!-->|<!--).)*-->", re.DOTALL)
_HEADING_CELL = re.compile(r"</(?:th|dt)\s*>", re.IGNORECASE)
_CELL = re.compile(r"</?(?:td|th|dt|dd)\b[^<>]*>", re.IGNORECASE)
_ROW_TAG = re.compile(rf"</?(?:{_ROW})\b[^<>]*>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})\b[^<>]*>", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u0640\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]+"
)
_GROUPED = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")
_FRACTION = re.compile("(?<=\\d)(?=[¼-¾⅐-⅞↉])")
_POWER = re.compile("(?<=\\d)(?=[²³¹⁰⁴-⁹])")
_DIGIT = re.compile(r"[^\D0-9]")
_CONTRACTED = re.compile(r"n't\b")
_WITHOUT = re.compile(r"\bw/o\b")
_FORMS = str.maketrans(
    dict.fromkeys("‘’‚‛ʼʹ`´′‵", "'")
    | dict.fromkeys("“”„‟″‶〝〞«»‹›「」『』", '"')
    | dict.fromkeys("‐‑‒–−﹣⁃", "-")
    | dict.fromkeys("—―﹘⸺", " - ")
    | dict.fromkeys("™®©℠", " ")
    | dict.fromkeys("⁄∕", "/")
    | {"×": "x", "º": "°", "№": "nr ", "İ": "i", "ı": "i"}
)


def plain_text(text: str) -> str:
    """Return a text in one form of writing: in one letter case, with plain quotes and dashes, lines apart where it has rows.

    Entities are taken as what they stand for, also those that were escaped twice; full width, ligatures and fractions are
    written out (NFKC). Marks that nobody sees are gone.
    """
    if "&" in text:
        text = _unescape(text)
    if "<" in text:
        text = _without_tags(text)
    text = _GROUPED.sub("", without_invisible(text))
    text = _POWER.sub("^", _FRACTION.sub(" ", text)).translate(_FORMS)
    text = to_normal_form("NFKC", text).translate(_FORMS)
    if not text.isascii():
        text = _DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)
    text = to_normal_form("NFKC", text.casefold()).replace("''", '"').replace("\\'", "'").replace('\\"', '"')
    return _WITHOUT.sub("without", _CONTRACTED.sub(" not", text))


def without_invisible(text: str) -> str:
    """Return a text without what nobody sees: marks of direction and width, joiners, variants of a character."""
    return _INVISIBLE.sub("", text)


def _unescape(text: str) -> str:
    for _ in range(_MOST_ESCAPES):
        before, text = text, html.unescape(text)
        if text == before:
            break
    return text


def _without_tags(text: str) -> str:
    """Take tags out of a text: those within a word leave nothing, those of a row a line break, those of a cell a bar."""
    text = _CELL.sub("|", _HEADING_CELL.sub(": ", _COMMENT.sub("", text)))
    return _INLINE_TAG.sub("", _ROW_TAG.sub("\n\n", text))
