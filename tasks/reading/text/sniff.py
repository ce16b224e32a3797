"""How a CSV file is written, told by its header and its first rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tasks.reading.text.csv_records import CsvRecords, Dialect
from tasks.reading.text.lines import AUTO, Broken, TextLines, ends_in_cr

DELIMITERS = (",", ";", "\t", "|", "\x01")
"""What is looked for: \\x01 is what Hive writes."""
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_LOOKED_AT = 256 * 2**10
_LINES = 500
_QUOTED = re.compile(rb'"[^"]*"')
_SEP = re.compile(rb'\s*"?sep=(\\t|.)"?\s*$', re.IGNORECASE)
_WRAPPED = re.compile(rb'^"((?:[^"]|"")*)"(\s*)$')
"""A line that is one quoted field."""
_DOUBLED = re.compile(rb'[^\\",;\t|\r\n]""[^",;\t|\r\n]')
"""A quote inside quotes that is written twice."""
_GOOD, _FAIR = 0.9, 0.5


def sniff(head: bytes, *, whole: bool, delimiter: str = AUTO) -> Dialect:
    """Tell the dialect by how a file begins; `whole`: that is all of it. `delimiter`: as it is set."""
    head, whole = head[:_LOOKED_AT], whole and len(head) <= _LOOKED_AT
    also_cr = ends_in_cr(head, _QUOTED.sub(b"", head))
    lines = list(islice(TextLines([head], also_cr=also_cr), _LINES + 1))
    is_cut = not (whole and len(lines) <= _LINES)
    if is_cut and len(lines) > 1:
        del lines[-1]
    first = next((line for line in lines if line.strip()), b"")
    sep = _SEP.match(first)
    start = Dialect(also_cr=also_cr, has_sep=sep is not None)
    named = sep[1].decode("utf-8", "replace") if sep is not None and delimiter == AUTO else delimiter
    found, trial = _tell(_Sample(lines, is_cut), start, named)
    if sep is None and any(_is_wrapped(first, one) for one in DELIMITERS):
        inside = [_WRAPPED.sub(lambda one: one[1].replace(b'""', b'"') + one[2], line) for line in lines]
        other, inner = _tell(_Sample(inside, is_cut), replace(start, wrapped=True), named)
        if inner.share >= _FAIR:  # else it is one column, with a delimiter in its name
            found, trial = other, inner
    return replace(found, trailing=_trails(trial))


def _tell(sample: "_Sample", start: Dialect, delimiter: str) -> "tuple[Dialect, _Trial]":
    """Tell what separates the fields, unless it is named, and how quotes are written."""
    separator = _delimiter(sample, start) if delimiter == AUTO else _NAMED.get(delimiter.lower(), delimiter)
    return _with_quotes(sample, replace(start, delimiter=separator))


def _is_wrapped(line: bytes, delimiter: str) -> bool:
    """Whether a line is one quoted field in which fields stand."""
    return _WRAPPED.match(line) is not None and delimiter.encode() in line


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a dialect makes of the first lines.

    `width` of the header; `rows`; those of them that `fit`, and those of these that were `trimmed` of delimiters at their
    end; `last_blank`: the last field of another one is blank.
    """

    width: int
    rows: int
    fit: int
    trimmed: int
    last_blank: bool

    @property
    def share(self) -> float:
        return self.fit / self.rows if self.rows else 1.0


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first lines of a file. `is_cut`: more come after them, so that the last row may go on."""

    lines: Sequence[bytes]
    is_cut: bool

    def read(self, dialect: Dialect) -> _Trial:
        """See what a dialect makes of the lines."""
        records = CsvRecords(self.lines, replace(dialect, trailing=True), rescue=False)
        width, rows, fit, trimmed, last_blank = len(records.header()), 0, 0, 0, False
        for row in records.rows():
            if self.is_cut and records.is_open:
                break
            rows += 1
            if not isinstance(row, Broken):
                fit += 1
                last_blank = last_blank or (not row[-1] and records.trimmed == trimmed)
            trimmed = records.trimmed
        return _Trial(width, rows, fit, records.trimmed, last_blank)

    def read_either(self, dialect: Dialect) -> _Trial:
        """See what a delimiter makes of the lines, however quotes inside quotes are written."""
        found = self.read(dialect)
        if found.share == 1:
            return found
        others = [replace(dialect, escape=True)] if any(b'\\"' in line for line in self.lines) else []
        if any(_is_wrapped(line, dialect.delimiter) for line in self.lines):
            others.append(replace(dialect, wrapped=True))
        return max([found, *map(self.read, others)], key=lambda one: one.share)


def _delimiter(sample: _Sample, dialect: Dialect) -> str:
    """Return what separates the fields: the comma, unless another one suits header and rows better.

    A header may hold several: the one that comes first in it has the better claim, and it must split the rows
    as it splits the header.
    """
    lines = sample.lines
    header = next((line for line in lines if line.strip()), b"").decode("utf-8", "replace")
    held = "".join(line.decode("utf-8", "replace") for line in lines[:50]) if '"' in header else header
    found = sorted((one for one in DELIMITERS if one in held), key=held.index)
    if not found or found == [","]:
        return ","
    trials = {one: sample.read_either(replace(dialect, delimiter=one)) for one in (*found, ",")}
    wide = [one for one in found if trials[one].width > 1 and trials[one].share >= _FAIR]
    if "," in wide and (wide[0] == "," or all(trials[one].width <= trials[","].width for one in wide)):
        return ","
    if wide:
        return max(wide, key=lambda one: (trials[one].share >= _GOOD, trials[one].width, -found.index(one)))
    some = [one for one in found if trials[one].width > 1 and trials[one].fit]
    return max(some, key=lambda one: trials[one].share, default=",")


def _with_quotes(sample: _Sample, dialect: Dialect) -> tuple[Dialect, _Trial]:
    """Tell how quotes inside a field are written, and whether quotes are text, as in many tab-separated files."""
    some = [line for line in sample.lines if b'"' in line]
    doubled = sample.read(dialect)
    broken = doubled.rows - doubled.fit
    others = _other_quotes(some, sample.lines, dialect) if broken else ()
    for other in others:
        found = sample.read(other)
        mended = broken - (found.rows - found.fit)
        least = 1 if other.quotes else _FAIR * len(some)
        if other.escape:
            least = max(1, sum(_DOUBLED.search(line) is not None for line in some))
        if other.wrapped and not dialect.wrapped:
            least = max(1, _FAIR * sum(_is_wrapped(line, dialect.delimiter) for line in some))
        if mended >= least:
            return other, found
    return dialect, doubled


def _other_quotes(some: Sequence[bytes], lines: Sequence[bytes], dialect: Dialect) -> Iterator[Dialect]:
    """Yield the ways of writing quotes that lines with quotes, and the header, speak for."""
    if any(_is_wrapped(line, dialect.delimiter) for line in some):
        yield replace(dialect, wrapped=True)
    if any(b'\\"' in line for line in some):
        yield replace(dialect, escape=True)
    header = next((line for line in lines if line.strip()), b"").decode("utf-8", "replace")
    fields = header.split(dialect.delimiter)[1:]
    if fields and all(field.startswith(" ") for field in fields):
        yield replace(dialect, spaced=True)
    if dialect.delimiter == "\t":
        yield replace(dialect, quotes=False)


def _trails(trial: _Trial) -> bool:
    """Whether rows may end in delimiters that the header has not.

    Such a row can also be one with a delimiter in a text that is not quoted, and nothing in its last column. So it
    is taken for the former only if no last column is blank elsewhere, or most rows are like it.
    """
    return not trial.last_blank or trial.trimmed > trial.fit - trial.trimmed
