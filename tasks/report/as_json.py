"""The report as JSON: all figures, for programs. Money is decimal strings of dollars, in all digits.

Keys are those of `models.economics.figures`, with units that programs read: `*_nano` becomes `*_usd` (a string),
`*_ns` becomes `*_s` (a string of seconds), a ratio is a string with twelve digits that count, a day is
`YYYY-MM-DD`, unknown is null. `schema_version` grows when a key is renamed, removed or changes its meaning; new keys may come.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

from models.economics.figures import MonthFigures, UnitCosts
from tasks.report import contents
from tasks.report.document import MonthReport

SCHEMA_VERSION = 1
Json = dict[str, "Json"] | list["Json"] | str | int | bool | None

_NANO_DIGITS = 9
_RATIO = Context(prec=12)


def document(report: MonthReport) -> dict[str, Json]:
    """Return the whole report: which version it is, its words in short, all figures, and what they stand on."""
    page = contents.page(report)
    return {
        "schema_version": SCHEMA_VERSION,
        "month": f"{report.figures.month:%Y-%m}",
        "version": report.version,
        "created_at": report.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "software": report.software,
        "fingerprint": report.fingerprint,
        "changes": list(report.changes),
        "answer": report.figures.verdict.answer,
        "verdict": page.verdict,
        "notes": [
            {"weight": item.mark, "text": item.text}
            for section in page.sections
            if section.key == "notes"
            for item in section.items
        ],
        "figures": figures(report.figures),
        "terms": {
            "infrastructure": [plain(one) for one in report.inputs.terms],
            "labour": [plain(one) for one in report.inputs.labour],
            "references": [plain(one) for one in report.inputs.references],
            "bill_usd": plain_nano(report.inputs.bill_nano),
        },
    }


def figures(figures: MonthFigures) -> dict[str, Json]:
    """Return the figures alone."""
    return dict(_members(figures))


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
        return dict(_members(value))
    msg = f"{type(value).__name__} has no form in JSON"
    raise TypeError(msg)


def plain_nano(nano: int | None) -> str | None:
    """Turn nano-dollars, or nanoseconds, into a decimal string of dollars, or seconds, without idle zeros."""
    if nano is None:
        return None
    text = format(Decimal(nano).scaleb(-_NANO_DIGITS), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_ratio(value: Fraction) -> str:
    """Turn a ratio into a decimal string with at most twelve digits that count."""
    text = format(_RATIO.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _members(value: "DataclassInstance") -> Iterator[tuple[str, Json]]:
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
