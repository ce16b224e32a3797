"""Shows what models cost by the prices that hold now: in every tier that is published, with source and date."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

from db.rows import to_dollars
from models.catalogue.hosted_models import find_hosted
from models.catalogue.published_prices import read_published
from models.economics.candidates import Candidate, candidates_of
from models.economics.price_changes import PriceChange
from models.economics.pricing import AMOUNTS, Price, nano_to_usd, price_on
from models.economics.published_prices import published_tiers
from models.errors import PriceUnknown
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.table_layout import tell
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.setup.update_prices import update_prices

COLUMNS = (
    *("name", "provider", "service", "above_input_tokens"),
    *("input_usd_per_mtok", "cached_input_usd_per_mtok", "cache_write_usd_per_mtok", "output_usd_per_mtok"),
    "source",
)
SPARE = (
    *("source", "provider", "cache_write_usd_per_mtok"),
    *("cached_input_usd_per_mtok", "above_input_tokens"),
)


def show_update(settings: Settings, source: str | None) -> None:
    """Fetch newer prices, and print on standard error what came of it."""
    with show_working("fetching prices"):
        updated = update_prices(settings, source)
    lines = [
        f"prices of {updated.models:,} models of {updated.providers} providers from {updated.origin}, in {updated.path}",
        *(describe_change(change) for change in updated.changes),
    ]
    if not updated.changes:
        lines.append("no price of the API's model or of a candidate has changed")
    for line in lines:
        tell(line)


def describe_change(change: PriceChange) -> str:
    """Say in one line what a price was and what it is, dollars per million tokens."""
    return f"{change.provider}/{change.model}: {_amounts(change.before)} before, {_amounts(change.now)} now"


def show_published(
    settings: Settings, model: str | None = None, output_format: TableFormat = "table"
) -> None:
    """Print what a model costs today, or the API's model and the candidates; where from is said on standard error.

    Raises `PriceUnknown` for a model without a price.
    """
    today = datetime.now(UTC).date()
    names = (settings.api_model, *settings.api_candidates) if model is None else (model,)
    chosen = settings.model_copy(update={"api_candidates": names})
    rows = [row for one in candidates_of(chosen, today) for row in _rows(one, settings, today)]
    write_rows(rows, COLUMNS, output_format, spare=SPARE)
    published = read_published(settings.cache_dir)
    origin = "" if published.origin is None else f", from {published.origin}"
    tell(f"published prices: {published.source}{origin}; `breakeven prices update` fetches newer ones")


def _rows(one: Candidate, settings: Settings, today: date) -> Iterator[dict[str, object]]:
    """Yield what a candidate is compared at, then the tiers of service that are published and never taken."""
    yield from _by_hour(one, "at once", price_on(one.prices, today))
    if one.batch_prices is not None:
        yield from _by_hour(one, "batch", price_on(one.batch_prices, today))
    if find_hosted(one.name) is not None or one.prices[0].source.startswith("settings"):
        return
    try:
        tiers = published_tiers(one.model, one.provider, settings.cache_dir, today=today)
    except PriceUnknown:
        return
    for tier in tiers:
        if tier.above or tier.service not in {"standard", "batch"}:
            service = "at once" if tier.service == "standard" else tier.service
            yield _row(one, service, tier.above, tier.price)


def _by_hour(one: Candidate, service: str, price: Price) -> Iterator[dict[str, object]]:
    """Yield the price, the highest of the day, then those of the hours in which another one is asked."""
    yield _row(one, service, 0, price)
    for hour in price.hours:
        begins, ends = (f"{second // 3600:02}:{second // 60 % 60:02}" for second in (hour.start, hour.end))
        amounts = {name: getattr(hour, name) for name in AMOUNTS}
        yield _row(one, f"{service}, {begins}-{ends} UTC", 0, replace(price, **amounts, hours=()))


def _row(one: Candidate, service: str, above: int, price: Price) -> dict[str, object]:
    return {
        "name": one.name,
        "provider": one.provider,
        "service": service,
        "above_input_tokens": above,
        "input_usd_per_mtok": to_dollars(price.input_nano_per_mtok),
        "cached_input_usd_per_mtok": to_dollars(price.cached_input_nano_per_mtok),
        "cache_write_usd_per_mtok": to_dollars(price.cache_write_nano_per_mtok),
        "output_usd_per_mtok": to_dollars(price.output_nano_per_mtok),
        "source": price.source,
    }


def _amounts(price: Price) -> str:
    """Write what a price asks, with the parts that not every price has."""
    cached, written = price.cached_input_nano_per_mtok, price.cache_write_nano_per_mtok
    parts = [
        f"{word} {_usd(nano)}"
        for word, nano in (("cached", cached), ("written", written))
        if nano is not None
    ]
    more = f" ({', '.join(parts)})" if parts else ""
    longer = [
        f"; above {one.above_tokens:,} tokens {_usd(one.input_nano_per_mtok)} in, {_usd(one.output_nano_per_mtok)} out"
        for one in price.long_prompts
    ]
    asked, given = _usd(price.input_nano_per_mtok), _usd(price.output_nano_per_mtok)
    return f"{asked} in{more}, {given} out{''.join(longer)}"


def _usd(nano: int) -> str:
    return f"${nano_to_usd(nano).normalize():f}"
