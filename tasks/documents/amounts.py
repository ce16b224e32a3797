"""Amounts, shares and counts as people read them.

Dollars are shown to the cent. An amount that is smaller than a cent keeps two digits that are not zero, so that
nothing that costs looks free; only what is exactly zero is shown as `$0.00`. What is not known is `unknown`.
"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from models.economics.pricing import NANO
from models.gpu_time import NS_PER_SECOND

UNKNOWN = "unknown"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
CENT = 10_000_000
NANO_DIGITS = 9
_MINUTE, _HOUR = 60, 3600
_THOUSAND = 1000


def usd(nano: int | None) -> str:
    """Render nano-dollars as dollars: `$1,234.56`, `$0.0042`; None as `unknown`."""
    if nano is None:
        return UNKNOWN
    sign = MINUS if nano < 0 else ""
    amount = Decimal(abs(nano)).scaleb(-NANO_DIGITS)
    if 0 < abs(nano) < CENT:
        return f"{sign}${_two_digits(amount)}"
    return f"{sign}${amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def rate(nano: int | None) -> str:
    """Render a price of something in all its digits, at least to the cent: `$1.006`, `$250.00`."""
    if nano is None:
        return UNKNOWN
    exact = Decimal(nano).scaleb(-NANO_DIGITS).normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{MINUS if nano < 0 else ''}${abs(exact):,.{places}f}"


def unit_usd(nano: int | None) -> str:
    """Render the cost of one unit, to the cent and in three digits that count at least: `$12.40`, `$0.0435`."""
    if not nano or abs(nano) >= NANO:
        return usd(nano)
    amount = _three_digits(Fraction(abs(nano), NANO))
    return f"{MINUS if nano < 0 else ''}${amount[:4]}{amount[4:].rstrip('0')}"


def difference(nano: int | None) -> str:
    """Render a difference with its sign, plus or minus: `+$3.10`."""
    return usd(nano) if nano is None or nano <= 0 else f"+{usd(nano)}"


def percent(share: Fraction | None) -> str:
    """Render a share: `42%`, `0.4%`, `less than 0.1%`; never one that exists as 0%, or one that lacks something as 100%."""
    if share is None:
        return UNKNOWN
    hundredth = abs(share) * 100
    sign = MINUS if share < 0 else ""
    if 0 < hundredth < Fraction(1, 10):
        return "less than 0.1%"
    if hundredth < 10 and hundredth.denominator != 1:  # noqa: PLR2004  two digits are enough for people
        return f"{sign}{_rounded(hundredth, 1)}%"
    if 99 < hundredth < 100:  # noqa: PLR2004  what is not all of it is not shown as all
        return (
            f"{sign}{_rounded(hundredth, 1)}%"
            if hundredth < Fraction(9995, 100)
            else f"more than {sign}99.9%"
        )
    return f"{sign}{_rounded(hundredth, 0)}%"


def times(factor: Fraction | None) -> str:
    """Render a factor with three digits that count, as `2.41` and the sign of multiplication."""
    if factor is None:
        return UNKNOWN
    if factor <= 0:
        return f"0{TIMES}" if factor == 0 else f"{MINUS}{times(-factor)}"
    return f"{number(factor)}{TIMES}"


def count(amount: int | None) -> str:
    """Render a count with separators: `12,345`."""
    return UNKNOWN if amount is None else f"{amount:,}"


def short_count(amount: int | Fraction) -> str:
    """Render a count in three digits, for axes and phones: `950`, `12.4k`, `3.1M`, `2B`."""
    value, unit = Fraction(amount), ""
    for unit in ("", "k", "M", "B", "T"):  # noqa: B007  the unit that the loop ends with
        if abs(value) < _THOUSAND - Fraction(1, 2):
            break
        value /= _THOUSAND
    else:
        value *= _THOUSAND
    return f"{number(value)}{unit}"


def hours(ns: int | None) -> str:
    """Render a duration in hours; below one hour in minutes, below one minute in seconds."""
    if ns is None:
        return UNKNOWN
    seconds = Fraction(ns, NS_PER_SECOND)
    if seconds < 0:
        return f"{MINUS}{hours(-ns)}"
    if 0 < seconds < _MINUTE:
        return f"{number(seconds)} s" if seconds >= Fraction(1, 1000) else "less than 0.001 s"
    if 0 < seconds < _HOUR:
        return f"{decimal(seconds / _MINUTE, 1)} min"
    return f"{decimal(seconds / _HOUR, 1)} h"


def decimal(value: Fraction, places: int) -> str:
    """Render a number rounded half up to at most so many places: `6.4`, `12`, `1,204`."""
    text = f"{MINUS if value < 0 else ''}{_rounded(abs(value), places)}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: Fraction) -> str:
    """Render a number that is not negative with three digits that count, without idle zeros: `2`, `0.0042`."""
    text = _three_digits(value) if value else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(amount: int, one: str, many: str | None = None) -> str:
    """Join a count and its noun: `1 record`, `2 records`, `0 records`."""
    return f"{amount:,} {one if amount == 1 else many or f'{one}s'}"


def join_words(items: list[str]) -> str:
    """Join items as prose does: `a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _two_digits(amount: Decimal) -> str:
    places = -amount.adjusted() + 1
    return format(amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP).normalize(), "f")


def _three_digits(value: Fraction) -> str:
    """Render a positive value with at least three digits that count: 1,240; 12.4; 0.00125."""
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    places = max(0, 2 - decimal.adjusted())
    return _rounded(value, places)


def _rounded(value: Fraction, places: int) -> str:
    """Round half up, exactly, with separators."""
    scaled = value * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return f"{Decimal(whole).scaleb(-places):,.{places}f}"
