"""CSV and JSON in every form, in a folder and in an object store: the same records, and the same is said."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from datetime import date

import pytest
from backports import zstd

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tests.integration.reading.conftest import Bucket, Folder

DAY = date(2026, 11, 23)
HELD = "sign \ufffd, bell \x07, \u202e, unit \x1f"
CSV = (
    f'id,text,created_at\r\n1,"{HELD}",2026-11-23\r\n2,'.encode()
    + b'caf\xe9,2026-11-23\r\n3,"two\r\nlines",2026-11-23\r\n4,"open,2026-11-23\r\n5,last,2026-11-23\r\n'
)
JSON = json.dumps(
    [
        {"id": "1", "text": HELD, "created_at": "2026-11-23"},
        {"id": "3", "text": "two\r\nlines", "created_at": "2026-11-23"},
    ],
    indent=1,
    ensure_ascii=False,
).encode()
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def rows_of(location: str) -> list[Record | Quarantined]:
    """Read the day of a location."""
    source = Source.of(WorkloadSettings(), ("text",), location=location)
    return [row for batch in open_partition(source, DAY).batches() for row in batch]


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.csv.zst"])
def test_a_packed_csv(shelf: Bucket | Folder, kind: str, name: str) -> None:
    """What a text holds is what is read, U+FFFD, control characters and line ends too; a bad row keeps its line number."""
    rows = rows_of(shelf.put(name, PACKED[kind](CSV)))
    assert [row.text for row in rows if isinstance(row, Record)] == [HELD, "two\r\nlines", "last"]
    assert [(row.ordinal, row.reason, row.detail) for row in rows if isinstance(row, Quarantined)] == [
        (1, "undecodable", "text is not valid UTF-8"),
        (3, "undecodable", "line 6 has an unbalanced quote"),
    ]


@pytest.mark.parametrize("kind", PACKED)
def test_a_packed_array(shelf: Bucket | Folder, kind: str) -> None:
    """A JSON array is read, also packed."""
    rows = rows_of(shelf.put("in.json", PACKED[kind](JSON)))
    assert [(row.id, row.text) for row in rows if isinstance(row, Record)] == [
        ("1", HELD),
        ("3", "two\r\nlines"),
    ]


def test_files_of_other_dialects_in_a_dated_folder(shelf: Bucket | Folder) -> None:
    """Each file of a day is read by its own dialect and encoding; files of nothing are passed over."""
    for name, content in {
        "0.csv": b"",
        "1.csv": b"id,text\n1,one\n",
        "2.csv": b"sep=;\r\ntext;id\r\ntwo;2\r\n",
        "3.csv": "id\ttext\r\n3\tthree\r\n".encode("utf-16"),
        "4.csv.gz": gzip.compress(b"id,text\r4,four\r"),
        "5.csv": b"id,text\n",
    }.items():
        shelf.put(f"days/date=2026-11-23/{name}", content)
    rows = rows_of(f"{shelf.url}/days")
    assert [(row.id, row.text) for row in rows if isinstance(row, Record)] == [
        ("1", "one"),
        ("2", "two"),
        ("3", "three"),
        ("4", "four"),
    ]


def test_a_day_of_empty_files(shelf: Bucket | Folder) -> None:
    """A day whose files hold nothing is a day without records."""
    shelf.put("days/date=2026-11-22/1.csv", b"id,text\n1,one\n")
    shelf.put("days/date=2026-11-23/1.csv", b"")
    shelf.put("days/date=2026-11-23/2.csv", b"")
    with pytest.raises(EmptyPartition, match="only empty files for 2026-11-23"):
        rows_of(f"{shelf.url}/days")
    shelf.put("days/date=2026-11-23/1.csv", b"\n")
    shelf.put("days/date=2026-11-23/2.csv", b"\xef\xbb\xbf")
    with pytest.raises(EmptyPartition, match="like all 2 files, is empty"):
        rows_of(f"{shelf.url}/days")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04....xl/workbook.xml", r"is not text; it is an Excel workbook \(.xlsx\)"),
        (gzip.compress(CSV)[:-20], "ended before the end-of-stream marker"),
        (b"id,\x1b[2Jtext\xe2\x80\xae\n1,x\n", r"it has: id, \\x1b\[2Jtext\\u202e"),
    ],
)
def test_what_cannot_be_read(shelf: Bucket | Folder, content: bytes, said: str) -> None:
    """One visible line says what is wrong."""
    with pytest.raises(InputError, match=said) as raised:
        rows_of(shelf.put("in.csv", content))
    assert str(raised.value).isprintable()
