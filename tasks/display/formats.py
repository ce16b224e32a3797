"""The forms in which figures are printed."""

from typing import Literal

TableFormat = Literal["table", "csv", "raw-csv", "json", "parquet"]
"""A table for people, or every column for programs. `raw-csv`: without the apostrophe before what a spreadsheet computes."""
DocumentFormat = Literal["text", "markdown", "json", "html"]
"""A report on the terminal, or the document itself."""
