"""Exact numbers as options: what is no number is one clear line, whatever else is loaded."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

from cyclopts import Parameter, Token


def parse_decimal(_: type, tokens: Sequence[Token]) -> Decimal:
    """Read a decimal number. Raises `ValueError`, which names what was written, for anything else."""
    written = tokens[0].value
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        msg = f"{written!r} is no number"
        raise ValueError(msg)
    return number


Number = Annotated[Decimal, Parameter(converter=parse_decimal)]
