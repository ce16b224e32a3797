"""Prints which model fits which GPU, and what it would cost there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.catalogue.entries import GpuEntry, find_gpus, find_models
from models.catalogue.fit import Bits
from models.catalogue.pairs import CHOICES, COLUMNS, SPARE, TABLE, HourlyRate, Pair, overview
from models.catalogue.rates import OFFER_COLUMNS, kind_of, list_offers, reference_rates
from models.economics.pricing import price_on, prices_of, usd_to_nano
from models.errors import UsageError
from models.machine import gpu_name
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.table_layout import tell
from tasks.display.tables import write_rows
from tasks.documents.plain_json import plain_nano


def show_catalog(
    settings: Settings,
    *,
    gpus: Sequence[str] = (),
    models: Sequence[str] = (),
    bits: Sequence[Bits] = (),
    context: int = 2048,
    output_format: TableFormat = "table",
) -> None:
    """Print a row for each model, GPU and precision; as a table of everything, the most bits that fit.

    Raises `UsageError` for a GPU, a model or a length that cannot be, `PriceUnknown` for an API model without
    a price.
    """
    if context < 1:
        msg = f"--context {context}: give the tokens of a sequence, input and output together, from 1"
        raise UsageError(msg)
    found_gpus, found_models = find_gpus(gpus), find_models(models)
    if output_format == "table" and not (gpus or models or bits):
        write_rows(
            overview(found_models, found_gpus, context), ["model", *(gpu.kind for gpu in found_gpus)], "table"
        )
        print_message(
            f"most bits at which a model fits one GPU beside a sequence of {context:,} tokens; -: at none of 16, 8, 4"
        )
        print_message("more of one: breakeven catalog --gpu A10G, or --model 'Llama 3.1 8B'")
        return
    api = price_on(prices_of(settings), datetime.now(UTC).date())
    pairs = [
        Pair(model, gpu, each, context, rate_of(settings, gpu))
        for model in found_models
        for gpu in found_gpus
        for each in (bits or CHOICES)
    ]
    if output_format == "table":
        shown = [pair for pair in pairs if pair.sequences or len(pairs) <= len(CHOICES)]
        write_rows([pair.row(api) for pair in shown], TABLE, "table", spare=SPARE)
        _explain(
            pairs,
            shown,
            f"{api.model}: ${plain_nano(api.input_nano_per_mtok)} in, ${plain_nano(api.output_nano_per_mtok)} out",
        )
    else:
        write_rows([pair.row(api) for pair in pairs], COLUMNS, output_format)


def show_prices(output_format: TableFormat = "table") -> None:
    """Print every hourly and monthly price that the catalogue knows, with date and source."""
    write_rows(list_offers(), OFFER_COLUMNS, output_format, spare=("date",))
    print_message("used: in sums; the others are for comparison. Your own: breakeven infrastructure set")


def rate_of(settings: Settings, gpu: GpuEntry) -> HourlyRate | None:
    """Return what an hour of a GPU costs: your own rate if it is yours, else the catalogue's; None: not known."""
    own = settings.gpu_kind or gpu_name()
    if settings.gpu_usd_per_hour is not None and own is not None and kind_of(own) == gpu.kind:
        return HourlyRate(usd_to_nano(settings.gpu_usd_per_hour), "settings")
    for one in reference_rates(gpu.kind):
        if one.mode == "on_demand" and one.rate.nano_per_hour is not None:
            return HourlyRate(one.rate.nano_per_hour, one.source)
    return None


def _explain(pairs: Sequence[Pair], shown: Sequence[Pair], api: str) -> None:
    if left_out := len(pairs) - len(shown):
        print_message(f"{left_out} that do not fit are left out; --format csv has them")
    print_message("estimates for a GPU that is busy all the time; a million tokens on the API cost: " + api)


def print_message(line: str) -> None:
    """Print one line on standard error."""
    tell(line)
