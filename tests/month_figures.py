"""Months as tests of the report need them: one that is like a real one, and the odd ones. Written by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from models.economics.break_even import month_figures
from models.economics.gpu_run import GpuRun
from models.economics.month import (
    InfrastructureTerms,
    LabourTerms,
    MonthInputs,
    PriceUse,
    Rate,
    ReferenceRate,
    Tokens,
    WorkloadUsage,
)
from models.economics.past_month import PastMonth
from models.economics.spot_basis import SpotBasis
from models.gpu_time import GpuTime
from models.months import months_later
from tasks.documents.page import Chart
from tasks.report import charts
from tasks.report.month_report import MonthReport

MONTH = date(2026, 10, 1)
NANO = 1_000_000_000
SECOND = 1_000_000_000
MADE = datetime(2026, 11, 1, 6, 0, 12, tzinfo=UTC)
MODEL = "gpt-4.1-mini"
INPUT_NANO_PER_MTOK, OUTPUT_NANO_PER_MTOK = 400_000_000, 1_600_000_000


def dollars(text: str) -> int:
    """Turn dollars into nano-dollars."""
    return int(Decimal(text) * NANO)


def price_use(records: int, input_tokens: int, output_tokens: int) -> PriceUse:
    """Return what so many records, each of so many tokens, would have used on the API."""
    tokens_in, tokens_out = records * input_tokens, records * output_tokens
    nano = (tokens_in * INPUT_NANO_PER_MTOK + tokens_out * OUTPUT_NANO_PER_MTOK) // 1_000_000
    return PriceUse(
        provider="openai",
        model=MODEL,
        effective_from=date(2025, 4, 14),
        input_nano_per_mtok=INPUT_NANO_PER_MTOK,
        cached_input_nano_per_mtok=100_000_000,
        output_nano_per_mtok=OUTPUT_NANO_PER_MTOK,
        source="genai-prices",
        first_day=MONTH,
        last_day=date(2026, 10, 31),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        nano=nano,
    )


def usage(workload: str, local: int, each: tuple[int, int], api: int = 0, reused: int = 0) -> WorkloadUsage:
    """Return the usage of a workload whose records have so many input and output tokens."""
    went_to_api = price_use(api, *each)
    return WorkloadUsage(
        workload=workload,
        runs=31,
        records=local + api + reused,
        local=local,
        api=api,
        reused=reused,
        escalated=api,
        quarantined=7 if api else 0,
        local_tokens=Tokens((local + api) * (each[0] + 14), (local + api) * 90, (local + api) * each[1]),
        api_tokens=Tokens(went_to_api.input_tokens, 0, went_to_api.output_tokens),
        counterfactual=(price_use(local + api, *each),),
        api_nano=went_to_api.nano,
        viability="viable",
    )


def gpu_runs(workload: str, hour: int, busy_s: int) -> tuple[GpuRun, ...]:
    """Return one run a day of the month."""
    return tuple(
        GpuRun(
            workload=workload,
            kind="A10G",
            started_at=datetime(2026, 10, 1, hour, tzinfo=UTC) + timedelta(days=day),
            time=GpuTime(95 * SECOND, busy_s * SECOND, 210 * SECOND),
            nano_usd_per_hour=342_465_753,
            billing_mode="reserved",
        )
        for day in range(31)
    )


def past_months(count: int = 11) -> tuple[PastMonth, ...]:
    """Return months of steady growth before this one, in the last of which self-hosting paid already."""
    months = []
    for index in range(count):
        volume = Decimal(180 + 43 * index) / 660
        sync = int(dollars("660") * volume)
        months.append(
            PastMonth(
                month=months_later(MONTH, index - count),
                records=int(1_820_000 * volume),
                api_sync_nano=sync,
                api_batch_nano=sync // 2,
                reserved_nano=dollars("450"),
                on_demand_nano=dollars("200") + int(dollars("245") * volume),
                hybrid_nano=dollars("450") + int(dollars("20") * volume),
            )
        )
    return tuple(months)


def a_month() -> MonthInputs:
    """Return a month in which self-hosting pays: three workloads on a reserved machine, a few records on the API."""
    return MonthInputs(
        month=MONTH,
        days=31,
        workloads=(
            usage("enrichment", 604_100, (900, 220), api=15_900, reused=4_212),
            usage("sentiment", 871_300, (350, 12), api=21_200, reused=31_877),
            usage("classification", 301_000, (600, 8)),
        ),
        gpu_runs=(
            *gpu_runs("enrichment", 1, 17_900),
            *gpu_runs("sentiment", 9, 7_400),
            *gpu_runs("classification", 15, 3_900),
        ),
        terms=(
            InfrastructureTerms("A10G", "reserved", Rate(nano_per_month=dollars("250")), date(2026, 2, 1)),
        ),
        labour=(LabourTerms(date(2026, 2, 1), 120, 720, dollars("100")),),
        batch_discount=Decimal("0.5"),
        bill_nano=dollars("251.37"),
        references=(
            ReferenceRate(
                "on_demand", Rate(nano_per_hour=1_006_000_000), "AWS g5.xlarge, 2026-11-01", kind="A10G"
            ),
        ),
        earlier=past_months(),
    )


def report(inputs: MonthInputs | None = None, **fields: object) -> MonthReport:
    """Return the report of a month; `fields` replace those of the `MonthReport`."""
    inputs = inputs or a_month()
    made = MonthReport(
        figures=month_figures(inputs),
        inputs=inputs,
        version=1,
        created_at=MADE,
        fingerprint="5f0c9a2e8d41b7636d1f0e4c2ab98d7753e6f1a04c8b29d0",
        software="0.1.0",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


MARKUP = '<script>alert("1")</script>|`$x$`*& a name that is far too long for a column'
"""A name that means something to HTML, Markdown and matplotlib."""


def tiny() -> MonthInputs:
    """Return a month like that of a demo: a few records, on demand, for less than a cent of API cost."""
    run = GpuRun(
        "sentiment", "cpu x2", MADE - timedelta(days=20), GpuTime(9 * SECOND, 41 * SECOND), 85_000_000
    )
    return replace(
        a_month(),
        workloads=(replace(usage("sentiment", 24, (320, 14)), viability=None),),
        gpu_runs=(run,),
        terms=(),
        labour=(LabourTerms(date(2026, 1, 1), 120, 720, dollars("100"), assumed=True),),
        bill_nano=None,
        references=(),
        earlier=(),
    )


def running() -> MonthInputs:
    """Return the month when twelve of its days are over, and a spot machine was offered for much."""
    whole = a_month()
    runs = tuple(run for run in whole.gpu_runs if run.started_at.day <= 12)
    some = tuple(replace(usage(one.workload, one.local // 3, (500, 60)), runs=12) for one in whole.workloads)
    spot = ReferenceRate("spot", Rate(nano_per_hour=dollars("5")), "a provider's list")
    return replace(
        whole,
        days=12,
        workloads=some,
        gpu_runs=runs,
        bill_nano=None,
        references=(*whole.references, spot),
        spot=SpotBasis(Decimal("0.05"), 5 * SECOND),
    )


def doubtful() -> MonthInputs:
    """Return a month in which too much is not known to say whether it pays."""
    whole = a_month()
    first = replace(
        whole.workloads[0],
        counterfactual=(price_use(300_000, 900, 220),),
        unknown_counterfactual=320_000,
        api_upper_bound_nano=dollars("3.20"),
        api_upper_bound=3,
        estimated=1,
        viability="undecided",
    )
    return replace(whole, workloads=(first, *whole.workloads[1:]))


def idle() -> MonthInputs:
    """Return a month in which nothing ran, but a machine was paid for."""
    return replace(a_month(), workloads=(), gpu_runs=(), bill_nano=None)


def api_only() -> MonthInputs:
    """Return a month without a machine: the API answered all."""
    return replace(
        a_month(),
        workloads=(usage("sentiment", 0, (350, 12), api=90_000),),
        gpu_runs=(),
        terms=(),
        bill_nano=None,
    )


def marked_up() -> MonthInputs:
    """Return a month whose names hold markup, and one workload that the small model is not good enough for."""
    whole = a_month()
    named = replace(whole.workloads[0], workload=MARKUP, viability=None)
    priced = replace(named.counterfactual[0], model=f"{MARKUP}-model")
    dropped = replace(whole.workloads[2], viability="not_viable")
    return replace(
        whole,
        workloads=(replace(named, counterfactual=(priced,)), whole.workloads[1], dropped),
        gpu_runs=tuple(
            replace(run, workload=MARKUP) if run.workload == "enrichment" else run for run in whole.gpu_runs
        ),
        terms=(replace(whole.terms[0], kind=MARKUP),),
    )


ODD = {
    "tiny": tiny,
    "running": running,
    "doubtful": doubtful,
    "idle": idle,
    "api_only": api_only,
    "marked_up": marked_up,
}


@cache
def drawn(name: str | None = None) -> dict[str, Chart]:
    """Draw the pictures of a month by its name in `ODD` (None: the usual one), once for all tests."""
    return charts.draw_charts(report(None if name is None else ODD[name]()))
