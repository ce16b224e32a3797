"""What a reader must know of a month's figures: what is missing, assumed, estimated or out of the ordinary."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain

from models.catalogue.model_ends import describe_end
from models.economics.billing import MonthBill
from models.economics.figures import Note, NoteCode, Scenario
from models.economics.figures_outlook import Capacity
from models.economics.gpu_run import GpuRun
from models.economics.month import MonthInputs, PriceUse, Viability, WorkloadUsage
from models.economics.price_changes import describe_change
from models.economics.pricing import half_up
from models.economics.scenarios import Period
from models.economics.supposed import Expected
from models.gpu_time import NS_PER_SECOND
from models.months import days_in

_OF_VIABILITY: dict[Viability | None, NoteCode] = {
    None: "not_evaluated",
    "undecided": "undecided",
    "not_viable": "not_viable",
}


def list_notes(
    inputs: MonthInputs,
    used: Sequence[WorkloadUsage],
    bill: MonthBill,
    period: Period,
    scenarios: Sequence[Scenario],
    capacity: Capacity,
    prices: Sequence[PriceUse],
) -> tuple[Note, ...]:
    """Return all notes of a month; `period` and `scenarios` are those of the whole month."""
    return tuple(
        chain(
            _of_the_month(inputs, used, period),
            _of_usage(used),
            _of_rates(inputs, bill, period, scenarios),
            _of_prices(prices),
            _of_machines(inputs, bill, capacity),
            _of_workloads(used),
            _of_bound(period),
            _of_evaluations(inputs),
            _of_the_market(inputs),
        )
    )


def _of_the_month(inputs: MonthInputs, used: Sequence[WorkloadUsage], period: Period) -> Iterator[Note]:
    if inputs.days < days_in(inputs.month):
        yield Note("partial_month", count=inputs.days)
    if not any(usage.records for usage in used):
        yield Note("no_usage")
    if period.mode == "none":
        yield Note("no_gpu")


def _of_usage(used: Sequence[WorkloadUsage]) -> Iterator[Note]:
    bounds = sum(usage.api_upper_bound_nano for usage in used)
    aside = sum(usage.quarantined for usage in used)
    answered = sum(usage.quarantined_answered for usage in used)
    counts: list[tuple[NoteCode, int, int | None]] = [
        ("unknown_counterfactual", sum(usage.unknown_counterfactual for usage in used), None),
        ("unknown_api_cost", sum(usage.unknown_api_cost for usage in used), None),
        ("upper_bounds", sum(usage.api_upper_bound for usage in used), bounds),
        ("estimated_usage", sum(usage.estimated for usage in used), None),
        ("counterfactual_estimated", sum(usage.local for usage in used), None),
        ("quarantined", max(0, aside - answered), None),
        ("quarantined_answered", answered, sum(usage.quarantined_nano for usage in used)),
    ]
    for code, count, nano in counts:
        if count:
            yield Note(code, count=count, nano=nano)


def _of_rates(
    inputs: MonthInputs, bill: MonthBill, period: Period, scenarios: Sequence[Scenario]
) -> Iterator[Note]:
    if inputs.bill_nano is not None:
        yield Note("bill_entered", nano=inputs.bill_nano)
    elif period.mode != "none":
        yield Note("bill_not_entered", nano=period.gpu_nano)
    for kind, rates in sorted(_find_assumed_rates(inputs, bill).items()):
        yield Note("assumed_rate", nano=rates.pop() if len(rates) == 1 else None, text=kind)
    if any(day.labour.assumed for day in bill.terms.days[: inputs.days]):
        yield Note("assumed_labour", nano=period.labour_nano)
    for source in bill.references:
        yield Note("reference_rate", text=source)
    if (spot := bill.as_spot) is not None and spot.count:
        code: NoteCode = "spot_measured" if spot.expected.measured else "spot_assumed"
        count, nano = (half_up(period.pace * one) for one in (spot.count, spot.lost))
        yield Note(code, count=count, nano=nano, text=_describe_pace(spot.expected))
    for scenario in scenarios:
        if scenario.total_nano is None and (scenario.name == "reserved" or inputs.gpu_runs):
            yield Note("rate_unknown", text=scenario.name)
    if period.mode == "mixed":
        yield Note("mode_changed")


def _describe_pace(expected: Expected) -> str:
    """Write how often and how long: `0.05 in an hour of a machine, 185 s each`."""
    often = (
        f"{Decimal(expected.per_hour.numerator) / expected.per_hour.denominator:.3g} in an hour of a machine"
    )
    return f"{often}, {half_up(expected.lost_ns / NS_PER_SECOND):,} s each"


def _find_assumed_rates(inputs: MonthInputs, bill: MonthBill) -> dict[str, set[int | None]]:
    """Return the kinds of machines whose rates nobody entered, and the rates, by the hour where they are."""
    rates: dict[str, set[int | None]] = {}
    for day in bill.terms.days[: inputs.days]:
        for terms in day.machines:
            if terms.assumed:
                rates.setdefault(terms.kind, set()).add(terms.rate.nano_per_hour)
    for run in _list_without_terms(bill):
        rates.setdefault(run.kind, set()).add(run.nano_usd_per_hour)
    return rates


def _list_without_terms(bill: MonthBill) -> list[GpuRun]:
    """Return the runs that no terms priced."""
    return [one.run for one in bill.terms.runs if one.run.time.total_ns and one.terms is None]


def _of_prices(prices: Sequence[PriceUse]) -> Iterator[Note]:
    for model in dict.fromkeys(price.model for price in prices):
        own = [price for price in prices if price.model == model]
        if len(own) > 1:
            yield Note("price_changed", count=len(own), text=model)
        if any(not price.input_nano_per_mtok and not price.output_nano_per_mtok for price in own):
            yield Note("free_api", text=model)


def _of_machines(inputs: MonthInputs, bill: MonthBill, capacity: Capacity) -> Iterator[Note]:
    gpu = bill.gpu
    if gpu.time.total_ns and not gpu.nano:
        yield Note("free_gpu")
    if inputs.terms:
        for kind in sorted({run.kind for run in _list_without_terms(bill)}):
            yield Note("other_machine", text=kind)
    if gpu.unused_ns < 0:
        yield Note("gpu_time_over_bill", count=-(gpu.unused_ns // NS_PER_SECOND))
    if capacity.gpus_needed > capacity.gpus:
        yield Note("more_gpus_needed", count=capacity.gpus_needed)


def _of_bound(period: Period) -> Iterator[Note]:
    for workload in period.bound:
        yield Note("bound", text=workload)


def _of_evaluations(inputs: MonthInputs) -> Iterator[Note]:
    if inputs.evaluations_nano:
        yield Note("evaluations", nano=inputs.evaluations_nano)
    if inputs.training_nano:
        yield Note("training", nano=inputs.training_nano)
    if inputs.audits_nano:
        yield Note("audits", nano=inputs.audits_nano)


def _of_the_market(inputs: MonthInputs) -> Iterator[Note]:
    for sentence in inputs.bases:
        yield Note("counterfactual_basis", text=sentence)
    for end in inputs.ends:
        yield Note("model_ends", text=describe_end(end, inputs.last_day))
    for change in inputs.price_changes:
        yield Note("price_moved", text=describe_change(change))


def _of_workloads(used: Sequence[WorkloadUsage]) -> Iterator[Note]:
    for usage in used:
        if usage.viability == "not_viable" and usage.replaceable:
            yield Note("not_viable_routed", count=usage.routed, text=usage.workload)
        elif (code := _OF_VIABILITY.get(usage.viability)) is not None:
            nano = usage.api_sync_nano if code == "not_viable" else None
            yield Note(code, nano=nano, text=usage.workload)
