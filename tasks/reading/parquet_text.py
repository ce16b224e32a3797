"""Values of Parquet as Python has them: a few kilobytes of a file may hold gigabytes, so they are measured and cut before."""

from collections.abc import Iterator, Sequence

import polars as pl

from tasks.reading.longest import CHUNK_CHARS, LEAST

CATEGORIES = (pl.Categorical, pl.Enum)
_BYTES = 4
"""Bytes of a character of UTF-8 at most."""
_MOST = 2**29
"""A limit above this many characters is none: polars counts bytes in 32 bits."""


def parts_of(rows: pl.DataFrame, columns: Sequence[str], limit: int) -> Iterator[pl.DataFrame]:
    """Yield rows so many at a time that not too much text is in these columns, whose longer texts will be cut."""
    named, most = dict.fromkeys(columns), _BYTES * min(limit, _MOST)
    weights = [_size(pl.col(name), rows.schema[name]).clip(upper_bound=most) for name in named]
    sizes = rows.select(pl.sum_horizontal(weights).alias("size")).to_series()
    if (sizes.sum() or 0) <= CHUNK_CHARS:
        yield rows
        return
    start = size = 0
    for place, one in enumerate(sizes):
        size += one
        if size >= CHUNK_CHARS:
            yield rows[start : place + 1]
            start, size = place + 1, 0
    if start < rows.height:
        yield rows[start:]


def values_of(column: pl.Series, limit: int) -> list[object]:
    """Return a column's values, each as `cut` makes it."""
    limit = min(max(limit, LEAST), _MOST)
    name, kind = column.name, column.dtype
    value = pl.col(name)
    if kind == pl.String and (column.str.len_bytes() > limit).any():
        long = value.str.len_bytes() > limit
        return _select(column, pl.when(long).then(value.str.head(limit + 1)).otherwise(value)).to_list()
    if kind == pl.Binary and (column.bin.size() > _BYTES * limit).any():
        return _select(column, value.bin.slice(0, _BYTES * limit + 1)).to_list()
    if kind.is_nested() or kind in CATEGORIES:  # text of the latter would be copied for each row
        heavy = _select(column, _size(value, kind) > limit)
        light = _select(column, pl.when(~pl.lit(heavy)).then(value))
        light = light.cast(pl.String) if kind in CATEGORIES else light
        stand_in = "\0" * (limit + 1) if heavy.any() else None
        return [stand_in if one else found for found, one in zip(light.to_list(), heavy, strict=True)]
    return column.to_list()


def _select(column: pl.Series, value: pl.Expr) -> pl.Series:
    return column.to_frame().select(value.alias(column.name)).to_series()


def _size(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return how much is in each value: the bytes of a text, and one for each thing that is none; of a list or a struct its members'."""
    if kind == pl.String:
        size = value.str.len_bytes()
    elif kind in CATEGORIES:
        size = value.cast(pl.Categorical).cat.len_chars()
    elif kind == pl.Binary:
        size = value.bin.size()
    elif isinstance(kind, pl.Array) and isinstance(kind.inner, pl.DataType):
        size = value.arr.to_list().list.eval(_size(pl.element(), kind.inner)).list.sum()
    elif isinstance(kind, pl.List) and isinstance(kind.inner, pl.DataType):
        size = value.list.eval(_size(pl.element(), kind.inner)).list.sum()
    elif isinstance(kind, pl.Struct):
        fields = [
            _size(value.struct.field(one.name), one.dtype)
            for one in kind.fields
            if isinstance(one.dtype, pl.DataType)
        ]
        size = pl.sum_horizontal(fields) if fields else pl.lit(1)
    else:
        size = pl.lit(1)
    return size.cast(pl.Int64).fill_null(0)
