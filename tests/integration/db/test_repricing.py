"""Repricing from the rollup equals repricing each line, and changes none of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Unpack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, ledger, reference
from db.line_filters import SummaryFilters
from db.repricing import list_prices, read_priced_usage
from db.tables import LedgerLineRow, PriceRow
from models.economics.pricing import BATCH_SUFFIX, Price, cost_nano, cost_of_mtok
from models.economics.repricing import Repriced, reprice
from models.economics.repricing_prices import RepricingPrices, parse_supposed_price
from models.errors import UsageError
from models.ids import new_id
from models.ledger.line import LedgerLine
from models.requests import Usage
from tests.integration.db.ledger_lines import DAY, MINI, Keys, closing, line, pending, seed
from tests.ledger_lines import read_lines

Sessions = sessionmaker[Session]
NOTHING = Usage(0, 0, 0)
BATCH = replace(
    MINI,
    model=MINI.model + BATCH_SUFFIX,
    input_nano_per_mtok=75_000_000,
    cached_input_nano_per_mtok=37_500_000,
    output_nano_per_mtok=300_000_000,
    cache_write_nano_per_mtok=93_750_000,
)
TWICE = ("gpt-4o-mini=0.3/1.2/0.15", "gpt-4o-mini:batch=0.15/0.6/0.075/0.1875")
TOKENS = st.builds(
    lambda fresh, cached, written, out: Usage(fresh + cached + written, cached, out, out // 2, written),
    *[st.integers(0, 5000)] * 4,
)
KINDS = ("local", "reuse", "sync", "batch", "failed", "unserved", "blind")
Drawn = tuple[str, int, Usage, bool]
ATTEMPTS = st.tuples(st.sampled_from(KINDS), st.integers(0, 2), TOKENS, st.booleans())


def repriced(
    session: Session, *supposed: str, by: tuple[str, ...] = (), **filters: Unpack[SummaryFilters]
) -> dict[tuple[str, ...], Repriced]:
    """Reprice the ledger, or a part of it."""
    known = [price for _, _, price in reference.read_prices(session)]
    book = RepricingPrices(known, [parse_supposed_price(text) for text in supposed])
    return {key: reprice(usage, book) for key, usage in read_priced_usage(session, by, **filters).items()}


def rows(session: Session, table: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401  a mapped class
    """Read a whole table."""
    columns = [getattr(table, column.key) for column in table.__table__.columns]
    return [tuple(row) for row in session.execute(select(*columns).order_by(table.id))]


def made(keys: Keys, batch_price: int, number: int, drawn: Drawn) -> LedgerLine:
    """Make a line as the pipeline writes it: its amounts are those of its tokens at its price."""
    kind, day, used, estimated = drawn
    at = datetime.combine(DAY + timedelta(days=day), time(23, 59), UTC)
    name, price, price_id = str(number), MINI, keys.price
    if kind == "local":
        guess = counterfactual(Usage(used.input_tokens, 0, used.output_tokens))
        return line(keys, name, at=at, estimated=estimated, cost_nano=number, **tokens(used), **guess)
    if kind == "reuse":
        source = {"engine": "reuse", "reason": "identical", "reuses": keys.run, "cost_nano": 0, "gpu_ns": 0}
        return line(keys, name, at=at, **source, **tokens(NOTHING), **counterfactual(NOTHING))
    if kind == "batch":
        price, price_id = BATCH, batch_price
    outcomes = {"failed": "failed", "unserved": "invalid_output", "blind": "unknown_outcome"}
    figures: dict[str, Any] = {"cost_nano": cost_nano(price, used), **tokens(used)}
    if kind == "failed":
        figures = {"cost_nano": 0, **tokens(NOTHING)}
    elif kind == "blind":
        figures |= dict.fromkeys(tokens(used))
    served = used if kind in {"sync", "batch"} else NOTHING
    figures |= counterfactual(served)
    outcome = outcomes.get(kind, "ok")
    return pending(keys, name, at=at, estimated=estimated, outcome=outcome, price_id=price_id, **figures)


def tokens(used: Usage) -> dict[str, int]:
    """Return token counts as a line holds them."""
    return asdict(used)


def counterfactual(used: Usage) -> dict[str, int]:
    """Return the counterfactual figures of an answer at once."""
    return {
        "counterfactual_input_tokens": used.input_tokens,
        "counterfactual_output_tokens": used.output_tokens,
        "counterfactual_nano": cost_nano(MINI, used),
    }


def exact(price: Price, used: Iterable[Usage]) -> Fraction:
    """Cost of all, nano-dollars, not rounded."""
    return Fraction(sum(cost_of_mtok(price, one) for one in used), 10**6)


def check_day(found: Repriced, drawn: list[Drawn], lines: list[LedgerLine], factor: int) -> None:
    """Compare a day's sums with those over its lines, at prices that are so many times the written ones."""

    def of(*kinds: str) -> list[Usage]:
        return [used for kind, _, used, _ in drawn if kind in kinds]

    costs = {
        kind: [one.cost_nano or 0 for (name, *_), one in zip(drawn, lines, strict=True) if name == kind]
        for kind in KINDS
    }
    bounds = factor * sum(costs["blind"])
    spent = exact(MINI, of("sync", "unserved")) + exact(BATCH, of("batch"))
    guessed = [Usage(used.input_tokens, 0, used.output_tokens) for used in of("local")]
    counter = exact(MINI, [*guessed, *of("sync", "batch")])
    assert found == Repriced(
        attempts=len(lines),
        cost_nano=sum(one.cost_nano or 0 for one in lines),
        repriced_nano=half_up(factor * spent + bounds + sum(costs["local"])),
        counterfactual_nano=sum(one.counterfactual_nano or 0 for one in lines),
        repriced_counterfactual_nano=half_up(factor * counter),
        upper_bound_nano=bounds,
        bounded=len(costs["blind"]),
        estimated=sum(one.estimated for one in lines),
        unknown=0,
    )


def half_up(amount: Fraction) -> int:
    """Round to a whole nano-dollar."""
    return (amount + Fraction(1, 2)).__floor__()


@given(drawn=st.lists(ATTEMPTS, min_size=1, max_size=25), factor=st.sampled_from([1, 2]))
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a workload of its own
)
def test_sums_equal_those_over_the_lines(make_session: Sessions, drawn: list[Drawn], factor: int) -> None:
    """Day by day, at the prices that were written and at others; every line and every price stays as it was."""
    workload = new_id().hex
    with make_session.begin() as session:
        keys = seed(session, workload)
        reference.sync_prices(session, [BATCH])
        batch_price, _ = reference.find_price(session, BATCH.provider, BATCH.model, DAY)
        lines = [made(keys, batch_price, number, one) for number, one in enumerate(drawn)]
        ledger.insert_lines(session, lines)
    with make_session.begin() as session:
        before = [rows(session, table) for table in (LedgerLineRow, PriceRow)]
        found = repriced(session, *(TWICE if factor > 1 else ()), by=("day",), workload=workload)
        assert [rows(session, table) for table in (LedgerLineRow, PriceRow)] == before
    days: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(lines):
        days[one.at.date().isoformat()].append(number)
    assert {key[0] for key in found} == set(days)
    for day, numbers in days.items():
        check_day(found[day,], [drawn[n] for n in numbers], [lines[n] for n in numbers], factor)


def test_groups_and_filters(make_session: Sessions, keys: Keys) -> None:
    """By every column, alone and together; filters take away what they should."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        later = datetime(2026, 12, 1, tzinfo=UTC)
        ledger.insert_lines(session, [line(keys, "a"), line(other, "b", at=later)])
        ledger.insert_lines(session, [pending(keys, "a", attempt=2)])
        assert {key: one.attempts for key, one in repriced(session, by=("workload", "model")).items()} == {
            ("sentiment", "small"): 1,
            ("sentiment", "gpt-4o-mini"): 1,
            ("enrichment", "small"): 1,
        }
        for by, found in (
            ("engine", {"vllm", "openai"}),
            ("route", {"vllm", "vllm>openai:low_confidence"}),
            ("day", {"2026-11-23", "2026-12-01"}),
            ("month", {"2026-11", "2026-12"}),
        ):
            assert {key[0] for key in repriced(session, by=(by,))} == found
        assert repriced(session, since=date(2026, 12, 1))[()].attempts == 1
        assert repriced(session, until=date(2026, 11, 23), engine="vllm")[()].attempts == 1
        assert repriced(session, model="gpt-4o-mini", workload="enrichment") == {}
        with pytest.raises(UsageError, match="cannot reprice by colour; choose from workload, model"):
            repriced(session, by=("colour",))


def test_a_pending_line_counts_with_its_bound_until_it_is_closed(make_session: Sessions, keys: Keys) -> None:
    """At twice the price the most it can cost is twice as much; closed, it is what its tokens cost."""
    opened = pending(keys)
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened])
    with make_session.begin() as session:
        found = repriced(session, TWICE[0])[()]
        assert (found.repriced_nano, found.upper_bound_nano, found.bounded) == (2_000, 2_000, 1)
        attempts.close_attempts(session, [closing(opened.id, cost_nano=16_200, counterfactual_nano=16_200)])
        found = repriced(session, TWICE[0])[()]
    assert (found.cost_nano, found.repriced_nano, found.bounded) == (16_200, 32_400, 0)


def test_a_correction_is_what_lines_are_repriced_at(make_session: Sessions, keys: Keys) -> None:
    """The newest version counts, and one that holds from a day on only since then; the lines name the old one."""
    days = [DAY, DAY + timedelta(days=1)]
    used = {**tokens(Usage(1_000_000, 0, 0)), "cost_nano": 150_000_000, "outcome": "ok"}
    with make_session.begin() as session:
        for day in days:
            at = datetime.combine(day, time(12), UTC)
            ledger.insert_lines(session, [pending(keys, str(day), at=at, **used)])
        dearer = replace(MINI, input_nano_per_mtok=200_000_000)
        assert reference.sync_prices(session, [dearer]) == 1
        assert {key[0]: one.repriced_nano for key, one in repriced(session, by=("day",)).items()} == {
            str(day): 200_000_000 for day in days
        }
        since = replace(MINI, effective_from=days[1], input_nano_per_mtok=1_000_000_000, source="entered x")
        assert reference.enter_price(session, since)
        found = {key[0]: one for key, one in repriced(session, by=("day",)).items()}
        assert [found[str(day)].repriced_nano for day in days] == [200_000_000, 1_000_000_000]
        assert [found[str(day)].cost_nano for day in days] == [150_000_000] * 2
        assert {one.price_id for one in read_lines(session, keys.run)} == {keys.price}


def test_an_entered_price_stands_until_the_source_says_something_new(make_session: Sessions) -> None:
    """What the package says again does not overrule it, what it says for the first time does."""
    entered = replace(MINI, input_nano_per_mtok=7, source="entered 2026-11-25")
    with make_session.begin() as session:
        assert reference.sync_prices(session, [MINI]) == 1
        assert reference.enter_price(session, entered)
        assert not reference.enter_price(session, entered)
        assert reference.sync_prices(session, [MINI]) == 0
        assert reference.find_price(session, "openai", "gpt-4o-mini", DAY)[1] == entered
        assert reference.sync_prices(session, [replace(MINI, output_nano_per_mtok=9)]) == 1
        assert reference.find_price(session, "openai", "gpt-4o-mini", DAY)[1].output_nano_per_mtok == 9
        assert [row[6] for row in rows(session, PriceRow)] == [150_000_000, 7, 150_000_000]


def test_prices_are_listed_with_their_versions(make_session: Sessions, keys: Keys) -> None:
    """All versions, which one holds, and how many lines stand on each, counted once."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys), pending(keys, attempt=2)])
        reference.sync_prices(session, [replace(MINI, cached_input_nano_per_mtok=None), BATCH])
        found = list_prices(session)
        assert [(one["model"], one["version"], one["newest"], one["lines"]) for one in found] == [
            ("gpt-4o-mini", 1, False, 2),
            ("gpt-4o-mini", 2, True, 0),
            ("gpt-4o-mini:batch", 1, True, 0),
        ]
        assert [str(one["cached_input_usd_per_mtok"]) for one in found] == [
            "0.075000000",
            "None",
            "0.037500000",
        ]
        assert len(list_prices(session, "gpt-4o-mini:batch")) == 1
