"""The ledger as the pages read it: one short transaction a page, on connections that cannot write."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from sqlalchemy.orm import Session

from db import browse, lines_page, reports
from db.browse import Choices, Doubts, Matching
from db.browse_filters import Filters
from db.lines_page import LinesPage
from db.ownership_rows import list_entered_rows
from db.repricing import list_prices
from db.run_queries import list_runs
from db.summary import sum_usage
from models.run import AUDIT, EVALUATION, PRODUCTION, TRAINING, TRIAL
from tasks.page.address import PageQuery, by_month, with_period
from tasks.runtime.ledger_access import LedgerReader

LINES = 50
RUNS = 200

Rows = Sequence[dict[str, object]]

BESIDE = (EVALUATION, TRIAL, AUDIT, TRAINING)
"""What runs beside production: its cost is a cost, and its records are no usage."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Sums over the lines of a period. `steps` are by `grain` (day or month) and workload.

    `total` is None where no line matches. Rows are those of `db.summary.sum_usage`. `evaluations` are sums of the same
    days by purpose, workload and model, of evaluations, trials, audits and training, where these are not among the other sums (else empty).
    `advice`: the last month that has a report, and what it says is to be done, a sentence a line; None: there is no report.
    """

    choices: Choices
    filters: Filters
    grain: str
    total: dict[str, object] | None
    steps: Rows
    routes: Rows
    models: Rows
    doubts: Doubts
    evaluations: Rows
    advice: tuple[date, str] | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """One page of lines, and how many match in all."""

    choices: Choices
    page: LinesPage
    matching: Matching


@dataclass(frozen=True, slots=True)
class Runs:
    """The newest runs that match; `more`: there are older ones."""

    choices: Choices
    rows: Rows
    more: bool


@dataclass(frozen=True, slots=True)
class RateTables:
    """Every price and every machine's rate that the ledger knows, and what was entered of machines, bills and labour."""

    prices: Rows
    machines: Rows
    entered: Rows


class Ledger:
    """Reads one ledger for the pages, anew for each page. Safe to use from several threads.

    Its methods raise `UsageError` where there is no ledger (yet) or something is asked that makes no sense,
    and `DatabaseUnavailable` for a database that does not answer.
    """

    def __init__(self, url: str) -> None:
        self._reader = LedgerReader(url)

    def close(self) -> None:
        """Close every connection."""
        self._reader.close()

    def overview(self, asked: PageQuery) -> Overview:
        """Sum the lines of the period that is asked for, by day or month, route and model."""
        with self._reader.session() as session:
            choices = browse.list_choices(session, asked.filters.purpose)
            filters = with_period(asked.filters, choices)
            beside = BESIDE if filters.purpose == PRODUCTION else ()
            apart = [replace(filters, purpose=purpose) for purpose in beside]
            grain = "month" if by_month(filters, choices) else "day"
            return Overview(
                choices=choices,
                filters=filters,
                grain=grain,
                total=next(iter(_sums(session, [], filters)), None),
                steps=_sums(session, [grain, "workload"], filters),
                routes=_sums(session, ["route"], filters),
                models=_sums(session, ["workload", "model"], filters),
                doubts=browse.sum_doubts(session, filters),
                evaluations=[
                    row for other in apart for row in _sums(session, ["purpose", "workload", "model"], other)
                ],
                advice=reports.newest_advice(session),
            )

    def lines(self, asked: PageQuery) -> Lines:
        """Return a page of lines."""
        with self._reader.session() as session:
            return Lines(
                choices=browse.list_choices(session, asked.filters.purpose),
                page=lines_page.read_lines_page(session, asked.filters, after=asked.after, limit=LINES),
                matching=browse.count_matching(session, asked.filters),
            )

    def runs(self, asked: PageQuery) -> Runs:
        """Return the newest runs."""
        with self._reader.session() as session:
            rows = list_runs(
                session,
                limit=RUNS + 1,
                workload=asked.filters.workload,
                state=asked.state,
                purpose=asked.filters.purpose,
                since=_first_moment(asked.filters.since),
                until=_last_moment(asked.filters.until),
            )
            return Runs(browse.list_choices(session, asked.filters.purpose), rows[:RUNS], len(rows) > RUNS)

    def rates(self) -> RateTables:
        """Return prices, machines and what was entered."""
        with self._reader.session() as session:
            return RateTables(list_prices(session), browse.list_machines(session), list_entered_rows(session))


def _sums(session: Session, by: Sequence[str], filters: Filters) -> Rows:
    return sum_usage(
        session,
        by,
        workload=filters.workload,
        engine=filters.engine,
        model=filters.model,
        route=filters.route,
        outcome=filters.outcome,
        run_id=filters.run_id,
        purpose=filters.purpose,
        since=filters.since,
        until=filters.until,
    )


def _first_moment(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, UTC)


def _last_moment(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, UTC)
