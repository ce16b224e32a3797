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
_READS = re.compile(r"[\s(]*(?:select|with|values|table|from)\b", re.IGNORECASE)
"""How a statement begins that asks for rows."""
_WRITES = re.compile(
    r"\binto\b|\(\s*(?:insert\s|update\s+\w|delete\s+from\b|merge\s)|\bfor\s+(?:no\s+key\s+)?update\b",
    re.IGNORECASE,
)
_EFFECTS = re.compile(
    r"\b(pg_read_\w+|pg_ls_\w+|pg_stat_file|lo_(?:import|export|create|put|unlink|from_bytea)|dblink\w*|set_config"
    r"|pg_(?:terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile|pg_advisory\w*|pg_notify|pg_sleep\w*|nextval|setval"
    r"|load_extension|load_file|readfile|writefile|fts3_tokenizer|sys_exec|sys_eval|xp_\w+|openrowset|opendatasource)\s*\(",
    re.IGNORECASE,
)
"""Functions that reach beyond the rows: files of the server, other servers, its settings and its other users."""
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
        """Understand a query, of which a semicolon may be the end.

        Raises `InputError` where more follows it, and for what is no question: it writes, or does more than to read rows.
        """
        found = [(str(token.lastgroup), token[0]) for token in _TOKENS.finditer(query)]
        found = [("quoted" if kind == "tag" else kind, text) for kind, text in found]
        ends = [place for place, (kind, _) in enumerate(found) if kind == "end"]
        if ends and any(_says_something(kind, text) for kind, text in found[ends[0] :]):
            msg = "the query holds more than one statement: give one SELECT"
            raise InputError(msg)
        kept = [(kind, text) for kind, text in found if kind != "end"]
        escaped = (text if kind == "bound" else _COLON.sub(r"\\:", text) for kind, text in kept)
        code = [" " if kind in {"comment", "quoted"} else text for kind, text in kept]
        names = (text[1:] for kind, text in kept if kind == "bound")
        _check_reads("".join(code), "".join(_unquoted(kind, text) for kind, text in found))
        return cls("".join(escaped), "".join(code), tuple(dict.fromkeys(names)))


def _says_something(kind: str, text: str) -> bool:
    return kind not in {"end", "comment"} and not text.isspace()


def _unquoted(kind: str, text: str) -> str:
    """Return a part of a query with the name that stands in quotes; text in quotes and comments are none."""
    if kind != "quoted":
        return " " if kind == "comment" else text
    return f" {text[1:-1]}" if text[0] in '"`' else " "


def _check_reads(code: str, named: str) -> None:
    """See that a statement asks for rows, and for nothing else. Raises `InputError`."""
    if not _READS.match(code):
        msg = "the query must be one SELECT (or WITH … SELECT): it only reads"
        raise InputError(msg)
    if (found := _WRITES.search(code)) is not None:
        msg = f"the query only reads: leave out {' '.join(found[0].strip('( ').split()).upper()}"
        raise InputError(msg)
    if (found := _EFFECTS.search(named)) is not None:
        msg = f"the query only reads rows: leave out {found[1]}()"
        raise InputError(msg)
