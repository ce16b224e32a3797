"""Cells of a CSV file that a spreadsheet would take for a formula: an apostrophe before them, and how it is taken off again."""

# ruff: noqa: RUF001 - signs of full width are meant as they stand

import re

_FORMULA = re.compile(
    "[\\t\\r\\n\\0]|[\\s\\0-\\x20\\x7f-\\xa0'\"`\u2018-\u201f\u00ab\u00bb\u00ad\u034f\u115f\u1160\u2800\u3164\uffa0\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*[=+\\-@＝＋－＠﹢﹣﹦﹫\u2212]"
)
"""What begins as a formula does, with or without apostrophes, or with a character that spreadsheets pass over."""


def escape_formula(value: object) -> object:
    """Return a cell's value with an apostrophe before a text that a spreadsheet would compute."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unescape_formula(value: object) -> object:
    """Return the value that `escape_formula` was given: without one apostrophe before what looks like a formula."""
    if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value, 1):
        return value[1:]
    return value
