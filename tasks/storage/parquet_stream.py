"""Streams data frames into one Parquet file: one frame is in memory at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

ROW_GROUP = 50_000


def stream_frames(frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return a lazy frame over frames of one schema; each is taken when it is needed, once."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del predicate, n_rows, batch_size  # a sink of the whole frame asks for none of them
        for frame in frames:
            yield frame if with_columns is None else frame.select(with_columns)

    return register_io_source(source, schema=pl.Schema(schema))


def sink(frame: pl.LazyFrame, path: Path, about: dict[str, str] | None = None) -> None:
    """Write a lazy frame to a Parquet file, in its order, row group by row group; `about` goes into its metadata."""
    frame.sink_parquet(
        path, compression="zstd", row_group_size=ROW_GROUP, maintain_order=True, metadata=about
    )
