"""Nothing of an input reaches a terminal or a log as it is: what nobody sees is escaped in one place."""

import pickle

import pytest

from models.errors import LONGEST_MESSAGE, InputError, Interrupted, visible
from tasks.display.tables import cell

RAW = {
    "\x1b[31mred": r"\x1b[31mred",
    "a\x07\x00\x9b": r"a\x07\x00\x9b",
    "\u202etxt.exe": r"\u202etxt.exe",
    "a\u2066b\u200f": r"a\u2066b\u200f",
    "caf\udce9": r"caf\xe9",
    "\ud800": r"\ud800",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "no\xa0break": r"no\xa0break",
    "line\u2028end\x85": r"line\u2028end\x85",
    "Größe 日本 😀 \\x1b": "Größe 日本 😀 \\x1b",
}


@pytest.mark.parametrize("raw", RAW)
def test_a_message_shows_what_is_invisible(raw: str) -> None:
    """Control characters, marks of direction and undecoded bytes are escaped; letters of any language stay."""
    assert str(InputError(f"no column {raw}; it has")) == f"no column {RAW[raw]}; it has"
    assert visible(visible(raw)) == visible(raw) == RAW[raw]
    assert cell("text", raw) == RAW[raw]
    assert RAW[raw].encode()


def test_a_message_is_one_line() -> None:
    """Line ends and tabs in what others said become spaces, also where an error is sent to another process."""
    error = InputError("one\r\n  two\tthree\n")
    assert str(error) == "one two three"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    assert str(Interrupted("stop\n\x1b", 15)) == r"stop \x1b"


def test_a_message_of_any_number_of_names_stays_short() -> None:
    """A file with ever so many columns, or one of a long name, gets a line with its beginning and its end."""
    names = ", ".join(f"column{number}" for number in range(100_000))
    said = str(InputError(f"in.csv has no column text; it has: {names}. Set text_columns"))
    assert len(said) == LONGEST_MESSAGE
    assert said.startswith("in.csv has no column text; it has: column0, column1")
    assert said.endswith(". Set text_columns")
    assert str(InputError("x" * LONGEST_MESSAGE)) == "x" * LONGEST_MESSAGE
