"""CSV taken apart into rows: a broken row is told apart and never takes another with it, in time linear in the size."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain, islice
from typing import TYPE_CHECKING

from models.records import WHOLE_LINE, Fault
from tasks.reading.longest import LONGEST_ROW, LONGEST_ROW_LINES
from tasks.reading.text.dialect import Dialect, blank_end, double_backslashes
from tasks.reading.text.lines import Broken, TextLines, overlong

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["CsvRecords", "Dialect"]

_BLOCK_LINES = 2000
_BLOCK_SIZE = 4 * 2**20
_ESCAPED_LINES = 50
"""Lines that a row with an escaped quote may have where the file's other rows have none: each is tried once."""
_OPEN: list[str] = []  # stands for a line at whose end quotes are open
_JUDGED = 1000
"""So many of the lines in quotes without end are looked at to tell whether they are rows."""
_MOST = f"{LONGEST_ROW >> 20} MiB or {LONGEST_ROW_LINES:,} lines"
_CUT = '"x"x'
"""Stands for a line that is longer than may be held: it is no row, in quotes or outside of them."""
_QUOTE, _QUOTE_OR_ESCAPE = re.compile(rb'"'), re.compile(rb'["\\]')


class CsvRecords:
    """The header and the rows of a CSV file, from its lines. After a row that cannot be parsed, it goes on at the next line.

    `rescue`: a row that fails is tried with escaped quotes.
    """

    def __init__(self, lines: Iterable[bytes], dialect: Dialect, *, rescue: bool = True) -> None:
        self._text = lines if isinstance(lines, TextLines) else TextLines(lines, also_cr=dialect.also_cr)
        self._lines = iter(self._text)
        self.dialect = dialect
        self._rescues = rescue and dialect.quotes and not dialect.escape
        self._held: list[str] = []  # lines that are read
        self._at = 0  # the first of them that is not settled
        self._number = 0  # lines before the first that is held
        self._width = 0
        self._padding = 0
        self.trimmed = 0
        """How many rows ended in delimiters that the header has not."""
        self.is_open = False
        """Whether a row was met whose quotes are not closed before the lines end."""
        csv.field_size_limit(4 * LONGEST_ROW)  # never met: what is held of a row is less

    def header(self) -> list[str]:
        """Return the first row that is not blank: the names of the columns; none where there is no such row."""
        if self.dialect.has_sep:
            self._skip_blank()
            self._at += 1
        if not self._skip_blank():
            return []
        header, end = self._first_record()
        if self.dialect.wrapped and len(header) == 1:
            header = self._inside(header) or header
        self._at = end
        self._width = len(header)
        self._padding = next((n for n, name in enumerate(reversed(header)) if name), len(header))
        return header

    def rows(self) -> Iterator[list[str] | Broken]:
        """Yield the rows after the header, each as wide as it; a blank line is none."""
        width = self._width
        while self._at < len(self._held) or self._take(_BLOCK_LINES):
            reader, start = self._reader(self._at), self._at
            end, wrong = start, None
            try:
                for row in reader:
                    end = start + reader.line_num
                    if len(row) == width:
                        yield row
                    elif row and (fit := self._fit(row)) is not None:
                        yield fit
                    elif end - self._at > 1:  # its quotes may have swallowed others
                        wrong = row
                        break
                    elif row:
                        yield self._misfit(row)
                    self._at = end
                else:
                    continue
            except csv.Error as error:
                end = start + reader.line_num
                if _is_open(error):
                    if (passed := self._go_on(end)) is not None:
                        yield from passed
                        continue
                    end = len(self._held) + 1  # no line of it is the last
                    self.is_open = True
            yield from self._recover(end, wrong)

    def _skip_blank(self) -> bool:
        """Go to the next line that is not blank; whether there is one."""
        while self._at < len(self._held) or self._take(_BLOCK_LINES):
            if self._held[self._at].strip():
                return True
            self._at += 1
        return False

    def _first_record(self) -> tuple[list[str], int]:
        """Return the header and where it ends; one with an unbalanced quote is read as a single line."""
        while True:
            reader = self._reader(self._at)
            try:
                return next(reader), self._at + reader.line_num
            except csv.Error as error:
                count = max(_BLOCK_LINES, len(self._held))
                if not (_is_open(error) and self._can_grow() and self._take(count)):
                    line = self._held[self._at].rstrip("\r\n")
                    return next(self._parse([line], strict=False), []), self._at + 1

    def _take(self, count: int) -> bool:
        """Hold so many lines more, fewer if they are long; whether there was any."""
        self._number += self._at
        del self._held[: self._at]
        self._at, before, size = 0, len(self._held), 0
        for raw in islice(self._lines, count):
            line = raw.decode("utf-8", "surrogateescape") if len(raw) < LONGEST_ROW else _CUT
            self._held.append(double_backslashes(line) if self.dialect.escape else line)
            size += len(raw)
            if size >= _BLOCK_SIZE:
                break
        return len(self._held) > before

    def _go_on(self, end: int) -> Sequence[Broken] | None:
        """Take more lines for a row whose quotes are open, or pass over one that is too long; None where it is broken."""
        if self._can_grow():
            return () if self._take(max(_BLOCK_LINES, end - self._at)) else None
        return None if self._holds_rows() else (self._pass_over(),)

    def _can_grow(self) -> bool:
        """Whether what is held may be the beginning of one row."""
        lines = len(self._held) - self._at
        return lines < LONGEST_ROW_LINES and sum(map(len, islice(self._held, self._at, None))) < LONGEST_ROW

    def _holds_rows(self) -> bool:
        """Whether quotes that are open in all that is held lack their end: most of the lines in them are rows."""
        others = self._held[self._at + 1 :: max(1, (len(self._held) - self._at) // _JUDGED)]
        rows = [row for row in map(self._alone, others) if row]
        fit = sum(len(row) == self._width or self._fit(row) is not None for row in rows)
        return 2 * fit >= len(others)

    def _pass_over(self) -> Broken:
        """Go to the end of a row of which more lines than one can have are held, with open quotes at their end."""
        broken = overlong(f"the row that begins in line {self._number + self._at + 1}", _MOST)
        self._at = len(self._held)
        mark = _QUOTE_OR_ESCAPE if self.dialect.escape else _QUOTE
        self._number += self._text.pass_over(mark)
        while self._take(_BLOCK_LINES):
            reader = self._parse(chain(['"' + self._held[0]], self._held[1:]))
            try:
                next(reader)
            except csv.Error as error:
                if _is_open(error):
                    self._at = len(self._held)
                    self._number += self._text.pass_over(mark)
                    continue
            self._at = reader.line_num
            break
        return broken

    def _reader(self, start: int) -> "Reader":
        """Return a reader over what is held, which is not copied."""
        return self._parse(map(self._held.__getitem__, range(start, len(self._held))))

    def _parse(self, lines: Iterable[str], *, strict: bool = True, escape: bool = False) -> "Reader":
        return csv.reader(
            lines,
            delimiter=self.dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.dialect.quotes else csv.QUOTE_NONE,
            escapechar="\\" if escape or self.dialect.escape else None,
            skipinitialspace=self.dialect.spaced,
            strict=strict,
        )

    def _recover(self, end: int, wrong: Sequence[str] | None) -> Iterator[list[str] | Broken]:
        """Settle the lines of a row that failed, up to `end`: the first one is broken, the others may be rows.

        Inside quotes each line leads to the same next state, whatever row it belongs to. So a row that begins
        inside this one, and has open quotes at the end of its line, ends where this one does: it fails if this
        one could not be parsed, and if this one was `wrong`, its fields need only be counted. No line is parsed
        more often than a few times, however many quotes are broken.
        """
        first, tail = self._at, 0 if wrong is None else blank_end(wrong)
        after = None if wrong is None else self._fields_after(end)
        while self._at < min(end, len(self._held)):
            at = self._at
            row = None if at == first else self._alone(self._held[at])
            if row is _OPEN and at == end - 1:  # this one ended here, so the row that begins here is another
                return
            if row is _OPEN and after is not None:
                extra = self._open_fields(self._held[at]) + after[at - first] - self._width
                if extra == 0 or (self.dialect.trailing and 0 < extra <= tail):
                    return
            if row is None and (plain := self._plain(self._held[at])) is not None:
                row = plain
            if row is None or row is _OPEN:
                escaped = self._escaped(at, _ESCAPED_LINES)
                yield self._unbalanced() if escaped is None else escaped[0]
                self._at += 1 if escaped is None else escaped[1]
                continue
            if row:
                yield row if len(row) == self._width else self._fit(row) or self._misfit(row)
            self._at += 1

    def _alone(self, line: str) -> list[str] | None:
        """Return a line as a row; None where it is none, `_OPEN` where its quotes are open at the end."""
        try:
            return next(self._parse([line]))
        except csv.Error as error:
            return _OPEN if _is_open(error) else None

    def _plain(self, line: str) -> list[str] | None:
        """Return a line without quotes in which CR stands in a field, where it is as wide as the header."""
        row = line.rstrip("\r\n").split(self.dialect.delimiter)
        return row if '"' not in line and "\r" in line.rstrip("\r\n") and len(row) == self._width else None

    def _fields_after(self, end: int) -> list[int]:
        """Return how many fields each line up to `end` is still to get from the lines after it, read inside quotes."""
        sums = [0]
        for line in reversed(self._held[self._at + 1 : end]):
            sums.append(sums[-1] + len(next(self._parse(['"' + line], strict=False))) - 1)
        return sums[::-1]

    def _open_fields(self, line: str) -> int:
        return len(next(self._parse([line], strict=False)))

    def _escaped(self, at: int, lines: int) -> tuple[list[str], int] | None:
        """Return the row that begins at a line and how many lines it has, if it is one with escaped quotes."""
        some = self._held[at : at + lines] if self._rescues else []
        if not any('\\"' in line for line in some):
            return None
        reader = self._parse(map(double_backslashes, some), escape=True)
        try:
            row = next(reader)
        except csv.Error:
            return None
        return (row, reader.line_num) if len(row) == self._width else None

    def _fit(self, row: list[str]) -> list[str] | None:
        """Return a row as wide as the header, where it differs in blank fields at the end alone, or is quoted once more."""
        found, width = len(row), self._width
        if (
            self.dialect.wrapped
            and found == 1
            and (inside := self._inside(row)) is not None
            and len(inside) == width
        ):
            return inside
        if self.dialect.trailing and found > width and not any(row[width:]):
            self.trimmed += 1
            return row[:width]
        if max(1, width - self._padding) <= found < width:
            return [*row, *[""] * (width - found)]
        return None

    def _inside(self, row: Sequence[str]) -> list[str] | None:
        """Return the row that is written in the one field of another; None where no single row is."""
        try:
            rows = list(self._parse(StringIO(row[0], newline="")))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 else None

    def _misfit(self, row: list[str]) -> list[str] | Broken:
        """Return a line that is not as wide as the header, as wide as it by escaped quotes; else it is broken."""
        if self._held[self._at] == _CUT:
            return self._unbalanced()
        if (escaped := self._escaped(self._at, 1)) is not None:
            return escaped[0]
        rule = f"must have as many fields as the header ({self._width})"
        return self._broken(f"has {len(row)} fields, the header has {self._width}", rule)

    def _unbalanced(self) -> Broken:
        line = self._held[self._at].rstrip("\r\n")
        if line == _CUT:
            return overlong(f"line {self._number + self._at + 1}")
        if '"' not in line and "\r" in line:
            rule = "a line break in a field must stand in quotes"
            return self._broken("has a carriage return outside of quotes", rule)
        return self._broken("has an unbalanced quote", "each quote that opens a field must be closed")

    def _broken(self, what: str, rule: str) -> Broken:
        number = self._number + self._at + 1
        return Broken(Fault("undecodable", f"line {number} {what}", WHOLE_LINE, rule))


def _is_open(error: csv.Error) -> bool:
    """Whether a reader ran out of lines inside quotes."""
    return "unexpected end" in str(error)
