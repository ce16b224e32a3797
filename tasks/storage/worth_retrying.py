"""Which of the rows that were set aside are worth asking for again."""

import polars as pl

from models.engines.api.replies import CONTENT_CODES
from models.records import AGAIN

RETRY = "retry"
"""The column of the quarantine file that says so."""
_FOR_GOOD = sorted({*CONTENT_CODES, "content_filter", "refusal"})


def worth_retrying() -> pl.Expr:
    """Say of a row, by reason and detail, whether it can be answered another time or with other settings.

    What the API refused with a status may be; what a content filter or the model itself refused is not, nor is a text that
    is too long, nor a row that was no record.
    """
    refused = (pl.col("reason") == "refused") & (pl.col("engine") == "openai")
    return pl.col("reason").is_in(sorted(AGAIN)) | (
        refused & pl.col("detail").is_in(_FOR_GOOD).not_().fill_null(value=False)
    )
