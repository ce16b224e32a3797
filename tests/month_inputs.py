"""Inputs of a month for tests of the sums: short words for what matters, defaults for the rest, and random months."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from models.economics.figures import MonthFigures
from models.economics.figures_recommendation import ScenarioName
from models.economics.gpu_run import BillingMode, GpuRun
from models.economics.month import (
    InfrastructureTerms,
    LabourTerms,
    MonthInputs,
    PendingBound,
    PriceUse,
    Rate,
    ReferenceRate,
    Tokens,
    WorkloadUsage,
)
from models.economics.pricing import Price, cost_nano, nano_to_usd
from models.economics.spot_basis import SpotBasis
from models.gpu_time import GpuTime
from models.months import days_in
from models.requests import Usage

NANO = 1_000_000_000
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
OCTOBER = date(2026, 10, 1)
LONG_AGO = date(1970, 1, 1)
GPT_4O_MINI = Price("openai", "gpt-4o-mini", LONG_AGO, None, NANO * 15 // 100, None, NANO * 6 // 10, "test")


def usd(dollars: str | int) -> int:
    """Return dollars as nano-dollars."""
    return int(Decimal(dollars) * NANO)


def price_use(nano: int, *, month: date = OCTOBER, price: Price = GPT_4O_MINI) -> PriceUse:
    """Return a counterfactual cost of a whole month at one price, without tokens that would explain it."""
    return PriceUse(
        price.provider,
        price.model,
        price.effective_from,
        price.input_nano_per_mtok,
        price.cached_input_nano_per_mtok,
        price.output_nano_per_mtok,
        price.source,
        month,
        month.replace(day=days_in(month)),
        0,
        0,
        nano,
    )


def priced(records: int, input_tokens: int, output_tokens: int, price: Price = GPT_4O_MINI) -> PriceUse:
    """Return what records of so many tokens each cost on the API, rounded for each as ledger lines are."""
    each = cost_nano(price, Usage(input_tokens, 0, output_tokens))
    use = price_use(records * each, price=price)
    return replace(use, input_tokens=records * input_tokens, output_tokens=records * output_tokens)


def usage(
    workload: str = "sentiment", sync: str | int = 0, api: str | int = 0, records: int = 1000
) -> WorkloadUsage:
    """Return a workload that would have cost `sync` dollars on the API at once, and cost `api` there."""
    uses = (price_use(usd(sync)),) if usd(sync) else ()
    tokens = Tokens(100 * records, 0, 10 * records)
    return WorkloadUsage(
        workload, 1, records, records, local_tokens=tokens, counterfactual=uses, api_nano=usd(api)
    )


def run(  # noqa: PLR0913  a run has many sides, and a test names the one it is about
    day: int = 1,
    *,
    hours: float = 1,
    load: float = 0,
    idle: float = 0,
    workload: str = "sentiment",
    kind: str = "A10G",
    rate: str = "1.00",
    increment: int = 1,
    at: str = "02:00:00",
) -> GpuRun:
    """Return a run on a day of October; `hours` it was busy."""
    started = datetime.combine(OCTOBER.replace(day=day), datetime.strptime(at, "%H:%M:%S").time(), UTC)  # noqa: DTZ007
    time = GpuTime(*(round(part * HOUR) for part in (load, hours, idle)))
    return GpuRun(workload, kind, started, time, usd(rate), billing_increment_seconds=increment)


def reserved(
    per_month: str | None = None,
    *,
    per_hour: str | None = None,
    since: date = LONG_AGO,
    until: date | None = None,
    gpus: int = 1,
    kind: str = "A10G",
) -> InfrastructureTerms:
    """Return terms of reserved machines."""
    rate = Rate(nano_per_month=usd(per_month)) if per_month else Rate(nano_per_hour=usd(per_hour or 1))
    return InfrastructureTerms(kind, "reserved", rate, since, until, gpus=gpus)


def on_demand(
    per_hour: str, *, increment: int = 1, since: date = LONG_AGO, until: date | None = None, gpus: int = 1
) -> InfrastructureTerms:
    """Return terms of machines on demand."""
    return InfrastructureTerms(
        "A10G", "on_demand", Rate(nano_per_hour=usd(per_hour)), since, until, increment, gpus
    )


def labour(
    hours: float = 2,
    rate: str | int = 100,
    *,
    setup: float = 12,
    since: date = LONG_AGO,
    assumed: bool = False,
) -> LabourTerms:
    """Return what people's time costs: hours of maintenance and of the set-up, dollars an hour."""
    return LabourTerms(since, round(60 * hours), round(60 * setup), usd(rate), assumed)


def reference(mode: BillingMode, per_hour: str, kind: str | None = None) -> ReferenceRate:
    """Return a rate to compare with."""
    return ReferenceRate(mode, Rate(nano_per_hour=usd(per_hour)), f"list of {mode}", kind=kind)


def inputs(*workloads: WorkloadUsage, **changes: object) -> MonthInputs:
    """Return October 2026, over, with two hours of maintenance at $100 and nothing else but what is given."""
    month = changes.get("month", OCTOBER)
    plain = MonthInputs(
        month=month if isinstance(month, date) else OCTOBER,
        days=days_in(month) if isinstance(month, date) else 31,
        workloads=workloads,
        gpu_runs=(),
        terms=(),
        labour=(labour(),),
        batch_discount=Decimal("0.5"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def totals(figures: MonthFigures) -> dict[ScenarioName, Decimal | None]:
    """Return what each scenario costs, in dollars."""
    return {
        one.name: None if one.total_nano is None else nano_to_usd(one.total_nano) for one in figures.scenarios
    }


def codes(figures: MonthFigures) -> set[str]:
    """Return the codes of the notes."""
    return {note.code for note in figures.notes}


NAMES = ("classification", "enrichment", "sentiment")
MONEY = st.integers(0, 2000 * NANO)
MOMENTS = st.integers(0, 31 * 24 * 3600 - 1).map(
    lambda second: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=second)
)
TIMES = st.builds(GpuTime, *[st.integers(0, 3 * HOUR)] * 3)
RATES = st.integers(0, 10 * NANO)
DAYS = st.integers(-40, 60).map(lambda days: OCTOBER + timedelta(days=days))


@st.composite
def _usages(draw: st.DrawFn, name: str) -> WorkloadUsage:
    bound = draw(st.integers(0, 5))
    api = draw(MONEY)
    bounded = draw(st.integers(0, api)) if bound else 0
    pending = draw(st.integers(0, bounded))
    return WorkloadUsage(
        workload=name,
        runs=draw(st.integers(0, 31)),
        records=draw(st.integers(0, 10**6)),
        local=draw(st.integers(0, 10**6)),
        api=draw(st.integers(0, 1000)),
        local_tokens=Tokens(draw(st.integers(0, 10**9)), 0, draw(st.integers(0, 10**8))),
        counterfactual=tuple(map(price_use, draw(st.lists(MONEY, max_size=2)))),
        unknown_counterfactual=draw(st.sampled_from([0, 0, 0, 7])),
        api_nano=api,
        api_upper_bound_nano=bounded,
        pending=(PendingBound(pending, draw(st.sampled_from([1, 2])) * pending),) if pending else (),
        routed=draw(st.sampled_from([0, 0, 3])),
        batch_acceptable=draw(st.sampled_from([True, True, False])),
        may_leave=draw(st.sampled_from([True, True, True, False])),
        api_upper_bound=bound,
        viability=draw(st.sampled_from([None, "viable", "undecided", "not_viable"])),
    )


@st.composite
def _terms(draw: st.DrawFn) -> InfrastructureTerms:
    since = draw(DAYS)
    mode: BillingMode = draw(st.sampled_from(["reserved", "on_demand", "spot"]))
    by_month = mode == "reserved" and draw(st.booleans())
    amount = draw(RATES)
    return InfrastructureTerms(
        kind=draw(st.sampled_from(["A10G", "H100"])),
        mode=mode,
        rate=Rate(nano_per_month=200 * amount) if by_month else Rate(nano_per_hour=amount),
        effective_from=since,
        effective_to=draw(st.none() | st.integers(1, 60).map(lambda days: since + timedelta(days=days))),
        increment_seconds=draw(st.sampled_from([1, 60, 3600])),
        gpus=draw(st.integers(0, 3)),
    )


_HELD = st.builds(
    GpuRun,
    workload=st.sampled_from(NAMES),
    kind=st.sampled_from(["A10G", "NVIDIA A10G", "cpu x8"]),
    started_at=MOMENTS,
    time=TIMES,
    nano_usd_per_hour=RATES,
    billing_mode=st.sampled_from(["on_demand", "reserved", "spot"]),
    billing_increment_seconds=st.sampled_from([1, 60, 3600]),
)
RUNS = st.tuples(_HELD, st.none() | st.fractions(0, 1, max_denominator=9)).map(
    lambda drawn: replace(
        drawn[0], lost_ns=None if drawn[1] is None else int(drawn[1] * drawn[0].time.total_ns)
    )
)
"""Runs, some of which lost their machine, and so much of their time with it."""
SPOT_BASES = st.builds(
    SpotBasis,
    st.sampled_from([Decimal(0), Decimal("0.05"), Decimal(1)]),
    st.just(5 * SECOND),
    st.integers(0, 9),
    st.integers(30 * HOUR, 99 * HOUR) | st.just(10 * HOUR),
    st.integers(0, 9 * HOUR),
)
"""What spot machines are known to do: measured, or, of too few hours, assumed."""
MONTHS = st.builds(
    MonthInputs,
    month=st.just(OCTOBER),
    days=st.sampled_from([31, 17, 10, 1]),
    workloads=st.sampled_from([0, 1, 2, 3, 3]).flatmap(
        lambda count: st.tuples(*[_usages(name) for name in NAMES[:count]])
    ),
    gpu_runs=st.sampled_from([0, 2, 5]).flatmap(lambda count: st.tuples(*[RUNS] * count)),
    terms=st.lists(_terms(), max_size=3).map(tuple),
    labour=st.builds(
        LabourTerms, st.just(LONG_AGO), st.integers(0, 600), st.integers(0, 1200), st.integers(0, 200 * NANO)
    ).map(lambda one: (one,)),
    batch_discount=st.sampled_from([Decimal(0), Decimal("0.5"), Decimal("0.333")]),
    bill_nano=st.none() | MONEY,
    references=st.lists(
        st.sampled_from(
            [reference("reserved", "0.40"), reference("on_demand", "1.20"), reference("spot", "0.35")]
        ),
        unique=True,
    ).map(tuple),
    spot=st.none() | SPOT_BASES,
)
"""Any month of October 2026, over or not: with and without usage, machines, terms, a bill, prices."""
