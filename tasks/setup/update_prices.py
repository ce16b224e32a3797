"""Takes newer published prices into the cache folder: checked before they stand there, and whole or not at all."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from genai_prices.update_prices import DEFAULT_UPDATE_URL

from models.catalogue.published_prices import pack, parse_providers, stored_path
from models.economics.candidates import candidates_of
from models.economics.price_changes import PriceChange, find_price_changes, prices_in_force
from models.economics.pricing import Price, batch_prices, prices_of
from models.engines.api.fetch import RedirectedElsewhere, fetch
from models.engines.api.reply_limits import ReplyTooLarge, parse_json
from models.errors import BreakevenError, UsageError
from models.private_files import create_file, make_folder
from models.settings import Settings
from tasks.runtime.atomic_files import output_errors, replace_file

MOST_BYTES = 64 * 2**20
SECONDS = 30.0
"""Largest data that are taken, and how long they may take to come."""
STAYS = "what was known stays"
CACHE_SETTING = "BREAKEVEN_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update took, from where, and which prices in use it changed."""

    providers: int
    models: int
    origin: str
    path: Path
    changes: tuple[PriceChange, ...]


def update_prices(settings: Settings, source: str | None = None) -> Updated:
    """Fetch price data from a file or an address, check them, and let all later commands use them.

    Without `source` they come from the package's own address. Raises `UsageError` for data that are not fit, and
    `BreakevenError` where they cannot be had; then what was known stays.
    """
    origin = _shown(source or DEFAULT_UPDATE_URL)
    raw = _parse(_fetch(source or DEFAULT_UPDATE_URL), origin)
    try:
        providers = parse_providers(raw)
    except UsageError as error:
        raise _unfit(origin, str(error)) from error
    today = datetime.now(UTC).date()
    packed, path = pack(raw, today, origin), stored_path(settings.cache_dir)
    now = _prices_with(packed, settings, origin)
    try:
        before = prices_in_use(settings)
    except UsageError:  # damaged, or without a price: newer data may mend it
        before = []
    with replace_file(path, CACHE_SETTING) as temporary:
        temporary.write_bytes(packed)
    changes = find_price_changes(prices_in_force(before, today), prices_in_force(now, today))
    models = sum(len(provider.models) for provider in providers)
    return Updated(len(providers), models, origin, path, tuple(changes))


def prices_in_use(settings: Settings) -> list[Price]:
    """Return the prices of the API's model and of the candidates, at once and in batches.

    Raises `PriceUnknown` and `UsageError` as `prices_of` and `candidates_of` do.
    """
    own = prices_of(settings)
    candidates = candidates_of(settings, datetime.now(UTC).date())
    return [
        *own,
        *batch_prices(own, settings.batch_discount),
        *(price for one in candidates for price in (*one.prices, *(one.batch_prices or ()))),
    ]


def _prices_with(packed: bytes, settings: Settings, origin: str) -> list[Price]:
    """Return the prices in use as new data have them: a model in use that they do not price makes them unfit."""
    with output_errors(settings.cache_dir, CACHE_SETTING):
        make_folder(settings.cache_dir)
        with tempfile.TemporaryDirectory(prefix="prices-", dir=settings.cache_dir) as folder:
            trial = stored_path(Path(folder))
            make_folder(trial.parent)
            with create_file(trial) as file:
                file.write(packed)
            try:
                return prices_in_use(settings.model_copy(update={"cache_dir": Path(folder)}))
            except UsageError as error:
                raise _unfit(origin, str(error)) from error


def _fetch(source: str) -> bytes:
    if _is_address(source):
        return _download(source)
    try:
        path = Path(source)
        if path.stat().st_size > MOST_BYTES:
            raise _unfit(source, "it is too large")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
        msg = f"the price data {source} cannot be read ({reason}); {STAYS}"
        raise UsageError(msg) from None


def _download(url: str) -> bytes:
    origin = _shown(url)
    try:
        reply = fetch(url, seconds=SECONDS, most_bytes=MOST_BYTES, redirects=True)
    except ReplyTooLarge:
        raise _unfit(origin, "it is too large") from None
    except httpx2.HTTPError as error:
        reason = "redirected elsewhere" if isinstance(error, RedirectedElsewhere) else type(error).__name__
    else:
        if reply.is_success:
            return reply.content
        reason = f"HTTP {reply.status_code}"
    msg = (
        f"the price data of {origin} cannot be had ({reason}); {STAYS}; a copy from a machine with a network is taken with "
        "`breakeven prices update --from FILE`"
    )
    raise BreakevenError(msg)


def _parse(content: bytes, origin: str) -> object:
    try:
        return parse_json(content)
    except ReplyTooLarge:
        raise _unfit(origin, "it has too many values") from None
    except ValueError:
        raise _unfit(origin, "it is no JSON") from None


def _unfit(origin: str, why: str) -> UsageError:
    return UsageError(f"the price data of {origin} are not fit: {why}; {STAYS}")


def _shown(source: str) -> str:
    """Return an address without user, password and query, which may hold a secret; a path as it is."""
    if not _is_address(source):
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        msg = f"--from is no address that can be read; {STAYS}"
        raise UsageError(msg) from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_address(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))
