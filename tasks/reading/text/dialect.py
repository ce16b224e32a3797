"""How a CSV file is written, and what is told of a line or a row by itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BACKSLASH = re.compile(r'\\(["\\\r\n]|)')


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How a CSV file is written.

    `escape`: a quote inside quotes is written `\"`, else `""`. `quotes`: quotes enclose a field; without, they are
    text. `trailing`: rows may end in delimiters that the header has not. `also_cr`: CR alone ends a line.
    `spaced`: blanks may stand before a field. `wrapped`: lines may be quoted once more, as one field. `has_sep`: the first line is `sep=`, the header comes after it.
    """

    delimiter: str = ","
    escape: bool = False
    quotes: bool = True
    trailing: bool = False
    also_cr: bool = False
    spaced: bool = False
    wrapped: bool = False
    has_sep: bool = False


def double_backslashes(line: str) -> str:
    """Double each backslash that escapes nothing, so that it stays."""
    return _BACKSLASH.sub(lambda found: found[0] if found[1] else "\\\\", line) if "\\" in line else line


def blank_end(row: Sequence[str]) -> int:
    """Return how many fields at the end of a row are blank."""
    return next((number for number, field in enumerate(reversed(row)) if field), len(row))
