"""CSV as programs write it: delimiters, line ends, quotes, encodings, compressions, told by what the file holds."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from backports import zstd

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.text.text_file import TextFile

DAY = date(2026, 11, 23)
PLAIN = "id,text,created_at\n1,hello,2026-11-23\n2,wörld,2026-11-23\n"
BOTH = [("1", "hello"), ("2", "wörld")]
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def read(path: Path, content: bytes, **settings: object) -> list[tuple[str, str]]:
    """Write a file and return the day's rows: id and text of a record, key and reason of a row that was set aside."""
    path.write_bytes(content)
    source = Source.of(WorkloadSettings.model_validate(settings), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    return [(row.id, row.text) if isinstance(row, Record) else (row.key, row.reason) for row in rows]


def details(path: Path, content: bytes) -> list[str]:
    """Write a file and return what is said of the rows that were set aside."""
    path.write_bytes(content)
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    return [row.detail for row in rows if isinstance(row, Quarantined)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\x01"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    """Each delimiter is found from the header, with each end of a line that programs write."""
    text = PLAIN.replace(",", delimiter).replace("\n", end)
    assert read(tmp_path / "in.csv", text.encode()) == BOTH


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "\n\nsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_that_excel_reads(tmp_path: Path, first: str, end: str) -> None:
    """A first line `sep=` names the delimiter, and is neither the header nor a row; the others keep their numbers."""
    text = f"{first}\n{PLAIN}3,short\n".replace(",", ";").replace("\n", end)
    path, blank = tmp_path / "in.csv", first.startswith("\n")
    assert read(path, text.encode()) == [*BOTH, ("#2", "undecodable")]
    assert details(path, text.encode()) == [f"line {5 + 2 * blank} has 2 fields, the header has 3"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id;text;price, EUR;created_at\n1;a;3,50;2026-11-23\n2;b;4,20;2026-11-23\n", [("1", "a"), ("2", "b")]),
        ('id;text;created_at\n1;a, b, c;2026-11-23\n2;"x;y";2026-11-23\n', [("1", "a, b, c"), ("2", "x;y")]),
        ("id,text,created_at\n1,a; b; c,2026-11-23\n2,x;y,2026-11-23\n", [("1", "a; b; c"), ("2", "x;y")]),
        ("id,text,a;b;c;d;e,created_at\n1,x,1;2;3;4;5,2026-11-23\n", [("1", "x")]),
        ("id,text,a|b\n1,x,1|2\n", [("1", "x")]),
        ('"id";"the ""text"", here";"text";"created_at"\n"1";"y";"x";"2026-11-23"\n', [("1", "x")]),
    ],
)  # fmt: skip
def test_a_delimiter_that_stands_in_names_and_texts_too(
    tmp_path: Path, content: str, expected: list[tuple[str, str]]
) -> None:
    """What separates the fields splits the rows as it splits the header; other marks are text."""
    assert read(tmp_path / "in.csv", content.encode()) == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("first", [0, 1])
def test_lines_that_are_quoted_once_more(tmp_path: Path, delimiter: str, first: int) -> None:
    """A file whose lines Excel took for one cell each: all lines are one quoted field, or all after the header are."""
    rows = f'id,text,created_at\n1,hello,2026-11-23\n2,"a, {delimiter} ""b""",2026-11-23\n3,short\n'
    lines = [line.replace(",", delimiter).replace(f"a{delimiter} ", "a, ") for line in rows.splitlines()]
    wrapped = ['"' + line.replace('"', '""') + '"' for line in lines]
    content = "\r\n".join([*lines[:first], *wrapped[first:]]).encode()
    expected = [("1", "hello"), ("2", f'a, {delimiter} "b"'), ("#2", "undecodable")]
    assert read(tmp_path / "in.csv", content) == expected


def test_a_text_over_two_lines_in_lines_that_are_quoted_once_more(tmp_path: Path) -> None:
    """Its line break is part of the text, as in any row."""
    content = b'"id,text,created_at"\n"1,""a\nb"",2026-11-23"\n"2,c,2026-11-23"\n'
    assert read(tmp_path / "in.csv", content) == [("1", "a\nb"), ("2", "c")]


def test_one_column_of_quoted_lines(tmp_path: Path) -> None:
    """A file of one column is none whose lines are quoted once more, whatever stands in its texts."""
    path = tmp_path / "in.csv"
    path.write_bytes(b'"text"\n"a, b"\n"c, d"\n')
    assert TextFile(str(path), "csv").columns == ["text"]
    assert list(TextFile(str(path), "csv").rows(["text"])) == [("a, b",), ("c, d",)]


@pytest.mark.parametrize("quote", ['""', '\\"'])
def test_a_first_text_over_many_lines(tmp_path: Path, quote: str) -> None:
    """A text that is longer than what is looked at tells nothing against a dialect."""
    text = f"a line, and {quote}more{quote}\n" * 900
    content = f'id;text;created_at\n1;"{text}";2026-11-23\n2;"{quote}b{quote}";2026-11-23\n'
    assert read(tmp_path / "in.csv", content.encode()) == [("1", text.replace(quote, '"')), ("2", '"b"')]


def test_one_column_without_a_delimiter(tmp_path: Path) -> None:
    """A file of one column has no delimiter to be found, whatever its texts hold."""
    content = b"text\nhello; you\nwhat | else\n"
    assert [text for _, text in read(tmp_path / "in.csv", content, id_column="text")] == [
        "hello; you",
        "what | else",
    ]


@pytest.mark.parametrize(
    ("setting", "mark"), [("^", "^"), ("tab", "\t"), ("\\t", "\t"), (";", ";"), ("~", "~")]
)
def test_the_setting_says_the_delimiter(tmp_path: Path, setting: str, mark: str) -> None:
    """What is set is not looked for."""
    assert read(tmp_path / "in.csv", PLAIN.replace(",", mark).encode(), delimiter=setting) == BOTH


@pytest.mark.parametrize("setting", ["", ",,", '"', "\n"])
def test_a_delimiter_that_cannot_be(setting: str) -> None:
    """A delimiter is one character, and none that means something else."""
    with pytest.raises(ValueError, match="one character, tab or auto"):
        WorkloadSettings.model_validate({"delimiter": setting})


@pytest.mark.parametrize(
    "content",
    [
        "id,text,created_at\r1,hello,2026-11-23\n2,wörld,2026-11-23\n",
        "id,text,created_at\n1,hello,2026-11-23\r2,wörld,2026-11-23\r3,x,2026-11-22\r",
    ],
)
def test_a_header_with_another_line_end(tmp_path: Path, content: str) -> None:
    """A header that another program put before the rows ends as that program ends lines."""
    assert read(tmp_path / "in.csv", content.encode()) == BOTH


def test_cr_and_lf_inside_quotes_are_text(tmp_path: Path) -> None:
    """With lines that end in CR, a text keeps its line feeds and its CR."""
    content = b'id,text,created_at\r1,"a\nb\rc",2026-11-23\r2,x,2026-11-23\r'
    assert read(tmp_path / "in.csv", content) == [("1", "a\nb\rc"), ("2", "x")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_unicode_text(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """What Excel saves as Unicode text is decoded, with or without a mark at its beginning."""
    content = PLAIN.replace(",", delimiter).replace("\n", "\r\n").encode(encoding)
    assert read(tmp_path / "in.csv", content) == BOTH
    cut = read(tmp_path / "in.csv", content[:-1])
    assert cut[0] == BOTH[0], "half a character at the end costs its row alone"


def test_a_header_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes of another encoding cost the rows that hold them; a name that holds them is shown by its bytes."""
    content = "id,text,größe,created_at\n1,hello,b,2026-11-23\n2,wörld,b,2026-11-23\n".encode("cp1252")
    path = tmp_path / "in.csv"
    assert read(path, content) == [("1", "hello"), ("2", "undecodable")]
    assert TextFile(str(path), "csv").columns == ["id", "text", r"gr\xf6\xdfe", "created_at"]
    with pytest.raises(InputError) as raised:
        read(path, content, text_columns=["größe"])
    assert r"it has: id, text, gr\xf6\xdfe, created_at" in str(raised.value)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "wörld € 15"),
        ("latin-1", "wörld"),
        ("cp1251", "мир"),
        ("shift_jis", "世界ソ"),
        ("gb18030", "世界\U0001f600"),
        ("utf-8", "wörld"),
    ],
)
def test_the_setting_says_the_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    """A file in the encoding of a country is read as set; what is no character in it costs its row alone."""
    path, content = tmp_path / "in.csv", f"id;text;created_at\n1;{text};2026-11-23\n".encode(encoding)
    assert read(path, content, encoding=encoding) == [("1", text)]
    assert read(path, gzip.compress(content), encoding=encoding) == [("1", text)]
    marked = f"id;text;created_at\n1;{text};2026-11-23\n".encode("utf-16")
    assert read(path, marked, encoding=encoding) == [("1", text)], (
        "a mark at the beginning decides all the same"
    )


def test_bytes_that_the_set_encoding_has_not(tmp_path: Path) -> None:
    """A byte that is no character is never replaced by a sign that looks like text."""
    content = b"id,text,created_at\n1,a\x81b,2026-11-23\n2,fine,2026-11-23\n"
    assert read(tmp_path / "in.csv", content, encoding="cp1252") == [("1", "undecodable"), ("2", "fine")]
    content = b'{"id":1,"text":"a\x81","created_at":"2026-11-23"}\n{"id":2,"text":"f\xfcr","created_at":"2026-11-23"}\n'
    assert read(tmp_path / "in.jsonl", content, encoding="cp1252") == [("1", "undecodable"), ("2", "für")]


@pytest.mark.parametrize("setting", ["", "utf-9", "base64", "rot13", "hex"])
def test_an_encoding_that_is_none(setting: str) -> None:
    """What is no encoding of text is refused."""
    with pytest.raises(ValueError, match="must be an encoding of text"):
        WorkloadSettings.model_validate({"encoding": setting})


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.csv.zst"])
def test_compression_is_told_by_content(tmp_path: Path, kind: str, name: str) -> None:
    """A file is unpacked by what it is, also if its name says something else, in several parts, or twice."""
    pack, path = PACKERS[kind], tmp_path / name
    assert read(path, pack(PLAIN.encode())) == BOTH
    assert read(path, pack(PLAIN[:10].encode()) + pack(PLAIN[10:].encode())) == BOTH
    assert read(path, pack(gzip.compress(PLAIN.encode()))) == BOTH
    assert read(path, PLAIN.encode()) == BOTH
    with pytest.raises(InputError, match=r"ended before|it ends before"):
        read(path, pack(PLAIN.encode())[:-4])


@pytest.mark.parametrize("kind", PACKERS)
def test_what_a_packed_text_really_holds(tmp_path: Path, kind: str) -> None:
    """The sign U+FFFD and control characters are text where they stand in it; bytes that are no UTF-8 are none."""
    held = "sign \ufffd, bell \x07, tab \t, unit \x01\x1f"
    content = f'id,text,created_at\n1,"{held}",2026-11-23\n2,'.encode() + b"caf\xe9,2026-11-23\n"
    for name in (f"in.csv.{kind}", "in.csv"):
        assert read(tmp_path / name, PACKERS[kind](content)) == [("1", held), ("2", "undecodable")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04....[Content_Types].xml", r"an Office document \(an Excel workbook, .xlsx\)"),
        (b"PK\x03\x04....xl/workbook.xml", r"an Excel workbook \(.xlsx\)"),
        (b"PK\x03\x04....in.csv", "a ZIP archive: unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"an old Office document \(an Excel workbook, .xls\)"),
        (b"PAR1\x15\x04\x15", "a Parquet file: let its name end in .parquet"),
        (b"\n<!DOCTYPE html>\n<html>", r"a web page \(HTML\)"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"a.csv" + bytes(252) + b"ustar\x0000", "a tar archive"),
        (bytes(2000), "bytes that no text has"),
        (bytes(range(256)) * 8, "bytes that no text has"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes, said: str, name: str) -> None:
    """One line says what the file is, packed or not."""
    for given in (content, gzip.compress(content)):
        with pytest.raises(InputError, match=said) as raised:
            read(tmp_path / name, given)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("name", ["BZhours", "PAR1", "ORCID", "Obj", "PK"])
def test_a_name_that_looks_like_a_signature(tmp_path: Path, name: str) -> None:
    """A header that begins with the letters of a format is a header."""
    content = f"{name},text,created_at\n1,hello,2026-11-23\n".encode()
    assert read(tmp_path / "in.csv", content, id_column=name) == [("1", "hello")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_break_inside_the_header(tmp_path: Path, end: str) -> None:
    """The header is parsed as rows are: a quoted name may go over several lines, and lines are counted on."""
    path = tmp_path / "in.csv"
    content = f'id,"customer{end}note",text,created_at{end}1,x,hello,2026-11-23{end}2,short{end}'.encode()
    assert read(path, content) == [("1", "hello"), ("#1", "undecodable")]
    assert details(path, content) == ["line 4 has 2 fields, the header has 4"]
    assert TextFile(str(path), "csv").columns == ["id", f"customer{end}note", "text", "created_at"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (r'1,"say \"hi\", ok",D|2,"C:\\dir \n",D|3,"q ""d""",D|', ['say "hi", ok', r"C:\dir \n", 'q "d"']),
        (r'1,"end\"",D|2,"b",D|3,"path C:\new",D|', ['end"', "b", r"path C:\new"]),
        (r'1,"C:\",D|2,"b",D|', ["C:\\", "b"]),
        (r'1,"\"all\"",D|2,"two|lines \"x\"",D|', ['"all"', 'two\nlines "x"']),
    ],
)
def test_quotes_with_a_backslash(tmp_path: Path, content: str, expected: list[str]) -> None:
    r"""Spark, MySQL and PostgreSQL write \" for a quote inside quotes; a backslash before anything else is text."""
    text = "id,text,created_at\n" + content.replace("D", "2026-11-23").replace("|", "\n").replace(
        "2026-11-23ir", "dir"
    )
    assert [found for _, found in read(tmp_path / "in.csv", text.encode())] == expected


def test_a_first_escaped_quote_far_down(tmp_path: Path) -> None:
    """A row with escaped quotes is read also where the first thousands of rows have none."""
    rows = '1,"x",2026-11-22\n' * 30_000
    late = '2,"say \\"hi\\", ok",2026-11-23\n3,"two\n \\"li, nes\\"",2026-11-23\n'
    assert read(tmp_path / "in.csv", f"id,text,created_at\n{rows}{late}".encode()) == [
        ("2", 'say "hi", ok'),
        ("3", 'two\n "li, nes"'),
    ]


def test_quotes_of_tab_separated_texts(tmp_path: Path) -> None:
    r"""Where fields of a tab-separated file begin with quotes that close nothing, quotes are text; \N is NULL."""
    content = 'id\ttext\tcreated_at\n1\t"To be" - W.\tD\n2\tsize 5"\tD\n3\t"half\tD\n4\t\\N\tD\n'
    assert read(tmp_path / "in.tsv.csv", content.replace("D", "2026-11-23").encode()) == [
        ("1", '"To be" - W.'),
        ("2", 'size 5"'),
        ("3", '"half'),
        ("4", "missing_text"),
    ]


def test_blanks_before_quotes(tmp_path: Path) -> None:
    """Where quotes come after a blank, the blank is none of the field."""
    content = b'id, text, created_at\n1, "hello, you", 2026-11-23\n2, b, 2026-11-23\n'
    assert read(tmp_path / "in.csv", content) == [("1", "hello, you"), ("2", "b")]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_header_of_a_file_that_was_joined(tmp_path: Path, mark: str) -> None:
    """Where files were joined, the next one's header is no record; a text that is a column's name is one."""
    content = f"id,text\n1,hello\n{mark}id,text\n2,b\n".encode()
    assert read(tmp_path / "in.csv", content) == [("1", "hello"), ("2", "b")]
    assert read(tmp_path / "in.csv", b"text\ntext\n", id_column="text") == [("text", "text")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('1,a,D,|2,"b,c",D,|3,"d|e",D,|', ["a", "b,c", "d\ne"]),
        ("1,a,D,,,|2,b,D|", ["a", "b"]),
        ("1,a,D|2,b,D,|", ["a", "b"]),
    ],
)
def test_rows_that_end_in_a_delimiter(tmp_path: Path, content: str, expected: list[str]) -> None:
    """Blank fields after the last column are none."""
    text = "id,text,created_at\n" + content.replace("D", "2026-11-23").replace("|", "\n")
    assert [found for _, found in read(tmp_path / "in.csv", text.encode())] == expected
    header = text.replace("created_at", "created_at,")
    assert [found for _, found in read(tmp_path / "in.csv", header.replace(",,,", ",").encode())] == expected


def test_a_comma_in_a_text_is_no_trailing_one(tmp_path: Path) -> None:
    """Where last columns are blank, a row with one field more may have a comma in its text: it is set aside."""
    content = b"id,created_at,text,note\n1,2026-11-23,a,\n2,2026-11-23,Hello, you,\n3,2026-11-23,b,x\n"
    assert read(tmp_path / "in.csv", content) == [("1", "a"), ("#1", "undecodable"), ("3", "b")]


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\n\r\n", b"sep=;\n", gzip.compress(b"", mtime=0)]
)
def test_a_file_of_nothing(tmp_path: Path, content: bytes) -> None:
    """A file without a header says that it is empty, and nothing else."""
    with pytest.raises(InputError, match="is empty: it holds neither a header nor a row"):
        read(tmp_path / "in.csv", content)


@pytest.mark.parametrize(
    "content", [b"id,text,created_at", b"id,text,created_at\n", b"\nid;text;created_at\r\n\r\n"]
)
def test_a_file_without_rows(tmp_path: Path, content: bytes) -> None:
    """A header alone is a day without records, not a column whose timestamps cannot be read."""
    with pytest.raises(EmptyPartition, match=r"holds no row$"):
        read(tmp_path / "in.csv", content)


def test_empty_files_among_good_ones(tmp_path: Path) -> None:
    """Files of nothing, and with a header alone, are passed over in a folder of files."""
    for name, content in (("0.csv", b""), ("1.csv", b"id,text,created_at\n"), ("2.csv", b"\n\n")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "3.csv").write_text(PLAIN, encoding="utf-8")
    source = Source.of(WorkloadSettings(), ("text",), location=str(tmp_path))
    assert [row.id for batch in open_partition(source, DAY).batches() for row in batch] == ["1", "2"]


def test_cr_in_a_field_without_quotes(tmp_path: Path) -> None:
    """Where lines end in LF it is part of the text, if the line has as many fields as the header; else the line is broken."""
    content = "id,text,created_at\n1,a\rb,2026-11-23\n2,b,2026-11-23\r3,c,2026-11-23\n4,d,2026-11-23\n"
    path = tmp_path / "in.csv"
    assert read(path, content.encode()) == [("1", "a\rb"), ("#1", "undecodable"), ("4", "d")]
    assert details(path, content.encode()) == ["line 3 has a carriage return outside of quotes"]
