"""What stands in for terms that were never entered, each marked as assumed; and rates to compare with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from itertools import groupby

from models.catalogue.rates import SPOT_RATE, kind_of, reference_rates
from models.economics import owning
from models.economics.gpu_run import BillingMode, GpuRun
from models.economics.month import InfrastructureTerms, LabourTerms, Rate, ReferenceRate
from models.economics.owning import EnteredTerms, Labour
from models.economics.pricing import ALWAYS, usd_to_nano
from models.months import next_month
from models.settings import Settings

OWN_RATE = "BREAKEVEN_GPU_USD_PER_HOUR"
LABOUR_SETTINGS = {"maintenance_hours", "setup_hours", "engineer_usd_per_hour"}


def entered_terms(entries: Iterable[EnteredTerms], month: date) -> list[InfrastructureTerms]:
    """Return the entries that hold on some day of a month, in the order of their entering."""
    end = next_month(month)
    return [
        InfrastructureTerms(
            entry.kind,
            entry.billing_mode,
            rate_of(entry),
            entry.effective_from,
            entry.effective_to,
            entry.billing_increment_seconds,
            entry.gpus,
        )
        for entry in entries
        if entry.effective_from < end and (entry.effective_to is None or month < entry.effective_to)
    ]


def rate_of(entry: EnteredTerms) -> Rate:
    """Return an entry's rate."""
    return Rate(entry.nano_usd_per_hour, entry.nano_usd_per_month)


def reserved_by_runs(
    runs: Sequence[GpuRun], before: Iterable[GpuRun], month: date
) -> list[InfrastructureTerms]:
    """Return the reserved machines that the runs of a month stood on by their own word.

    One is taken to be there from the first run that says so, or from the month's first day where runs of the
    months `before` were on such a machine as well, until a run says otherwise or the month ends.
    """
    known = {(run.kind, run.billing_mode, run.nano_usd_per_hour) for run in before}
    found: list[InfrastructureTerms] = []
    for kind in sorted({run.kind for run in runs}):
        own = [run for run in sorted(runs, key=_start) if run.kind == kind]
        spells = [next(spell) for _, spell in groupby(own, key=_terms)]
        ends = [*(_day(run) for run in spells[1:]), next_month(month)]
        for place, (run, end) in enumerate(zip(spells, ends, strict=True)):
            first = month if place == 0 and (kind, *_terms(run)) in known else _day(run)
            if run.billing_mode == "reserved" and first < end:
                rate = Rate(nano_per_hour=run.nano_usd_per_hour)
                found.append(InfrastructureTerms(kind, "reserved", rate, first, end, assumed=True))
    return found


def labour_terms(entries: Iterable[Labour], settings: Settings) -> list[LabourTerms]:
    """Return what was entered of people's time, after what the settings say until then.

    Their defaults are assumed. Raises `UsageError` for settings that are no whole minutes or nano-dollars.
    """
    own = Labour(
        ALWAYS,
        owning.check_minutes(settings.maintenance_hours, "BREAKEVEN_MAINTENANCE_HOURS"),
        owning.check_minutes(settings.setup_hours, "BREAKEVEN_SETUP_HOURS"),
        owning.check_amount(settings.engineer_usd_per_hour, "BREAKEVEN_ENGINEER_USD_PER_HOUR"),
    )
    return [
        _labour(own, assumed=not settings.model_fields_set >= LABOUR_SETTINGS),
        *(_labour(entry) for entry in entries),
    ]


def references(
    entries: Sequence[EnteredTerms], settings: Settings, kinds: Iterable[str]
) -> list[ReferenceRate]:
    """Return rates to compare with, the best first: what was entered at any time, the settings', the catalogue's."""
    rates = [*_entered_rates(entries), *_settings_rates(settings)]
    for kind in sorted(set(kinds)):
        rates += _catalogue_rates(kind, settings)
    return rates


def _entered_rates(entries: Sequence[EnteredTerms]) -> Iterator[ReferenceRate]:
    """Yield what was entered and holds on some day, the newest first: what was overtaken altogether was a mistake."""
    held = owning.find_days_held(entries)
    for entry, days in zip(reversed(entries), reversed(held), strict=True):
        if entry.gpus and days:
            source = f"entered for {entry.effective_from}"
            yield ReferenceRate(
                entry.billing_mode, rate_of(entry), source, entry.billing_increment_seconds, entry.kind
            )


def _settings_rates(settings: Settings) -> Iterator[ReferenceRate]:
    """Yield the rates that settings name: of the machine in its mode, of a spot machine it is that on demand; and of spot."""
    kind = None if settings.gpu_kind is None else kind_of(settings.gpu_kind)
    mode: BillingMode = "on_demand" if settings.billing_mode == "spot" else settings.billing_mode
    named: tuple[tuple[BillingMode, Decimal | None, str], ...] = (
        (mode, settings.gpu_usd_per_hour, OWN_RATE),
        ("spot", settings.spot.usd_per_hour, SPOT_RATE),
    )
    for billed, usd, source in named:
        if usd is not None:
            rate = Rate(nano_per_hour=usd_to_nano(usd))
            yield ReferenceRate(billed, rate, source, settings.billing_increment_seconds, kind)


def _catalogue_rates(kind: str, settings: Settings) -> Iterator[ReferenceRate]:
    """Yield the catalogue's rates of a machine with as many GPUs, and billed by as many seconds, as the settings say.

    Without a reserved one, a machine that is always on costs its rate on demand.
    """
    gpus, increment = settings.tensor_parallel_size, settings.billing_increment_seconds
    known = [
        replace(one if gpus == 1 else _times(one, gpus), increment_seconds=increment)
        for one in reference_rates(kind)
    ]
    yield from known
    if not any(one.mode == "reserved" for one in known):
        for one in known:
            source = f"no reserved price is known; around the clock at: {one.source}"
            yield ReferenceRate("reserved", one.rate, source, kind=one.kind)


def _times(one: ReferenceRate, gpus: int) -> ReferenceRate:
    hour, month = one.rate.nano_per_hour, one.rate.nano_per_month
    rate = Rate(None if hour is None else hour * gpus, None if month is None else month * gpus)
    return replace(one, rate=rate, source=f"{gpus} x {one.source}")


def _labour(entry: Labour, *, assumed: bool = False) -> LabourTerms:
    return LabourTerms(
        entry.effective_from,
        entry.maintenance_minutes,
        entry.setup_minutes,
        entry.engineer_nano_per_hour,
        assumed,
    )


def _start(run: GpuRun) -> tuple[object, str]:
    return run.started_at, run.workload


def _terms(run: GpuRun) -> tuple[str, int]:
    return run.billing_mode, run.nano_usd_per_hour


def _day(run: GpuRun) -> date:
    return run.started_at.astimezone(UTC).date()
