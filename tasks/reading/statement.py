"""The text of a SQL query, as far as it must be understood: one statement, and the names that it binds."""

import re
from dataclasses import dataclass
from typing import Self

from models.errors import InputError

_TOKENS = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<word>\w+)
    |(?P<cast>::)
    |(?P<bound>(?<![\w:\\]):[A-Za-z_]\w*)
    |(?P<end>;)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_COLON = re.compile(r"(?<!\\):")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `text` as SQLAlchemy takes it: a colon that binds nothing has a backslash before it.

    `code` is the statement without what stands in quotes and comments; `names` are bound, each once.
    """

    text: str
    code: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, query: str) -> Self:
        """Understand a query, of which a semicolon may be the end. Raises `InputError` where more follows it."""
        found = [(str(token.lastgroup), token[0]) for token in _TOKENS.finditer(query)]
        found = [("quoted" if kind == "tag" else kind, text) for kind, text in found]
        ends = [place for place, (kind, _) in enumerate(found) if kind == "end"]
        if ends and any(_says_something(kind, text) for kind, text in found[ends[0] :]):
            msg = "the query holds more than one statement: give one SELECT"
            raise InputError(msg)
        kept = [(kind, text) for kind, text in found if kind != "end"]
        escaped = (text if kind == "bound" else _COLON.sub(r"\\:", text) for kind, text in kept)
        code = (" " if kind in {"comment", "quoted"} else text for kind, text in kept)
        names = (text[1:] for kind, text in kept if kind == "bound")
        return cls("".join(escaped), "".join(code), tuple(dict.fromkeys(names)))


def _says_something(kind: str, text: str) -> bool:
    return kind not in {"end", "comment"} and not text.isspace()
