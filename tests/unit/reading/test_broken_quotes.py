"""However many quotes are broken, each row is found, and the work grows as the file does."""

import csv
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tasks.reading.text import csv_records
from tasks.reading.text.csv_records import CsvRecords, Dialect
from tasks.reading.text.lines import Broken

HEADER = b"id,text,created_at\n"
BROKEN = {
    "inside and outside": b'x","y\n',
    "never closed": b'x,"a\n',
    "quotes alone": b'"\n',
    "escaped": b'x,\\"a\n"\\"b,\n',
    "closed by another row": b'x","y\n' * 30 + b'x"\n',
    "a header's width": b'x","y\n' * 3 + b'",z"\n',
}


def rows_of(content: bytes) -> list[object]:
    """Return the rows of a CSV file, a broken one by its detail."""
    records = CsvRecords(content.splitlines(keepends=True), Dialect())
    records.header()
    return [row.fault.detail if isinstance(row, Broken) else row for row in records.rows()]


@pytest.mark.parametrize("kind", BROKEN)
def test_the_work_is_linear(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is parsed more than a few times, whether the file is small or ten times as large."""
    parsed = 0

    def count(lines: Iterable[str]) -> Iterator[str]:
        nonlocal parsed
        for line in lines:
            parsed += 1
            yield line

    real = csv.reader

    class Counting:
        reader = staticmethod(lambda lines, **form: real(count(lines), **form))
        Error, QUOTE_MINIMAL, QUOTE_NONE = csv.Error, csv.QUOTE_MINIMAL, csv.QUOTE_NONE
        field_size_limit = staticmethod(csv.field_size_limit)

    monkeypatch.setattr(csv_records, "csv", Counting)
    for size in (2_000, 20_000):
        content = BROKEN[kind] * (size // BROKEN[kind].count(b"\n"))
        parsed = 0
        found = rows_of(HEADER + content + b"1,good,2026-11-23\n")
        assert found[-1] == ["1", "good", "2026-11-23"]
        assert parsed <= 8 * content.count(b"\n")


def naive(content: str, width: int) -> list[object]:
    """Take a file apart by trying each line as the beginning of a row, whatever that costs."""
    lines, at = content.splitlines(keepends=True), 1
    found: list[object] = []
    while at < len(lines):
        reader = csv.reader(lines[at:], strict=True)
        try:
            row = next(reader)
        except csv.Error:
            row = None
        if row is None or (len(row) != width and reader.line_num > 1):
            found.append(f"line {at + 1} has an unbalanced quote")
            at += 1
            continue
        if len(row) == width:
            found.append(row)
        elif row:
            found.append(f"line {at + 1} has {len(row)} fields, the header has {width}")
        at += reader.line_num
    return found


@pytest.mark.parametrize("block", [1, 3, 2000])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_trying_each_line(block: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is skipped would have failed: the rows are those that a reader finds that tries each line anew."""
    monkeypatch.setattr(csv_records, "_BLOCK_LINES", block)
    draw = random.Random(seed)
    parts = [
        "a",
        "b",
        " ",
        '"',
        '"',
        '""',
        ",",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        'x,"',
        '",',
        '","',
        '",\n',
        "é",
        '"\n"',
    ]
    for _ in range(100):
        body = "".join(draw.choice(parts) for _ in range(draw.randint(0, 60)))
        content = f"id,text,ts\n{body}"
        assert rows_of(content.encode()) == naive(content, 3), repr(content)


def test_a_long_quoted_text_is_one_row(tmp_path: Path) -> None:
    """A text over many thousands of lines is one row, and what follows is read."""
    text = "line\n" * 50_000
    path = tmp_path / "in.csv"
    path.write_text(f'id,text,ts\n1,"{text}",2026-11-23\n2,b,2026-11-23\n', encoding="utf-8")
    assert rows_of(path.read_bytes()) == [["1", text, "2026-11-23"], ["2", "b", "2026-11-23"]]
