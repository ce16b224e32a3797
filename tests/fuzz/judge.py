"""What is right of whatever comes out of a case: a result, or one short line that shows no control character and no text of a record."""

import re
from typing import NoReturn

from models.errors import LONGEST_MESSAGE, BreakevenError

SECRET = "zq7secret"  # noqa: S105  a mark, no password
"""Stands in every text of a record and in what a provider quotes: no line that a person reads may hold it."""
LONGEST_LINE = LONGEST_MESSAGE
LONGEST_CODE = 80
_CODE = re.compile(r"[\w.\-:/ ]*")


class Wrong(AssertionError):
    """Something that came out of a case is not as it must be; `rule` names what was broken."""

    def __init__(self, rule: str, found: object = "") -> None:
        super().__init__(f"{rule}: {found!r}"[:2_000])
        self.rule = rule


def fail(rule: str, found: object = "") -> NoReturn:
    """Say what was broken."""
    raise Wrong(rule, found)


def check_error(error: BreakevenError, *, may_quote: bool = False) -> None:
    """Check the line of an error that a user would read. `may_quote`: what stood in the place of a name may hold the secret."""
    check_line(str(error), may_quote=may_quote)
    if "which is a defect" in str(error):
        fail("a defect in the place of a reason", error)


def check_line(line: str, *, may_quote: bool = False, longest: int = LONGEST_LINE) -> None:
    """Check one line that a person reads."""
    if not line.strip():
        fail("an empty line", line)
    if not line.isprintable():
        fail("a character that no terminal shows", line)
    if len(line) > longest:
        fail("a line that is too long", line)
    if SECRET in line and not may_quote:
        fail("a line that holds a record's text", line)


def check_code(code: str | None) -> None:
    """Check a short code of a failure, as it stands in the ledger."""
    if code is None:
        return
    check_line(code, longest=LONGEST_CODE)
    if not _CODE.fullmatch(code):
        fail("a code that is no code", code)
