"""Rows of a query as people read them."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import ColumnElement

from db.tables import RunRow
from models.economics.pricing import nano_to_usd
from models.run import EVALUATION


def to_readable(row: Mapping[str, object]) -> dict[str, object]:
    """Turn every `*_nano` into a `*_usd` of `Decimal` dollars (None stays None) and hashes into hex."""
    return {
        name.removesuffix("_nano") + "_usd" if name.endswith("_nano") else name: (
            to_dollars(value)
            if name.endswith("_nano")
            else value.hex()
            if isinstance(value, bytes)
            else value
        )
        for name, value in row.items()
    }


def to_dollars(nano: object) -> Decimal | None:
    """Turn nano-dollars, or the sum of them that a database gave, into dollars; None stays None."""
    return None if nano is None else nano_to_usd(int(str(nano)))


def ran_for(purpose: str) -> ColumnElement[bool]:
    """Take the runs of a purpose; `evaluation` is every engine of an evaluation."""
    return RunRow.purpose.startswith(EVALUATION) if purpose == EVALUATION else RunRow.purpose == purpose


def cut_to_line(message: str | None) -> str | None:
    """Cut a message to what a table's cell can hold."""
    return None if message is None else " ".join(message.split())[:500]
