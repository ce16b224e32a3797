"""What a thousand records of each workload would cost on the API at today's price: `breakeven doctor --api`."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from models import workloads
from models.doctor import SetupCheck
from models.economics.pricing import half_up, nano_to_usd
from models.economics.quote import PartitionQuote
from models.engines.api.permit import ApiPermit
from models.errors import BreakevenError
from models.routing.policy import Policy
from models.run import TRIAL
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.planning.checks import source_of
from tasks.planning.request import RunRequest
from tasks.reading.input_cache import InputCache
from tasks.reading.newest import newest_dates
from tasks.setup.api_probe import probe_request

THOUSAND = 1_000


def cost_thousands(name: str, settings: Settings, *, batches: bool) -> list[SetupCheck]:
    """Price a thousand records of each configured workload that may use the API; of `name` where none is configured.

    No record is sent. `batches`: the endpoint has them.
    """
    own = settings.model_copy(update={"api_mode": "sync"})
    return [
        check
        for one in [*settings.workloads] or [name]
        if (check := cost_thousand(one, own, batches=batches)) is not None
    ]


def cost_thousand(name: str, settings: Settings, *, batches: bool) -> SetupCheck | None:
    """Price a thousand records like the newest of a workload's input, or like the probe's where it has none; None where they stay."""
    title = f"1,000 of {name}"
    try:
        workload = workloads.build(name, settings)
        if ApiPermit.of(workload) is None:
            return None
        own = settings.workload(name)
        quote, like = (
            _quote_input(name, settings)
            if own.input or own.query
            else (_quote_text(name, settings), "a short text, since no input is set")
        )
    except BreakevenError as error:
        return SetupCheck(title, "warn", "unknown", str(error))
    if not quote.records:
        return SetupCheck(
            title, "warn", "unknown", "its input has no record: `breakeven forecast` takes lengths"
        )
    at_once, in_batches = (
        half_up(Fraction(nano * THOUSAND, quote.records)) for nano in (quote.api_nano, quote.batch_nano)
    )
    or_less = f", ${nano_to_usd(in_batches):.6f} in batches" if batches else ""
    return SetupCheck(title, "ok", f"${nano_to_usd(at_once):.6f} at once{or_less}, like {like}")


def _quote_input(name: str, settings: Settings) -> tuple[PartitionQuote, str]:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    ask = RunRequest(name, yesterday, limit=THOUSAND, rerun=True, engine="openai", purpose=TRIAL)
    source = source_of(workloads.build(name, settings), ask, Policy(), InputCache.of(settings))
    found = newest_dates(source, yesterday)
    day = found[-1] if found else yesterday
    quote = quote_partition(
        RunRequest(name, day, limit=THOUSAND, rerun=True, engine="openai", purpose=TRIAL), settings
    )
    return quote, f"{quote.records:,} records of {day}"


def _quote_text(name: str, settings: Settings) -> PartitionQuote:
    with probe_request(name) as request:
        return quote_partition(request, settings)
