"""Marks of a chat template that are plain text: found when it is loaded, so that records can spell them out."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from models.engines.marks import BREAK, LINE_ENDS, LINE_START, fold, spell_out
from models.engines.vllm.rendering import LOOKS_LIKE_MARKS
from models.errors import UsageError

LONGEST = 80
"""A longer line of a template is what it tells the model, and no mark."""
_BRACKETED = re.compile(LOOKS_LIKE_MARKS)
_HEADING = re.compile(r"#{1,6}\s*\S[^\n]{0,60}")
_SPEAKER = re.compile(r"(?:^|(?<=\s))[^\W_][\w-]{0,30}(?: [\w-]{1,30}){0,2}\s?:(?=\s|$)")
_LINES = re.compile(f"([{LINE_ENDS}]+)")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark's text, and whether it begins and ends a line where the template writes it."""

    text: str
    begins: bool = False
    ends: bool = False

    def pattern(self) -> str:
        words = r"\s+".join(map(re.escape, fold(self.text).split()))
        words = re.sub(r"(?:\\s\+)?:$", r"[^\\S\\n]*:", words)
        start = LINE_START if self.begins else r"(?<!\w)" if self.text[0].isalnum() else ""
        return start + words + (rf"[^\S{LINE_ENDS}]*(?![^{LINE_ENDS}])" if self.ends else "")


@dataclass(frozen=True, slots=True)
class TurnMarks:
    """The plain marks of a template, and the pattern that finds them in folded text; None without any."""

    texts: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    separates: bool = True
    """Whether anything but white space stands between two messages."""


def find_turn_marks(pieces: Sequence[Sequence[str]]) -> TurnMarks:
    """Find the plain marks in what a template writes before, between and behind messages.

    Each piece is given as the texts between its added tokens. Where a piece has added tokens, no message can be ended without
    them, and only what looks like a mark counts (`<|user|>`, `[INST]`, `### Response:`); where it has none, every word does.
    Raises `UsageError` for a mark of one character, which cannot be spelled out.
    """
    found = list(chain.from_iterable(_marks_of(piece, first=at == 0) for at, piece in enumerate(pieces)))
    between = [piece for piece in pieces[1:] if len(piece) == 1]
    separates = all(piece[0].strip() for piece in between)
    marks = sorted(set(found), key=lambda one: (-len(one.text), one.text, one.begins, one.ends))
    for one in marks:
        if len(one.text) == 1:
            msg = (
                f"the model's chat template begins a turn with {one.text!r} alone, which any record may write: set chat_template to one "
                "with longer marks"
            )
            raise UsageError(msg)
    if not marks:
        return TurnMarks(separates=separates)
    pattern = re.compile("|".join(one.pattern() for one in marks))
    return TurnMarks(tuple(dict.fromkeys(one.text for one in marks)), pattern, separates)


def _marks_of(piece: Sequence[str], *, first: bool) -> Iterable[_Mark]:
    plain = len(piece) == 1
    for text in piece:
        lines = list(_lines(text, starts=first))
        found = [mark for line, begins, _ in lines for mark in _marks_in(line, begins=begins, plain=plain)]
        yield from found
        if plain and not first and not found and 0 < len(text.strip()) <= LONGEST:
            yield from (_Mark(*line) for line in lines)


def _lines(text: str, *, starts: bool) -> Iterable[tuple[str, bool, bool]]:
    """Return the lines of a text, whether each begins one, and whether each ends one."""
    parts = _LINES.split(text)
    for at in range(0, len(parts), 2):
        line = parts[at].strip()
        if line:
            yield line, at > 0 or starts, at < len(parts) - 1


def _marks_in(line: str, *, begins: bool, plain: bool) -> list[_Mark]:
    bracketed = _BRACKETED.findall(line)
    if bracketed:
        return [_Mark(one) for one in bracketed]
    if len(line) <= LONGEST and _HEADING.fullmatch(line):
        return [_Mark(line)]
    if not plain:
        return []
    return [_Mark(one[0], begins and one.start() == 0) for one in _SPEAKER.finditer(line)]


def choose_break(marks: Iterable[str], encode: Callable[[str], list[int]], pattern: re.Pattern[str]) -> str:
    """Return what is put into a mark so that it has other tokens: a blank, or what a tokenizer that drops blanks sees.

    Raises `UsageError` where nothing helps.
    """
    for mark in (BREAK, "_", "-", "x"):
        if not any(_holds(encode(spell_out(one, pattern, mark)), encode(one)) for one in marks):
            return mark
    msg = "the marks of the model's chat template cannot be told from a record's text: set chat_template to one of other marks"
    raise UsageError(msg)


def _holds(ids: Sequence[int], part: Sequence[int]) -> bool:
    return any(list(ids[at : at + len(part)]) == list(part) for at in range(len(ids) - len(part) + 1))
