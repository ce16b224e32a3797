"""Parquet files as polars scans them."""

import polars as pl

from tasks.reading.files.locate import HUGGING_FACE, Files


def scan_parquet(files: Files) -> pl.LazyFrame:
    """Return the rows of Parquet files, whose names are taken literally: patterns were matched before."""
    pattern = files.paths[0].startswith(HUGGING_FACE)
    return pl.scan_parquet(list(files.paths), glob=pattern, hive_partitioning=False)
