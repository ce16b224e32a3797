"""What runs, versions and days say of themselves against the rollup: archived runs as well, and no line is read."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select
from sqlalchemy.orm import Session

from db.tables import (
    ApiSpendRow,
    ArchiveRow,
    InfrastructureRow,
    PartitionVersionRow,
    PartRow,
    PromptRow,
    QuarantinedCountRow,
    RunRow,
)
from db.tables import DailyUsageRow as Usage
from models.gpu_time import gpu_cost_nano
from models.ledger.findings import Flaw

TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
ROUNDING_NANO = 1_000
"""What GPU time that no record carries may cost more or less than was written: each lap of it is rounded."""

_CLOSED = Usage.outcome != "pending"
_LOCAL = Usage.engine != "openai"


def find_sum_flaws(session: Session) -> Iterator[Flaw]:
    """Yield what does not add up among runs, versions of partitions and what was spent on APIs."""
    for run in session.execute(_select_runs()):
        yield from _check_tokens(run)
        yield from _check_money(run)
        yield from _check_gpu_time(run)
        yield from _check_records(run)
    for version in session.execute(_select_versions()):
        yield from _check_version(version)
    yield from _check_spend(session)


def count_checked(session: Session) -> tuple[int, int]:
    """Return how many runs and how many archives the ledger has."""
    runs, archives = (
        select(func.count()).select_from(table).scalar_subquery() for table in (RunRow, ArchiveRow)
    )
    found = session.execute(select(runs, archives)).one()
    return found[0], found[1]


def _select_runs() -> Select[Any]:
    sums = (
        select(
            Usage.run_id,
            *(_sum(_CLOSED, name).label(f"closed_{name}") for name in TOKENS),
            _sum(_CLOSED, "counterfactual_nano").label("closed_counterfactual"),
            _sum(_CLOSED, "unknown_counterfactual").label("unknown_counterfactual"),
            _sum(and_(~_LOCAL, _CLOSED), "cost_nano").label("api_cost"),
            _sum(_LOCAL, "cost_nano").label("local_cost"),
            _sum(_LOCAL, "unknown_cost").label("unknown_local_cost"),
            _sum(_LOCAL, "gpu_ns").label("carried_ns"),
            _sum(Usage.engine == "reuse", "attempts").label("reuses"),
        )
        .group_by(Usage.run_id)
        .subquery()
    )
    aside = (
        select(QuarantinedCountRow.run_id, func.sum(QuarantinedCountRow.count).label("aside"))
        .group_by(QuarantinedCountRow.run_id)
        .subquery()
    )
    added = [func.coalesce(column, 0).label(column.name) for column in sums.c if column.name != "run_id"]
    return (
        select(
            RunRow.__table__,
            *added,
            func.coalesce(aside.c.aside, 0).label("aside"),
            InfrastructureRow.nano_usd_per_hour.label("rate"),
        )
        .outerjoin(sums, sums.c.run_id == RunRow.id)
        .outerjoin(aside, aside.c.run_id == RunRow.id)
        .outerjoin(InfrastructureRow, InfrastructureRow.id == RunRow.infrastructure_id)
        .order_by(RunRow.id)
    )


def _check_tokens(run: Row[Any]) -> Iterator[Flaw]:
    for name in TOKENS:
        counted = int(getattr(run, f"closed_{name}"))
        if getattr(run, name) != counted:
            what = f"the {name} of a run are not those of its closed lines"
            yield Flaw("run_sums", what, str(run.id), _describe_difference(getattr(run, name), counted))
    known = run.counterfactual_nano
    if known is None:
        return
    if run.unknown_counterfactual:
        what = "a run knows its counterfactual cost, though one of its lines does not"
        yield Flaw("run_sums", what, str(run.id))
    elif known != run.closed_counterfactual:
        what = "the counterfactual cost of a run is not that of its closed lines"
        yield Flaw(
            "run_sums",
            what,
            str(run.id),
            _describe_difference(known, run.closed_counterfactual, "nano-dollars"),
        )


def _check_money(run: Row[Any]) -> Iterator[Flaw]:
    if run.api_cost_nano != run.api_cost:
        what = "the API cost of a run is not that of its closed API lines"
        yield Flaw(
            "run_sums",
            what,
            str(run.id),
            _describe_difference(run.api_cost_nano, run.api_cost, "nano-dollars"),
        )
    carried = int(run.local_cost) + run.unallocated_nano
    if not run.unknown_local_cost and carried != run.gpu_cost_nano:
        what = "the GPU cost of a run is not that of its lines and what no record carries"
        yield Flaw("gpu", what, str(run.id), _describe_difference(run.gpu_cost_nano, carried, "nano-dollars"))


def _check_gpu_time(run: Row[Any]) -> Iterator[Flaw]:
    total_ns = run.load_ns + run.busy_ns + run.idle_ns
    if run.rate is None:
        if total_ns or run.gpu_cost_nano:
            yield Flaw("gpu", "a run has GPU time, and no machine whose rate charges it", str(run.id))
        return
    cost = gpu_cost_nano(total_ns, run.rate)
    if run.gpu_cost_nano != cost:
        what = "the GPU cost of a run is not its GPU time at the rate"
        yield Flaw("gpu", what, str(run.id), _describe_difference(run.gpu_cost_nano, cost, "nano-dollars"))
    left_ns = total_ns - int(run.carried_ns)
    left = gpu_cost_nano(max(left_ns, 0), run.rate)
    if left_ns < 0 or abs(left - run.unallocated_nano) > ROUNDING_NANO:
        what = "the GPU time of a run is not that of its lines and what no record carries"
        yield Flaw("gpu", what, str(run.id), f"{left_ns:,} ns are carried by no line")


def _check_records(run: Row[Any]) -> Iterator[Flaw]:
    if run.records != run.published + run.quarantined:
        what = "a run's records are not those that it published and set aside"
        together = run.published + run.quarantined
        yield Flaw("records", what, str(run.id), _describe_difference(run.records, together))
    if run.quarantined != run.aside:
        what = "a run's records that were set aside are not those that are counted by reason"
        yield Flaw("records", what, str(run.id), _describe_difference(run.quarantined, run.aside))
    if run.reused != run.reuses:
        what = "a run's reuses are not its lines of that kind"
        yield Flaw("records", what, str(run.id), _describe_difference(run.reused, run.reuses))


def _select_versions() -> Select[Any]:
    served = (
        select(RunRow.version_id, func.sum(Usage.attempts).label("served"))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(Usage.outcome == "ok")
        .group_by(RunRow.version_id)
        .subquery()
    )
    own = (
        select(
            RunRow.version_id,
            *(
                func.sum(getattr(RunRow, name)).label(name)
                for name in ("published", "quarantined", "carried")
            ),
        )
        .group_by(RunRow.version_id)
        .subquery()
    )
    parts = (
        select(PartRow.version_id, func.sum(PartRow.records).label("records"))
        .group_by(PartRow.version_id)
        .subquery()
    )
    version = PartitionVersionRow
    return (
        select(
            *(version.id, version.workload, version.partition, version.version, version.state),
            *(version.records, version.quarantined),
            func.coalesce(served.c.served, 0).label("served"),
            func.coalesce(parts.c.records, 0).label("in_parts"),
            *(func.coalesce(own.c[name], 0).label(f"runs_{name}") for name in ("published", "quarantined")),
            func.coalesce(own.c.carried, 0).label("carried"),
        )
        .outerjoin(served, served.c.version_id == version.id)
        .outerjoin(own, own.c.version_id == version.id)
        .outerjoin(parts, parts.c.version_id == version.id)
        .order_by(version.id)
    )


def _check_version(version: Row[Any]) -> Iterator[Flaw]:
    name = f"{version.workload} {version.partition} version {version.version}"
    own = int(version.served + version.carried)
    if version.runs_published != own:
        what = "the records that a version's runs published are not its lines that served one and what was carried"
        yield Flaw(
            "published", what, str(version.id), f"{name}: {_describe_difference(version.runs_published, own)}"
        )
    if version.state not in {"published", "superseded"}:
        return
    for kept, counted in (("records", "published"), ("quarantined", "quarantined")):
        found = getattr(version, f"runs_{counted}")
        if getattr(version, kept) != found:
            what = f"the {counted} records of a version are not those of its runs"
            detail = f"{name}: {_describe_difference(getattr(version, kept), found)}"
            yield Flaw("published", what, str(version.id), detail)
    together = (version.records or 0) + (version.quarantined or 0)
    if version.in_parts != together:
        what = "the records of a version are not those of its parts"
        yield Flaw(
            "published", what, str(version.id), f"{name}: {_describe_difference(together, version.in_parts)}"
        )


def _check_spend(session: Session) -> Iterator[Flaw]:
    rows = session.execute(
        select(Usage.day, PromptRow.workload, func.sum(Usage.cost_nano))
        .join(PromptRow, PromptRow.id == Usage.prompt_id)
        .where(~_LOCAL)
        .group_by(Usage.day, PromptRow.workload)
    )
    counted = {(day, workload): int(nano) for day, workload, nano in rows}
    spend = select(ApiSpendRow.day, ApiSpendRow.workload, ApiSpendRow.nano)
    kept = {(day, workload): nano for day, workload, nano in session.execute(spend)}
    for day, workload in sorted({*counted, *kept}):
        key = (day, workload)
        if counted.get(key, 0) != kept.get(key, 0):
            what = "what was spent on APIs on a day is not the cost of its API lines"
            detail = _describe_difference(kept.get(key, 0), counted.get(key, 0), "nano-dollars")
            yield Flaw("api_spend", what, f"{day} {workload}", detail)


def _sum(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.sum(case((condition, getattr(Usage, name)), else_=0))


def _describe_difference(kept: int | None, counted: int, unit: str = "") -> str:
    said = "unknown" if kept is None else f"{kept:,}"
    return f"{said} where {int(counted):,} {unit}".rstrip() + " were counted"
