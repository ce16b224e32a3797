"""Asks the ledger what its usage would have cost at other prices, and enters prices; no line is changed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Unpack

from db import reference
from db.line_filters import SummaryFilters
from db.repricing import list_prices, read_priced_usage
from db.rows import to_dollars, to_readable
from models.economics.candidates import Candidate, candidates_of
from models.economics.pricing import Price
from models.economics.repricing import PricedUsage, Repriced, cost_at, reprice
from models.economics.repricing_prices import RepricingPrices, parse_supposed_price
from models.errors import UsageError
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.table_layout import tell
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.ledger.queries import check_workload
from tasks.runtime.ledger_access import reading_ledger, writing_ledger

REPRICED = (
    *("attempts", "cost_usd", "repriced_usd", "difference_usd", "counterfactual_usd"),
    *("repriced_counterfactual_usd", "counterfactual_difference_usd", "upper_bound_usd", "estimated"),
    *("unknown",),
)
SPARE = (
    *("upper_bound_usd", "estimated", "unknown", "attempts", "counterfactual_difference_usd"),
    *("repriced_counterfactual_usd", "counterfactual_usd", "difference_usd", "repriced_usd"),
)
TOKENS_NOTE = (
    "note: candidates are priced on the tokens of the API's own model; another vendor's tokenizer, cache and reasoning "
    "count otherwise"
)
PRICES = (
    *("provider", "model", "effective_from", "effective_to", "version", "newest"),
    *("input_usd_per_mtok", "cached_input_usd_per_mtok", "cache_write_usd_per_mtok"),
    *("output_usd_per_mtok", "lines", "source"),
)


def show_repriced(
    settings: Settings,
    by: Sequence[str],
    prices: Sequence[str],
    *,
    save_from: date | None = None,
    output_format: TableFormat = "table",
    **filters: Unpack[SummaryFilters],
) -> None:
    """Print usage as it was written and at other prices; notes on what is not exact go to standard error.

    `prices` are as `parse_supposed_price` reads them; for every other model, and without any, the newest version
    of each dated price counts. `save_from` enters them into the ledger as prices that hold from that
    day on. Each candidate of the settings has a column for the same records, at once and in batches. Raises `UsageError` for a price or a column that cannot be.
    """
    supposed = [parse_supposed_price(text) for text in prices]
    if save_from is not None and not supposed:
        msg = "--save-from enters prices that are given: add --price MODEL=IN/OUT"
        raise UsageError(msg)
    with show_working("reading the ledger"), reading_ledger(settings) as session:
        known = [price for _, _, price in reference.read_prices(session)]
        book = RepricingPrices(known, supposed, settings.batch_discount)
        check_workload(session, settings, filters.get("workload"))
        groups = read_priced_usage(session, by, **filters)
    if save_from is not None:
        enter(settings, book.entered(save_from, f"{reference.ENTERED}{datetime.now(UTC).date()}"))
    repriced = {key: reprice(groups[key], book) for key in sorted(groups)}
    candidates = candidates_of(settings, datetime.now(UTC).date())
    rows = [
        dict(zip(by, key, strict=True)) | _amounts(one) | _at_candidates(groups[key], candidates)
        for key, one in repriced.items()
    ]
    write_rows(rows, [*by, *REPRICED, *candidate_columns(candidates)], output_format, spare=SPARE)
    for note in [*notes(list(repriced.values())), *([TOKENS_NOTE] if rows and candidates else [])]:
        tell(note)


def enter(settings: Settings, prices: Sequence[Price]) -> None:
    """Add prices to the ledger, each as a new version, and say so on standard error.

    Raises `DatabaseUnavailable`.
    """
    with writing_ledger(settings, create=False) as make_session, make_session.begin() as session:
        added = [reference.enter_price(session, price) for price in prices]
    for price, new in zip(prices, added, strict=True):
        what = "entered" if new else "there already"
        tell(f"{price.provider}/{price.model} from {price.effective_from}: {what}")


def show_prices(
    settings: Settings, *, model: str | None = None, output_format: TableFormat = "table"
) -> None:
    """Print the prices that the ledger knows, with all their versions."""
    with reading_ledger(settings) as session:
        rows = list_prices(session, model)
    write_rows(rows, PRICES, output_format, spare=("provider", "lines", "source", "newest", "version"))


def notes(repriced: Sequence[Repriced]) -> list[str]:
    """Name what is not exact in repriced sums; nothing where all is."""
    bounded, bound = sum(one.bounded for one in repriced), sum(one.upper_bound_nano for one in repriced)
    estimated, unknown = (sum(getattr(one, name) for one in repriced) for name in ("estimated", "unknown"))
    found = {
        f"attempts whose tokens nobody knows: {bounded}; {to_dollars(bound)} USD of the repriced cost is the most "
        "that they can have cost": bounded,
        f"attempts whose tokens or cost are an estimate: {estimated}": estimated,
        f"attempts that cannot be repriced, so that sums are unknown: {unknown}": unknown,
    }
    return [f"note: {note}" for note, count in found.items() if count]


def candidate_columns(candidates: Sequence[Candidate]) -> list[str]:
    """Name the columns of the candidates: at once, and in batches where they have them."""
    return [
        column
        for one in candidates
        for column in (f"{one.name}_usd", *([] if one.batch_prices is None else [f"{one.name}_batch_usd"]))
    ]


def _at_candidates(
    usage: Sequence[PricedUsage], candidates: Sequence[Candidate]
) -> dict[str, Decimal | None]:
    """Price the same records at each candidate, in dollars."""
    found = {f"{one.name}_usd": to_dollars(cost_at(usage, one.prices)) for one in candidates}
    batched = {
        f"{one.name}_batch_usd": to_dollars(cost_at(usage, one.batch_prices))
        for one in candidates
        if one.batch_prices is not None
    }
    return found | batched


def _amounts(repriced: Repriced) -> dict[str, object]:
    differences = {
        "difference_nano": repriced.difference_nano,
        "counterfactual_difference_nano": repriced.counterfactual_difference_nano,
    }
    return to_readable(asdict(repriced) | differences)
