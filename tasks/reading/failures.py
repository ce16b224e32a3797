"""What is said where an input cannot be read."""

import csv
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from backports import zstd
from obstore.exceptions import BaseError as StoreError

from models.errors import InputError

_FAILURES = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    csv.Error,
    UnicodeError,
    OverflowError,
    RecursionError,
    MemoryError,
    StoreError,
    pl.exceptions.PolarsError,
)


@contextmanager
def input_errors(name: str) -> Iterator[None]:
    """Turn a failure to read into one clear `InputError` that names the file."""
    try:
        yield
    except _FAILURES as error:
        raise _cannot_read(name, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of polars and obstore; it is no `Exception`
            raise
        raise _cannot_read(name, error) from error


def _cannot_read(name: str, error: BaseException) -> InputError:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"cannot read {name}: {reason}")
