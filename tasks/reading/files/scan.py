"""Parquet files as polars scans them.

polars reads each column's type when it opens a file, also of columns that nobody wants, and panics where it knows
none. Both variables make it go on; they say nothing of what is read.
"""

import os
from collections.abc import Mapping, Sequence

import polars as pl

from models.errors import InputError
from tasks.reading.cells import is_text
from tasks.reading.files.locate import HUGGING_FACE

os.environ.setdefault("POLARS_IGNORE_TIMEZONE_PARSE_ERROR", "1")  # a zone such as +05:30
os.environ.setdefault("POLARS_IMPORT_INTERVAL_AS_STRUCT", "1")
pl.Config.reload_env_vars()


def scan_parquet(paths: Sequence[str], kinds: Mapping[str, pl.DataType] | None = None) -> pl.LazyFrame:
    """Return the rows of Parquet files, whose names are taken literally: patterns were matched before. Raises `InputError`.

    `kinds`: the columns that are read, which all files have of these types, whatever else they hold.
    """
    if (name := next((path for path in paths if not is_text(path)), None)) is not None:
        msg = f"the name of {name!a} is not UTF-8: rename the file"
        raise InputError(msg)
    return pl.scan_parquet(
        list(paths),
        glob=paths[0].startswith(HUGGING_FACE),
        hive_partitioning=False,
        schema=kinds,
        extra_columns="raise" if kinds is None else "ignore",
    )
