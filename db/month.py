"""What the ledger knows of months: usage from the rollups, GPU time from the runs. Few queries, whatever the range.

Usage is by the UTC day of the attempts, GPU time by the UTC day on which its run started.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, cast, extract, func, select
from sqlalchemy.orm import Session, aliased

from db import reference
from db.interrupted_runs import read_lost
from db.month_beside import sum_beside
from db.tables import DailyUsageRow as Usage
from db.tables import InfrastructureRow, PromptRow, RunRow
from db.tables import QuarantinedCountRow as Aside
from models.catalogue.rates import kind_of
from models.economics.gpu_run import GpuRun
from models.economics.month import PendingBound, PriceUse, Tokens, WorkloadUsage
from models.economics.pricing import Price, half_up
from models.economics.repricing import find_largest_rise
from models.gpu_time import NS_PER_HOUR, GpuTime
from models.ledger.rollup import SUMS
from models.months import month_of
from models.run import PRODUCTION

PRICE = (
    "provider",
    "model",
    "effective_from",
    "input_nano_per_mtok",
    "cached_input_nano_per_mtok",
    "output_nano_per_mtok",
    "source",
)
OPEN = ("pending", "unknown_outcome")
CHOSEN = ("chosen", "not_viable")
"""The reasons of API attempts that the local engine was never meant to make."""
ROUTED = (*CHOSEN, "complex", "low_confidence")
"""The reasons of API attempts for which a policy holds the small model, at least for these records, not good enough."""
LOCAL = ("classifier", "vllm")
"""The engines that serve on the own machine."""
UNKNOWN_MACHINE = "unknown machine"


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """What was used in one month, by workload, and the runs with GPU time that started in it.

    `evaluations_nano`: what evaluations and trials cost, machine and API, `training_nano` what trainings, `audits_nano` what audits did; their
    records and runs are in nothing else.
    """

    workloads: tuple[WorkloadUsage, ...] = ()
    gpu_runs: tuple[GpuRun, ...] = ()
    evaluations_nano: int = 0
    training_nano: int = 0
    audits_nano: int = 0


def find_first_month(session: Session) -> date | None:
    """Return the month of production's first attempt or run, None where there is none."""
    real = RunRow.purpose == PRODUCTION
    day, started = session.execute(
        select(
            select(func.min(Usage.day)).join(RunRow, RunRow.id == Usage.run_id).where(real).scalar_subquery(),
            select(func.min(RunRow.started_at)).where(real).scalar_subquery(),
        )
    ).one()
    return min((month_of(at) for at in (day, started) if at), default=None)


def read_usage(session: Session, first: date, end: date) -> dict[date, MonthUsage]:
    """Return what was used in each month of the days `first <= day < end`; months without usage are missing."""
    prices = {price_id: price for price_id, _, price in reference.read_prices(session)}
    sums: defaultdict[tuple[date, str], list[Row[Any]]] = defaultdict(list)
    for row in session.execute(_select_sums(first, end)):
        sums[_month(int(row.month)), row.workload].append(row)
    lost = read_lost(session, _midnight(first), _midnight(end))
    runs: defaultdict[tuple[date, str], list[Row[Any]]] = defaultdict(list)
    for row in session.execute(_select_runs(first, end)):
        runs[month_of(row.started_at), row.workload].append(row)
    names = {row.kind for own in runs.values() for row in own if row.kind is not None}
    kinds = {name: kind_of(name) for name in names}
    found = {
        month: MonthUsage((), (), spent.evaluations_nano, spent.training_nano, spent.audits_nano)
        for month, spent in sum_beside(session, first, end).items()
    }
    for month, workload in sorted(sums.keys() | runs.keys()):
        own, so_far = runs[month, workload], found.get(month, MonthUsage())
        found[month] = replace(
            so_far,
            workloads=(*so_far.workloads, _sum_workload(workload, sums[month, workload], own, prices)),
            gpu_runs=(*so_far.gpu_runs, *_list_gpu_runs(own, kinds, lost)),
        )
    return dict(sorted(found.items()))


def _select_sums(first: date, end: date) -> Select[Any]:
    """Sum rollups by month, workload and what figures tell apart."""
    month = cast(extract("year", Usage.day), Integer) * 12 + cast(extract("month", Usage.day), Integer) - 1
    keys: list[ColumnElement[Any]] = [
        month.label("month"),
        PromptRow.__table__.c.workload,
        Usage.__table__.c.engine,
        Usage.__table__.c.outcome,
        Usage.reason.in_(CHOSEN).label("chosen"),
        Usage.reason.in_(ROUTED).label("routed"),
        (Usage.reason == "chosen").label("asked"),
        Usage.__table__.c.price_id,
        Usage.__table__.c.counterfactual_price_id,
    ]
    return (
        select(
            *keys,
            *(func.sum(getattr(Usage, name)).label(name) for name in SUMS),
            func.min(Usage.day).label("first_day"),
            func.max(Usage.day).label("last_day"),
        )
        .join(PromptRow, PromptRow.id == Usage.prompt_id)
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(Usage.day >= first, Usage.day < end, RunRow.purpose == PRODUCTION)
        .group_by(*keys)
    )


def _select_runs(first: date, end: date) -> Select[Any]:
    machine = InfrastructureRow
    own = (
        *("id", "workload", "started_at", "load_ns", "busy_ns", "idle_ns", "gpu_cost_nano", "quarantined"),
        *("ended_at", "shard", "shards"),
    )
    its = ("kind", "nano_usd_per_hour", "billing_mode", "billing_increment_seconds")
    columns = [*(getattr(RunRow, name) for name in own), *(getattr(machine, name) for name in its)]
    aside = (
        select(
            Aside.run_id,
            func.sum(Aside.answered).label("answered"),
            func.sum(Aside.answered_nano).label("answered_nano"),
        )
        .group_by(Aside.run_id)
        .subquery()
    )
    sums = [
        func.coalesce(column, 0).label(column.name) for column in (aside.c.answered, aside.c.answered_nano)
    ]
    part = aliased(RunRow)
    last = select(func.max(part.ended_at)).where(part.part_of == RunRow.id).scalar_subquery()
    return (
        select(*columns, *sums, last.label("parts_ended_at"))
        .outerjoin(aside, aside.c.run_id == RunRow.id)
        .outerjoin(machine, machine.id == RunRow.infrastructure_id)
        .where(RunRow.started_at >= _midnight(first), RunRow.started_at < _midnight(end))
        .where(RunRow.purpose == PRODUCTION)
        .order_by(RunRow.started_at, RunRow.id)
    )


def _sum_workload(
    name: str, rows: Sequence[Row[Any]], runs: Sequence[Row[Any]], prices: Mapping[int, Price]
) -> WorkloadUsage:
    local = [row for row in rows if row.engine in LOCAL]
    api = [row for row in rows if row.engine == "openai"]
    bounds = [row for row in api if row.price_id is not None]
    published = [row for row in rows if row.outcome == "ok"]
    return WorkloadUsage(
        workload=name,
        runs=len(runs),
        records=_total(rows, "records"),
        local=_count_published(rows, *LOCAL),
        api=_count_published(rows, "openai"),
        reused=_count_published(rows, "reuse"),
        escalated=_total((row for row in api if not row.chosen), "engine_records"),
        routed=_total((row for row in api if row.routed), "engine_records"),
        quarantined=_total(runs, "quarantined"),
        quarantined_answered=_total(runs, "answered"),
        quarantined_nano=_total(runs, "answered_nano"),
        local_tokens=_tokens(local),
        api_tokens=_tokens(api),
        counterfactual=_list_price_uses(published, prices),
        unknown_counterfactual=_total(published, "unknown_counterfactual"),
        api_nano=_total(api, "cost_nano"),
        api_upper_bound_nano=_total(bounds, "upper_bound_nano"),
        api_upper_bound=_total(bounds, "attempts") - _total(bounds, "known_tokens"),
        chosen_nano=_total((row for row in api if row.asked), "cost_nano"),
        pending=_list_pending((row for row in bounds if row.outcome == "pending"), prices),
        unknown_api_cost=_total(api, "unknown_cost"),
        estimated=_total((row for row in rows if row.outcome not in OPEN), "estimated"),
    )


def _count_published(rows: Iterable[Row[Any]], *engines: str) -> int:
    return _total((row for row in rows if row.engine in engines and row.outcome == "ok"), "attempts")


def _tokens(rows: Sequence[Row[Any]]) -> Tokens:
    return Tokens(*(_total(rows, f"{name}_tokens") for name in ("input", "cached", "output")))


def _list_pending(rows: Iterable[Row[Any]], prices: Mapping[int, Price]) -> tuple[PendingBound, ...]:
    """Return what attempts that are still out can cost, and would have cost at once, of all that know both prices."""
    found = []
    for row in rows:
        own, at_once = prices[row.price_id], prices.get(row.counterfactual_price_id)
        rise = None if at_once is None else find_largest_rise(own, at_once)
        if rise is not None:
            bound = int(row.upper_bound_nano)
            found.append(PendingBound(bound, half_up(rise * bound)))
    return tuple(found)


def _list_price_uses(rows: Iterable[Row[Any]], prices: Mapping[int, Price]) -> tuple[PriceUse, ...]:
    by_price: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if row.counterfactual_price_id is not None and _has_served(row):
            by_price[row.counterfactual_price_id].append(row)
    uses = [_sum_price_use(prices[price_id], own) for price_id, own in sorted(by_price.items())]
    return tuple(sorted(uses, key=lambda use: (use.first_day, use.provider, use.model, use.effective_from)))


def _has_served(row: Row[Any]) -> bool:
    """Whether some of these attempts served a record: an API would have charged for no others."""
    return bool(
        row.counterfactual_nano or row.counterfactual_input_tokens or row.counterfactual_output_tokens
    )


def _sum_price_use(price: Price, rows: Sequence[Row[Any]]) -> PriceUse:
    return PriceUse(
        **{name: getattr(price, name) for name in PRICE},
        first_day=min(row.first_day for row in rows),
        last_day=max(row.last_day for row in rows),
        input_tokens=_total(rows, "counterfactual_input_tokens"),
        output_tokens=_total(rows, "counterfactual_output_tokens"),
        nano=_total(rows, "counterfactual_nano"),
        cached_tokens=_total(rows, "counterfactual_cached_tokens"),
        cache_write_tokens=_total(rows, "counterfactual_cache_write_tokens"),
    )


def _list_gpu_runs(
    rows: Sequence[Row[Any]], kinds: Mapping[str, str], lost: Mapping[UUID, int]
) -> Iterator[GpuRun]:
    """Yield the runs that held a machine, and those whose named machine was taken away before they had said for how long."""
    for row in rows:
        if _time(row).total_ns or (row.id in lost and row.kind is not None):
            yield replace(_make_gpu_run(row, kinds), lost_ns=lost.get(row.id))


def _make_gpu_run(row: Row[Any], kinds: Mapping[str, str]) -> GpuRun:
    """Return a run's GPU time; of a machine that the ledger does not name, at the rate that its cost comes to."""
    held = _time(row)
    if row.kind is None:
        rate = (2 * row.gpu_cost_nano * NS_PER_HOUR + held.total_ns) // (2 * held.total_ns)
        return GpuRun(row.workload, UNKNOWN_MACHINE, _held_since(row, held), held, rate)
    return GpuRun(
        workload=row.workload,
        kind=kinds[row.kind],
        started_at=_held_since(row, held),
        time=held,
        nano_usd_per_hour=row.nano_usd_per_hour,
        billing_mode=row.billing_mode,
        billing_increment_seconds=row.billing_increment_seconds,
    )


def _held_since(row: Row[Any], held: GpuTime) -> datetime:
    """Return when a run's own time on its machine began: that of one in shards is its wait for the last of them."""
    ends = [at for at in (row.ended_at, row.parts_ended_at) if at is not None]
    if row.shards is None or row.shard is not None or not ends:
        return row.started_at  # type: ignore[no-any-return]
    return max(row.started_at, min(ends) - timedelta(microseconds=held.total_ns // 1000))  # type: ignore[no-any-return]


def _time(row: Row[Any]) -> GpuTime:
    return GpuTime(row.load_ns, row.busy_ns, row.idle_ns)


def _total(rows: Iterable[Row[Any]], column: str) -> int:
    return sum(int(getattr(row, column)) for row in rows)  # PostgreSQL sums BIGINT to NUMERIC


def _month(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
