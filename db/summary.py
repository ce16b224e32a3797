"""Sums over lines by what is asked, read from the rollup: archived lines are in them."""

from collections.abc import Sequence
from typing import Any, Unpack

from sqlalchemy import ColumnElement, FromClause, RowMapping, case, func, null, select
from sqlalchemy.orm import Session

from db.dialects import day_text
from db.line_filters import SummaryFilters, join_names, usage_conditions
from db.routes import route_of
from db.rows import to_readable
from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, PromptRow, RunRow
from db.tables import PartitionVersionRow as Version
from models.errors import UsageError
from models.nearest import nearest

OF_VERSION = ("partition", "version", "version_state")
BY = ("workload", "engine", "model", "route", "day", "month", "prompt_version", *OF_VERSION, "purpose")
TOLD_APART = ("engine", "model", "route")
"""Names of `BY` that tell a record's attempts apart: by them, it counts once on each engine."""
COUNTS = ("attempts", "records")
TOKENS = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
MONEY = ("cost_nano", "counterfactual_nano")

_SUMMED = tuple(
    getattr(Usage, name)
    for name in (
        *("attempts", "records", "engine_records", "known_tokens"),
        *TOKENS,
        *MONEY,
        *("unknown_cost", "unknown_counterfactual"),
    )
)


def sum_usage(
    session: Session, by: Sequence[str], **filters: Unpack[SummaryFilters]
) -> list[dict[str, object]]:
    """Sum lines by any of `BY`, in the order of these columns, archived ones too: the rollup is read, not they.

    Each row has the `by` columns, then attempts, records and the sums of `TOKENS` (over the lines that know theirs, None if none does), cost_usd and counterfactual_usd (`Decimal`; None
    if any line's is unknown, never 0 for it).
    A record counts once in its run, with its first attempt: on that day, on that workload. By engine, model
    or route, or with one of them as a filter, it counts once on each engine, with its first attempt there.
    Of one outcome a record can have several attempts: with that filter, records is None.
    A line that is pending, or whose outcome is unknown, counts with the upper bound of its cost: a sum
    never shows less than was spent, and sinks when such a line is closed.
    Days and months are UTC days and months of the attempts. `version` and `version_state` (published, superseded,
    open, abandoned) are those of the partition's version that a run worked for, `purpose` is what the run was for:
    evaluations are summed with production where they are not told apart. Raises `UsageError` for an unknown column.
    """
    if unknown := sorted(set(by) - set(BY)):
        found = nearest(unknown[0], BY)
        meant = f"did you mean {found}? " if found else ""
        msg = f"cannot sum by {', '.join(unknown)}; {meant}choose from {', '.join(BY)}"
        raise UsageError(msg)
    expressions = _expressions(session)
    usage = join_names(
        select(*(expressions[name].label(name) for name in by), *_SUMMED), Usage, usage_conditions(filters)
    )
    if set(by) & {*OF_VERSION, "purpose"}:
        usage = usage.join(RunRow, RunRow.id == Usage.run_id).join(Version, Version.id == RunRow.version_id)
    groups = usage.subquery()
    keys = [groups.c[name] for name in by]
    sums = _sums(groups, _counted_records(by, filters))
    rows = session.execute(select(*keys, *sums).group_by(*keys).order_by(*keys)).mappings()
    return [_to_row(row) for row in rows if row["attempts"]]


def _sums(rows: FromClause, records: str | None) -> list[ColumnElement[Any]]:
    """Sum rows of the rollup; a cost is NULL where a line's is unknown, tokens where no line knows its."""
    known = func.sum(rows.c["known_tokens"]) > 0
    counted = null() if records is None else func.sum(rows.c[records])
    return [
        func.sum(rows.c["attempts"]).label("attempts"),
        counted.label("records"),
        *(case((known, func.sum(rows.c[name]))).label(name) for name in TOKENS),
        *(
            case((func.sum(rows.c[unknown]) == 0, func.sum(rows.c[name]))).label(name)
            for name, unknown in zip(MONEY, ("unknown_cost", "unknown_counterfactual"), strict=True)
        ),
    ]


def _counted_records(by: Sequence[str], filters: SummaryFilters) -> str | None:
    """Name the rollup's column that counts records as they are told apart here, None where it has none."""
    if filters.get("outcome") is not None:
        return None
    told_apart = any(name in by or filters.get(name) is not None for name in TOLD_APART)
    return "engine_records" if told_apart else "records"


def _to_row(row: RowMapping) -> dict[str, object]:
    counted = {*COUNTS, *TOKENS, *MONEY}  # PostgreSQL sums BIGINT to NUMERIC
    return to_readable(
        {name: int(value) if name in counted and value is not None else value for name, value in row.items()}
    )


def _expressions(session: Session) -> dict[str, ColumnElement[Any]]:
    day = Usage.__table__.c.day
    return {
        "workload": PromptRow.__table__.c.workload,
        "engine": Usage.__table__.c.engine,
        "model": ModelRow.__table__.c.name,
        "route": route_of(Usage),
        "day": day_text(session, day, days=True),
        "month": day_text(session, day, days=False),
        "prompt_version": PromptRow.__table__.c.version,
        "partition": Version.__table__.c.partition,
        "version": Version.__table__.c.version,
        "version_state": Version.__table__.c.state,
        "purpose": RunRow.__table__.c.purpose,
    }
