"""Made-up customer messages, any number of them, from a seed."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import polars as pl

TALK = (
    "the flight was late again and nobody at the desk could say why my bag is still in Denver please refund "
    "great crew thank you so much for helping us today I have been waiting on hold since noon is there any "
    "way to change seats without paying twice your new app keeps signing me out after every search"
)
ROWS_AT_ONCE = 50_000
LENGTHS = (8, 28)  # words of a message: about 40 to 150 characters


def write_messages(path: Path, rows: int, seed: int = 0) -> None:
    """Write a Parquet file with the columns `id` and `text`; nearly all texts are distinct."""
    random = Random(seed)  # noqa: S311  no secret is made of it
    words = TALK.split()
    parts = [
        pl.LazyFrame(
            {
                "id": [f"message-{number}" for number in range(start, min(start + ROWS_AT_ONCE, rows))],
                "text": [message(random, words) for _ in range(start, min(start + ROWS_AT_ONCE, rows))],
            }
        )
        for start in range(0, rows, ROWS_AT_ONCE)
    ]
    pl.concat(parts).sink_parquet(path, compression="zstd", row_group_size=ROWS_AT_ONCE)


def message(random: Random, words: Sequence[str]) -> str:
    """Make one message."""
    return " ".join(random.choices(words, k=random.randint(*LENGTHS)))
