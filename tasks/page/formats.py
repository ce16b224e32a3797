"""Figures as people read them: unknown is said, and nothing that cost something looks free."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

UNKNOWN = "unknown"
TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
FINEST = 9
"""Decimal places of a nano-dollar, the smallest amount there is."""


def dollars(amount: Decimal | None) -> str:
    """Write dollars: to the cent from one dollar on, below to three significant digits, at least to the cent.

    $1,234.57, $0.50, $0.0399, $0.00000028. None is `unknown`.
    """
    if amount is None:
        return UNKNOWN
    size = abs(amount)
    places = 2 if size >= 1 or not size else min(FINEST, max(2, 2 - size.adjusted()))
    whole, _, fraction = f"{size:,.{places}f}".partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def rate(amount: Decimal | None) -> str:
    """Write the price of something in all its digits, at least to the cent: $1.006, $0.15. None is `unknown`."""
    if amount is None:
        return UNKNOWN
    whole, _, fraction = f"{amount:,f}".partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def number(count: int | None) -> str:
    """Write a count with its thousands told apart; None is `unknown`."""
    return UNKNOWN if count is None else f"{count:,}"


def tokens(row: Mapping[str, object], name: str) -> str:
    """Write one of a row's `TOKENS`; nothing that cost nothing has used any, which is not the same as unknown."""
    count = row[name]
    if count is None and row["cost_usd"] is not None and not row["cost_usd"]:
        return "-"
    return UNKNOWN if count is None else f"{count:,}"


def share(part: Decimal | int | None, whole: Decimal | int | None) -> str:
    """Write a part in per cent of the whole, to a tenth; what is there is never 0 %, what is missing never 100 %."""
    if part is None or whole is None:
        return UNKNOWN
    if not whole:
        return "-"
    percent = Decimal(part) * 100 / Decimal(whole)
    if 0 < percent < Decimal("0.05"):
        return "< 0.1 %"
    if Decimal("99.95") <= percent < 100:  # noqa: PLR2004  per cent
        return "> 99.9 %"
    return f"{percent:.1f} %"


def moment(at: datetime | None) -> str:
    """Write a time to the second, in UTC; None is a dash."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def period(since: date | None, until: date | None) -> str:
    """Write the days from `since` to `until`, both inclusive; None is open."""
    if since is None and until is None:
        return "all days"
    if since == until:
        return f"{since}"
    return f"{since or 'the beginning'} to {until or 'today'}"


def plural(count: int, one: str, many: str) -> str:
    """Write a count with its noun: 1 line, 2 lines."""
    return f"{count:,} {one if count == 1 else many}"
