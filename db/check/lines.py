"""Lines against their rollup, their prices and what they reuse: every line is read, run by run."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from db.check.api_lines import ApiSuspicions, api_doubt_columns, list_api_suspicions
from db.check.rates import RatesInForce, read_rates
from db.recount import select_recount
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from db.tables import RunRow
from models.economics.pricing import MTOK
from models.gpu_time import NS_PER_HOUR
from models.ledger.findings import Flaw
from models.ledger.rollup import SUMS, UsageKey

LINES, RUNS = 100_000, 200
"""Lines, by the rollup, and runs that are looked at in one statement at most."""

WRONG_SUMS = "rollup"
"""The check whose flaws name runs that `db.recount.rebuild` puts right."""

CountProgress = Callable[[int, int], None]
"""Is told how many lines were looked at, and how many there are."""


class Suspicions(NamedTuple):
    """What looks wrong among the lines of one way, before each of them is looked at.

    `free_*`: the most tokens, or GPU time, of a line whose cost, or counterfactual cost, is 0. `unknown_*`: how
    many lines know their tokens and not what these cost.
    """

    free_tokens: int
    free_gpu_ns: int
    free_counterfactual: int
    unknown_cost: int
    unknown_counterfactual: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Runs that are looked at together, and how many lines they have by the rollup."""

    run_ids: Sequence[UUID]
    lines: int


def find_line_flaws(session: Session, note: CountProgress) -> Iterator[Flaw]:
    """Yield what is wrong with the lines that are here. Each is read, a hundred thousand at a time."""
    known = set(session.execute(select(RunRow.id)).scalars())
    there = set(session.execute(_runs_of_lines()).scalars())
    for run_id in sorted(there - known):
        yield Flaw("orphan", "lines of a run that the ledger does not have", str(run_id))
    archived = set(session.execute(select(RunRow.id).where(RunRow.archive_id.is_not(None))).scalars())
    portions = list(_split_into_portions(session, known & there, archived))
    total, done, rates = sum(portion.lines for portion in portions), 0, read_rates(session)
    for portion in portions:
        note(done, total)
        yield from _check_portion(session, portion.run_ids, rates)
        done += portion.lines
    note(done, total)


def _runs_of_lines() -> Any:  # noqa: ANN401  a statement
    """Ask for the runs that have lines, by a jump from one to the next along the lines' unique key."""
    first = select(Line.run_id).order_by(Line.run_id).limit(1).scalar_subquery()
    found = select(first.label("run_id")).cte("found", recursive=True)
    following = select(Line.run_id).where(Line.run_id > found.c.run_id).order_by(Line.run_id).limit(1)
    found = found.union_all(
        select(following.correlate(found).scalar_subquery()).where(found.c.run_id.is_not(None))
    )
    return select(found.c.run_id).where(found.c.run_id.is_not(None))


def _split_into_portions(session: Session, there: set[UUID], archived: set[UUID]) -> Iterator[Portion]:
    """Yield the runs that have lines, or a rollup of lines that should be here."""
    rows = session.execute(select(Usage.run_id, func.sum(Usage.attempts)).group_by(Usage.run_id))
    sizes = {run_id: int(attempts) for run_id, attempts in rows if run_id not in archived}
    run_ids: list[UUID] = []
    lines = 0
    for run_id in sorted(there - archived | sizes.keys()):
        run_ids.append(run_id)
        lines += sizes.get(run_id, 0)
        if lines >= LINES or len(run_ids) >= RUNS:
            yield Portion(run_ids, lines)
            run_ids, lines = [], 0
    if run_ids:
        yield Portion(run_ids, lines)


def _check_portion(session: Session, run_ids: Sequence[UUID], rates: RatesInForce) -> Iterator[Flaw]:
    counted: dict[UsageKey, tuple[int, ...]] = {}
    reused: set[UUID] = set()
    size = len(UsageKey._fields)
    for row in session.execute(select_recount(session, run_ids, _doubt_columns)):
        way, found = UsageKey(*row[:size]), [int(value or 0) for value in row[size + len(SUMS) :]]
        doubts = Suspicions(*found[: len(Suspicions._fields)])
        of_api = ApiSuspicions(*found[len(Suspicions._fields) :])
        counted[way] = tuple(int(value) for value in row[size : size + len(SUMS)])
        if way.engine == "reuse":
            reused.add(way.run_id)
        for condition, what in _list_suspicions(way, doubts, rates):
            yield from _lines_of(session, way, "silent_zero", condition, what)
        for check, condition, what in list_api_suspicions(way, of_api, rates.prices):
            yield from _lines_of(session, way, check, condition, what)
    yield from _compare_sums(counted, _read_rollup(session, run_ids))
    if reused:
        yield from _check_reuses(session, sorted(reused))


def _doubt_columns(lines: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of `Suspicions`, in its order, and those of `ApiSuspicions`."""
    c = lines.c
    tokens = func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0)
    counterfactual = func.coalesce(c.counterfactual_input_tokens, 0) + func.coalesce(
        c.counterfactual_output_tokens, 0
    )
    no_cost = and_(c.cost_nano.is_(None), c.input_tokens.is_not(None))
    no_counterfactual = and_(c.counterfactual_nano.is_(None), c.counterfactual_input_tokens.is_not(None))
    return [
        func.max(case((c.cost_nano == 0, tokens))),
        func.max(case((c.cost_nano == 0, c.gpu_ns))),
        func.max(case((c.counterfactual_nano == 0, counterfactual))),
        func.count(case((no_cost, 1))),
        func.count(case((no_counterfactual, 1))),
        *api_doubt_columns(lines),
    ]


def _list_suspicions(
    way: UsageKey, doubts: Suspicions, rates: RatesInForce
) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Yield conditions of lines that may be wrong, and what is wrong with those that fulfil them."""
    if doubts.free_tokens and (price := rates.prices.get(way.price_id or 0)):
        tokens = (Line.input_tokens, Line.cached_tokens, Line.cache_write_tokens, Line.output_tokens)
        yield (
            and_(Line.cost_nano == 0, _costs(price, *tokens)),
            "an attempt with tokens at a price cost nothing",
        )
    rate = rates.machines.get(way.infrastructure_id or 0, 0)
    if doubts.free_gpu_ns * rate >= 2 * NS_PER_HOUR:  # shares are rounded down to a whole nano-dollar
        least = -(-2 * NS_PER_HOUR // rate)
        yield (
            and_(Line.cost_nano == 0, Line.gpu_ns >= least),
            "an attempt with GPU time at a rate cost nothing",
        )
    if doubts.free_counterfactual and (price := rates.prices.get(way.counterfactual_price_id or 0)):
        parts = [
            func.coalesce(instead, case((Line.engine == "openai", own), else_=0))
            for instead, own in (
                (Line.counterfactual_cached_tokens, Line.cached_tokens),
                (Line.counterfactual_cache_write_tokens, Line.cache_write_tokens),
            )
        ]
        costs = _costs(price, Line.counterfactual_input_tokens, *parts, Line.counterfactual_output_tokens)
        what = "an attempt with counterfactual tokens at a price has a counterfactual cost of nothing"
        yield and_(Line.counterfactual_nano == 0, costs), what
    if doubts.unknown_cost and (way.price_id is not None or way.infrastructure_id is not None):
        condition = and_(Line.cost_nano.is_(None), Line.input_tokens.is_not(None))
        yield condition, "an attempt's cost is unknown, though its tokens and its price are not"
    if doubts.unknown_counterfactual and way.counterfactual_price_id is not None:
        known = Line.counterfactual_input_tokens.is_not(None)
        condition = and_(Line.counterfactual_nano.is_(None), known)
        yield (
            condition,
            "an attempt's counterfactual cost is unknown, though its tokens and its price are not",
        )


def _costs(price: tuple[int, int, int, int], *tokens: Any) -> ColumnElement[bool]:  # noqa: ANN401  columns
    """Condition: at this price these tokens come to a nano-dollar at least, rounded half up."""
    full, cached, written, output = (cast(func.coalesce(count, 0), BigInteger) for count in tokens)
    of_full, of_cached, of_written, of_output = (literal(nano, BigInteger) for nano in price)
    parts = cached * of_cached + written * of_written
    cost = (full - cached - written) * of_full + parts + output * of_output
    return cost * 2 >= MTOK


def _lines_of(
    session: Session, way: UsageKey, check: str, condition: ColumnElement[bool], what: str
) -> Iterator[Flaw]:
    own = (
        Line.run_id == way.run_id,
        Line.engine == way.engine,
        Line.outcome == way.outcome,
        Line.price_id.is_not_distinct_from(way.price_id),
        Line.infrastructure_id.is_not_distinct_from(way.infrastructure_id),
        Line.counterfactual_price_id.is_not_distinct_from(way.counterfactual_price_id),
    )
    rows = session.execute(select(Line.id).where(*own, condition).order_by(Line.id))
    yield from (Flaw(check, what, str(line)) for line in rows.scalars())


def _read_rollup(session: Session, run_ids: Sequence[UUID]) -> dict[UsageKey, tuple[int, ...]]:
    columns = [getattr(Usage, name) for name in (*UsageKey._fields, *SUMS)]
    kept: dict[UsageKey, tuple[int, ...]] = {}
    for row in session.execute(select(*columns).where(Usage.run_id.in_(run_ids))):
        way, sums = UsageKey(*row[: len(UsageKey._fields)]), row[len(UsageKey._fields) :]
        kept[way] = tuple(map(sum, zip(kept[way], sums, strict=True))) if way in kept else tuple(sums)
    return kept


def _compare_sums(
    counted: Mapping[UsageKey, tuple[int, ...]], kept: Mapping[UsageKey, tuple[int, ...]]
) -> Iterator[Flaw]:
    """Yield each run whose rollup is not what its lines come to, with the first figure that differs."""
    nothing = (0,) * len(SUMS)
    differing: defaultdict[UUID, str] = defaultdict(str)
    for way in sorted({*counted, *kept}, key=repr):
        lines, rollup = counted.get(way, nothing), kept.get(way, nothing)
        if lines != rollup and way.run_id not in differing:
            name, of_lines, of_rollup = next(
                one for one in zip(SUMS, lines, rollup, strict=True) if one[1] != one[2]
            )
            where = f"{way.day} {way.engine} {way.outcome}"
            differing[way.run_id] = f"{where}: {name} {of_lines:,} in the lines, {of_rollup:,} in the sums"
    for run_id, detail in differing.items():
        yield Flaw(WRONG_SUMS, "the daily sums of a run are not those of its lines", str(run_id), detail)


def _check_reuses(session: Session, run_ids: Sequence[UUID]) -> Iterator[Flaw]:
    """Yield reuses of nothing, but for those whose answer may have been archived, and of another answer."""
    source, own, other = aliased(Line), aliased(RunRow), aliased(RunRow)
    archived = (
        exists()
        .where(own.id == Line.run_id, other.version_id == own.version_id, other.archive_id.is_not(None))
        .correlate(Line)
    )
    unlike = or_(source.request_hash != Line.request_hash, source.answer_hash != Line.answer_hash)
    rows = session.execute(
        select(Line.id, source.id.is_(None))
        .outerjoin(source, source.id == Line.reuses)
        .where(Line.run_id.in_(run_ids), Line.reuses.is_not(None))
        .where(or_(and_(source.id.is_(None), ~archived), unlike))
        .order_by(Line.id)
    )
    for line, lost in rows:
        what = (
            "a reuse names an attempt that the ledger does not have"
            if lost
            else "a reuse names an attempt with another request or answer"
        )
        yield Flaw("reuse", what, str(line))
