"""Figures as plain JSON values: nano-dollars and nanoseconds become decimal strings, ratios keep twelve digits that count."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from models.economics.past_month import UnitCosts
from tasks.documents.amounts import NANO_DIGITS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = dict[str, "Json"] | list["Json"] | str | int | bool | None


_RATIO = Context(prec=12)


def plain(value: object) -> Json:
    """Turn a value of the figures into what JSON holds. Raises `TypeError` for anything that is none."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Fraction):
        return plain_ratio(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return dict(list_members(value))
    msg = f"{type(value).__name__} has no form in JSON"
    raise TypeError(msg)


def plain_nano(nano: int | None) -> str | None:
    """Turn nano-dollars, or nanoseconds, into a decimal string of dollars, or seconds, without idle zeros."""
    if nano is None:
        return None
    text = format(Decimal(nano).scaleb(-NANO_DIGITS), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_ratio(value: Fraction) -> str:
    """Turn a ratio into a decimal string with at most twelve digits that count."""
    text = format(_RATIO.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def list_members(value: "DataclassInstance") -> Iterator[tuple[str, Json]]:
    """Yield the members of a dataclass under the names and in the form that JSON has for them."""
    for field in fields(value):
        name, member = field.name, getattr(value, field.name)
        words = name.split("_")
        if isinstance(value, UnitCosts):
            yield f"{name}_usd", plain_nano(member)
        elif "nano" in words:
            yield "_".join("usd" if word == "nano" else word for word in words), plain_nano(member)
        elif words[-1] == "ns":
            yield f"{name[:-1].removesuffix('_n')}_s", plain_nano(member)
        else:
            yield name, plain(member)
