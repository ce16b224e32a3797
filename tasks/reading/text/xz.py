"""What is inside an xz file, in bounded memory: the file itself says how large a dictionary it needs, up to 4 GiB."""

import io
import lzma
from typing import IO, cast

_MEMORY = 320 * 2**20
"""Bytes that unpacking may need; what `xz -9` wrote needs 65 MiB."""
_CHUNK = 2**13


class XzFile(io.RawIOBase):
    """The bytes of one or several xz streams, as `lzma.open` reads them; what follows them and is none is left out."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stream = _stream()
        self._is_over = False

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: object) -> int:
        """Unpack some bytes; none at the end. Raises `LZMAError` and `EOFError`."""
        target = memoryview(cast("bytearray", buffer)).cast("B")
        while target and not self._is_over:
            packed, is_new = b"", False
            if self._stream.eof:
                packed, is_new = self._stream.unused_data or self._file.read(_CHUNK), True
                if not packed:
                    break
                self._stream = _stream()
            elif self._stream.needs_input and not (packed := self._file.read(_CHUNK)):
                msg = "it ends before what it holds is complete"
                raise EOFError(msg)
            try:
                some = self._stream.decompress(packed, len(target))
            except lzma.LZMAError as error:
                if "emory" in str(error):
                    size = f"{_MEMORY >> 20} MiB"
                    msg = f"it takes more than {size} of memory to unpack it: compress it with xz -9 or less"
                    raise lzma.LZMAError(msg) from error
                if not is_new:
                    raise
                self._is_over = True
                break
            if some:
                target[: len(some)] = some
                return len(some)
        return 0


def _stream() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_MEMORY)
