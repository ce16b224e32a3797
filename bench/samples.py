"""Records of the real data sets, cut to what one pass of a benchmark takes."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench import shops
from bench.passes import Sample
from bench.report import DATA

LONGEST = 1500  # characters of a record: none is too long for the model


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a workload's records come from, and how many make one pass of 10 to 30 s on two cores.

    `max_num_seqs` is the setting (None: the default). Long answers get a smaller one, so that a pass
    has several windows of records, as a real partition has.
    """

    file: str
    text_columns: tuple[str, ...]
    records: int
    where: str = "true"
    max_num_seqs: int | None = None


KINDS = {
    "enrichment": Kind("products.parquet", ("name", "description"), 32, "source IN ('abt', 'flipkart')", 8),
    "sentiment": Kind("tickets_sentiment.parquet", ("text",), 160),
    "classification": Kind("tickets_intent.parquet", ("text",), 160),
}


def available(workload: str, data: Path = DATA) -> bool:
    """Whether the data set of a workload (or of the records with shared prefixes) is there."""
    file = KINDS[workload].file if workload in KINDS else shops.FILE
    return (data / file).is_file()


def sample(workload: str, folder: Path, records: int | None = None, data: Path = DATA) -> Sample:
    """Write a seeded choice of distinct records to `folder`, in their order of arrival."""
    kind = KINDS[workload]
    path = folder / f"{workload}.parquet"
    columns = [pl.col(name) for name in kind.text_columns]
    (
        pl.scan_parquet(data / kind.file)
        .filter(pl.sql_expr(kind.where))
        .filter(*(column.is_not_null() for column in columns))
        .filter(pl.sum_horizontal(column.str.len_chars() for column in columns) < LONGEST)
        .unique(kind.text_columns, keep="first", maintain_order=True)
        .with_columns(id=pl.int_range(pl.len()).cast(pl.String))
        .select("id", *columns)
        .collect()
        .sample(records or kind.records, seed=7, shuffle=True)
        .write_parquet(path)
    )
    return Sample(workload, path, kind.text_columns)
