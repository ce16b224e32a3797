"""What a file is that was to be text and is not: told by its first bytes, so that one line can say it."""

_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive: unpack it"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Office document (an Excel workbook, .xls): save it as CSV UTF-8",
    ),
    (b"PAR1\x15", "a Parquet file: let its name end in .parquet"),
    (b"Obj\x01", "an Avro file: convert it to Parquet"),
    (b"ARROW1\x00\x00", "an Arrow (Feather) file: convert it to Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream: convert it to Parquet"),
    (b"SQLite format 3\x00", "an SQLite database: read it by query and query_url"),
    (b"%PDF-", "a PDF document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4: use gzip, bzip2, xz or Zstandard"),
    (b"\xff\x06\x00\x00sNaPpY", "compressed with Snappy: use gzip, bzip2, xz or Zstandard"),
    (b"\x89LZO\x00", "compressed with LZO: use gzip, bzip2, xz or Zstandard"),
    (b"\x5d\x00\x00\x80\x00\xff\xff", "compressed with old LZMA: use gzip, bzip2, xz or Zstandard"),
    (b"\x1f\x9d", "compressed with compress (.Z): use gzip, bzip2, xz or Zstandard"),
    (b"\x93NUMPY", "a NumPy array: convert it to Parquet"),
    (b"\x89HDF\r\n", "an HDF5 file: convert it to Parquet"),
    (b"\x80\x04\x95", "a Python pickle: convert it to Parquet"),
    (b"\x80\x05\x95", "a Python pickle: convert it to Parquet"),
    (b"{\\rtf", "a rich text document: save it as CSV UTF-8"),
    (b"version https://git-lfs.github.com/", "a Git LFS pointer: fetch the file itself (git lfs pull)"),
    (b"-----BEGIN PGP MESSAGE", "encrypted (PGP): decrypt it"),
)
_ZIPPED = (
    (b"xl/", "an Excel workbook (.xlsx): save it as CSV UTF-8"),
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods): save it as CSV"),
    (b"[Content_Types].xml", "an Office document (an Excel workbook, .xlsx): save it as CSV UTF-8"),
)
_MARKUP = (
    (b"<!doctype html", "a web page (HTML), perhaps a page to log in: download the file itself"),
    (b"<html", "a web page (HTML), perhaps a page to log in: download the file itself"),
    (b"<?xml", "XML: convert it to CSV or JSON lines"),
    (b"<error>", "the error message of an object store (XML): look at its permissions"),
)
_TAR_AT = 257
_ODD = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\x01\x1b\x1c\x1d\x1e\x1f")
"""Control characters that text has no use for; separators (\\x01, \\x1c to \\x1f) are not among them."""
_ODD_SHARE = 0.02


def foreign_kind(head: bytes) -> str | None:
    """Say what a file is by its first bytes, and what to do about it; None for what can be text."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            zipped = next((said for mark, said in _ZIPPED if mark in head), kind)
            return zipped if signature.startswith(b"PK\x03") else kind
    if head.startswith(b"ORC") and b"\0" in head:
        return "an ORC file: convert it to Parquet"
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive: unpack it"
    start = head[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for mark, kind in _MARKUP if start.startswith(mark)), None)


def is_binary(head: bytes) -> bool:
    """Whether bytes are no text in any encoding that is known by bytes: not UTF-8, and full of control characters."""
    odd = sum(byte in _ODD for byte in head)
    if odd <= _ODD_SHARE * len(head):
        return False
    try:
        head[:-4].decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in head and odd > 10 * _ODD_SHARE * len(head)
