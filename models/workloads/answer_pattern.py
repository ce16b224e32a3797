"""Regular expressions of users on answers that strangers' texts provoke: one that never comes to an end is given up."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import regex

SECONDS = 0.5
"""Processor time for which the patterns of a workload are tried on one answer, all its values together."""
CHARACTERS_A_TOKEN = 128
"""No token of a vocabulary in use has more: what an answer of so many tokens can hold."""
_LITERAL_BRACE = re.compile(r"\\N\{[^}]*\}|\\.|\{(?!\d*,?\d*\})", re.DOTALL)
_limits: ContextVar[tuple[float, int] | None] = ContextVar("_limits", default=None)
"""When the patterns of an answer are given up, by this process's clock, and the characters that a value of it has at most."""


class AnswerPattern:
    """A regular expression in Python's syntax, matched by `regex`, whose search can be given up. Raises `ValueError` for what is none.

    `whole`: the whole value must match, and a dot matches a line's end too; else a part of it, as JSON Schema has it.
    """

    def __init__(self, pattern: str, *, whole: bool) -> None:
        self.pattern, self._whole = pattern, whole
        flags = re.DOTALL if whole else 0
        try:
            re.compile(pattern, flags)
            self._compiled = regex.compile(_as_python_reads_it(pattern), regex.VERSION0 | flags)
        except (re.error, regex.error, OverflowError, RecursionError) as error:
            msg = f"{pattern} is no regular expression: {error}"
            raise ValueError(msg) from error

    def broken_by(self, value: str) -> str | None:
        """Return the rule that a value breaks: it does not match, or it takes too long to tell; None where it matches."""
        until, longest = _limits.get() or (time.process_time() + SECONDS, len(value))
        match = self._compiled.fullmatch if self._whole else self._compiled.search
        try:
            if len(value) <= longest and (left := until - time.process_time()) > 0:
                return None if match(value, timeout=left) else f"must match {self.pattern}"
        except TimeoutError:
            pass
        return f"must match {self.pattern} (given up: it took more than {SECONDS:g} s, or the answer is too long)"


@contextmanager
def limit_patterns(tokens: int) -> Iterator[None]:
    """Give the patterns that are tried inside `SECONDS` in all, and no value longer than an answer of so many tokens."""
    token = _limits.set((time.process_time() + SECONDS, tokens * CHARACTERS_A_TOKEN))
    try:
        yield
    finally:
        _limits.reset(token)


@lru_cache(maxsize=256)
def schema_pattern(pattern: str) -> AnswerPattern:
    """Return the pattern of a JSON Schema. Raises `ValueError` as `AnswerPattern`."""
    return AnswerPattern(pattern, whole=False)


def _as_python_reads_it(pattern: str) -> str:
    """Escape braces that are text to Python: `regex` takes `x{e<=1}` for a match with an error."""
    return _LITERAL_BRACE.sub(lambda found: r"\{" if found[0] == "{" else found[0], pattern)
