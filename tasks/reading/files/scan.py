"""Parquet files as polars scans them."""

import polars as pl

from models.errors import InputError
from tasks.reading.cells import is_text
from tasks.reading.files.locate import HUGGING_FACE, Files


def scan_parquet(files: Files) -> pl.LazyFrame:
    """Return the rows of Parquet files, whose names are taken literally: patterns were matched before. Raises `InputError`."""
    if (name := next((path for path in files.paths if not is_text(path)), None)) is not None:
        msg = f"the name of {name!a} is not UTF-8: rename the file"
        raise InputError(msg)
    pattern = files.paths[0].startswith(HUGGING_FACE)
    return pl.scan_parquet(list(files.paths), glob=pattern, hive_partitioning=False)
