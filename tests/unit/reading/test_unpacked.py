"""Compressed files that unfold without end, and rows of millions of lines: what is held and done of them is bounded."""

import csv
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest
from backports import zstd

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.text import csv_records, json_records, lines, unpack
from tasks.reading.text.csv_records import CsvRecords, Dialect
from tasks.reading.text.lines import Broken, TextLines

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
ROWS = b"id,text\na,x\nb,y\n"


def read(path: Path) -> dict[str | None, str]:
    """Return each row of a file by its id, with its text or the reason for which it is set aside."""
    source = Source.of(WorkloadSettings(timestamp_column=""), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, date(2024, 1, 2)).batches() for row in batch]
    return {row.id: row.text if isinstance(row, Record) else row.reason for row in rows}


def refused(path: Path, content: bytes) -> str:
    """Return what is said of a file that is refused."""
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    return str(caught.value)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a row be too long at a hundred lines or 4 KiB, and a file unpack to too much at a megabyte."""
    monkeypatch.setattr(csv_records, "LONGEST_ROW_LINES", 100)
    monkeypatch.setattr(csv_records, "_BLOCK_LINES", 10)
    for module in (lines, json_records, csv_records):
        monkeypatch.setattr(module, "LONGEST_ROW", 4096)
    monkeypatch.setattr(unpack, "_MOST_UNPACKED", 2**20)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    ["x\n" * 5000, "\n" * 5000, '""\n' * 5000, 'x\n""' * 5000, "a,b,c\n" * 5000, ("x" * 30 + "\n") * 200],
)
def test_a_row_of_lines_without_end_is_one_row(text: str, end: str, tmp_path: Path) -> None:
    """A text of more lines than may be held is passed over to the end of its quotes, and the rows around it are read."""
    path = tmp_path / "in.csv"
    path.write_bytes(f'id,text\na,x\nb,"{text}"\nc,"z\nz"\n'.replace("\n", end).encode())
    assert read(path) == {"a": "x", None: "too_long", "c": f"z{end}z"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_wherever_its_pieces_meet(size: int) -> None:
    """Such a row is passed over alike however the file is cut into pieces, also with escaped quotes; lines are counted on."""
    for dialect, quote in (
        (Dialect(), b'""'),
        (Dialect(escape=True), b'\\"'),
        (Dialect(escape=True), b"\\\\"),
    ):
        content = b'id,text\nb,"' + (b"x" + quote + b"\n") * 600 + b'",1\nc,"z\nz"\n"never\n'
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        records = CsvRecords(TextLines(pieces), dialect)
        records.header()
        found = [row.fault.detail if isinstance(row, Broken) else row for row in records.rows()]
        assert found[1:] == [["c", "z\nz"], "line 605 has an unbalanced quote"]
        assert str(found[0]).startswith("the row that begins in line 2 has ")


@pytest.mark.usefixtures("small")
def test_a_quote_that_is_never_closed_takes_no_row_with_it(tmp_path: Path) -> None:
    """Where the lines after an open quote are rows, it alone is broken, however many they are."""
    path = tmp_path / "in.csv"
    path.write_text('id,text\na,"x\n' + "".join(f"r{number},y\n" for number in range(3000)))
    found = read(path)
    assert found[None] == "undecodable"
    assert len(found) == 3001


@pytest.mark.usefixtures("small")
def test_a_line_that_is_cut_is_not_taken_apart(tmp_path: Path) -> None:
    """Of a line with millions of fields no field is made, in quotes or outside of them; it is too long."""
    path = tmp_path / "in.csv"
    for line in ("x," * 5000, 'b,"' + "x" * 5000, 'b,"' + "é" * 2500 + '"', 'b,"x\n' + "," * 5000 + '"'):
        path.write_text(f"id,text\na,x\n{line}\nc,z\n")
        source = Source.of(WorkloadSettings(timestamp_column=""), ("text",), location=str(path))
        rows = [row for batch in open_partition(source, date(2024, 1, 2)).batches() for row in batch]
        texts = [row.text if isinstance(row, Record) else row.reason for row in rows]
        assert (texts[0], texts[-1], "too_long" in texts) == ("x", "z", True)


def test_a_header_without_end_is_parsed_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that an open quote in the header holds are parsed anew only when twice as many are held."""
    parsed = 0
    real = csv.reader

    def count(some: Iterable[str]) -> Iterator[str]:
        nonlocal parsed
        for line in some:
            parsed += 1
            yield line

    class Counting:
        reader = staticmethod(lambda some, **form: real(count(some), **form))
        Error, QUOTE_MINIMAL, QUOTE_NONE = csv.Error, csv.QUOTE_MINIMAL, csv.QUOTE_NONE
        field_size_limit = staticmethod(csv.field_size_limit)

    monkeypatch.setattr(csv_records, "csv", Counting)
    CsvRecords([b'id,"text\n', *[b"x\n"] * 100_000], Dialect()).header()
    assert parsed < 400_000


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("kind", "count"), [("gz", 4_000_000), ("xz", 600_000), ("zst", 600_000)])
def test_a_file_that_unpacks_without_end_is_refused(kind: str, count: int, tmp_path: Path) -> None:
    """A file that unpacks to more than a thousand times its size is refused in one line; one of very like rows is read."""
    bomb = PACK[kind](ROWS + b"c," + b"x" * 4 * count)
    assert 4 * count > 1000 * len(bomb)
    said = refused(tmp_path / f"in.csv.{kind}", bomb)
    assert "unpacks to more than 1,000 times its size" in said
    path = tmp_path / f"like.csv.{kind}"
    path.write_bytes(PACK[kind](b"id,text\n" + b"".join(b"%d,the same again\n" % n for n in range(20_000))))
    assert len(read(path)) == 20_000


@pytest.mark.usefixtures("small")
def test_each_layer_counts(tmp_path: Path) -> None:
    """What a layer unpacks to counts where nothing of it is text, and layers below layers are not taken off without end."""
    padded = zstd.compress(gzip.compress(ROWS) + bytes(8_000_000))
    assert "1,000 times" in refused(tmp_path / "in.csv.zst", padded)
    content = ROWS
    for _ in range(3):
        content = gzip.compress(content)
    path = tmp_path / "in.csv.gz"
    path.write_bytes(content)
    assert read(path) == {"a": "x", "b": "y"}
    assert "is not text" in refused(path, gzip.compress(gzip.compress(content)))


def test_a_dictionary_of_gigabytes_is_refused(tmp_path: Path) -> None:
    """An xz file that says that it needs 4 GiB to be unpacked is refused before they are taken, also as the second of two."""
    content = bytearray(lzma.compress(ROWS))
    head = content[12 : 12 + 4 * (content[12] + 1)]
    head[head.index(0x21) + 2] = 40  # the dictionary's size: 4 GiB
    head[-4:] = struct.pack("<I", zlib.crc32(head[:-4]))
    content[12 : 12 + len(head)] = head
    for file in (bytes(content), lzma.compress(ROWS) + bytes(content)):
        assert "more than 320 MiB of memory" in refused(tmp_path / "in.csv.xz", file)


def test_streams_of_xz_one_after_the_other(tmp_path: Path) -> None:
    """Several xz streams are one text, what is no stream behind them is left out, and one that is cut off is said."""
    path = tmp_path / "in.csv.xz"
    path.write_bytes(lzma.compress(ROWS, preset=9) + lzma.compress(b"c,z\n") + b"something else")
    assert read(path) == {"a": "x", "b": "y", "c": "z"}
    assert "ends before" in refused(path, lzma.compress(ROWS)[:-20])
