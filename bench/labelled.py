"""Labelled records of the real data sets: one half to develop prompts and priors on, the other to report on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Literal

import polars as pl

from bench.report import DATA

Half = Literal["develop", "report"]

SENTIMENT = DATA / "tickets_sentiment.parquet"
INTENTS = DATA / "tickets_intent.parquet"
PRODUCTS = DATA / "products.parquet"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A record's text and its gold label."""

    text: str
    label: str


def half_of(text: str) -> Half:
    """Tell to which half a text belongs; by its hash, so that it never changes sides."""
    return "develop" if blake2b(text.encode(), digest_size=1).digest()[0] & 1 else "report"


def read(path: Path, label_column: str, half: Half) -> list[Labelled]:
    """Read one half of a labelled file, each text once, in the file's order."""
    rows = pl.read_parquet(path, columns=["text", label_column]).unique(
        "text", keep="first", maintain_order=True
    )
    return [Labelled(*row) for row in rows.iter_rows() if half_of(row[0]) == half]


def natural(records: list[Labelled], size: int, seed: int) -> list[Labelled]:
    """Draw records as they come."""
    return Random(seed).sample(records, size)  # noqa: S311  no secret is made of it


def balanced(records: Iterable[Labelled], per_label: int, seed: int) -> list[Labelled]:
    """Draw equally many records of every label."""
    by_label: dict[str, list[Labelled]] = defaultdict(list)
    for record in records:
        by_label[record.label].append(record)
    random = Random(seed)  # noqa: S311  no secret is made of it
    return [one for label in sorted(by_label) for one in random.sample(by_label[label], per_label)]


def product_texts(per_source: int, seed: int, half: Half) -> list[str]:
    """Draw product texts (name and description) of the two sources that have descriptions of their own."""
    rows = pl.read_parquet(PRODUCTS, columns=["source", "name", "description"]).drop_nulls()
    random = Random(seed)  # noqa: S311  no secret is made of it
    texts = []
    for source in ("abt", "flipkart"):
        of_source = rows.filter(pl.col("source") == source)
        joined = [f"{name}\n{text}" for _, name, text in of_source.iter_rows()]
        texts += random.sample([text for text in joined if half_of(text) == half], per_source)
    return texts
