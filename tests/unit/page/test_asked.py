"""Addresses of the page: what they ask for is read back as it was written, what is no value is refused."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.browse import Choices
from db.browse_filters import Filters
from db.line_places import Position
from models.errors import UsageError
from models.run import PURPOSES
from tasks.page import address as asked
from tasks.page.address import PageQuery, address, by_month, narrow_filters, read, with_period

NAMES = st.none() | st.text(min_size=1)
LAST = date(2026, 11, 24)


def _choices(days: int) -> Choices:
    return Choices([], [], [], [], [], LAST - timedelta(days=days - 1), LAST)


def _read(address: str) -> PageQuery:
    return read(dict(parse_qsl(urlsplit(address).query, strict_parsing=bool(urlsplit(address).query))))


@given(
    names=st.fixed_dictionaries(
        {**dict.fromkeys(asked.NAMES, NAMES), "purpose": st.sampled_from((None, *PURPOSES))}
    ),
    run=st.none() | st.uuids(),
    days=st.none() | st.tuples(st.dates(), st.dates()).map(sorted),
    after=st.none()
    | st.builds(Position, st.uuids())
    | st.builds(Position, st.uuids(), st.text(min_size=1), st.integers(1, 99)),
)
def test_what_is_asked_survives_the_address(names: Any, run: Any, days: Any, after: Any) -> None:  # noqa: ANN401
    """Whatever the names and record keys are, an address asks for exactly what it was made for."""
    since, until = days or (None, None)
    filters = Filters(**names, run_id=run, since=since, until=until)
    assert _read(address("/lines", filters, after=after)) == PageQuery(filters, after)


def test_nothing_asked() -> None:
    """Empty parameters do not restrict."""
    assert read({"workload": "", "since": "", "state": ""}) == PageQuery(Filters())
    assert address("/lines", Filters()) == "/lines"


def test_production_unless_a_run_is_asked_for() -> None:
    """An address without a purpose leaves evaluations out, but shows one run whatever it was for."""
    run = uuid4()
    assert read({}).filters.purpose == "production"
    assert read({"run": str(run)}).filters.purpose is None
    assert read({"purpose": "all"}).filters.purpose is None
    assert address("/lines", Filters(run_id=run, purpose=None)) == f"/lines?run={run}"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"since": "yesterday"}, "since='yesterday' is not a day"),
        ({"run": "12"}, "run='12' is not a run's id"),
        (
            {"purpose": "test"},
            "purpose='test' is not a purpose; choose from all, production, trial, audit, training, evaluation,",
        ),
        ({"after": "12"}, "go back to the first page"),
        ({"after": "x.y.z"}, "go back to the first page"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "is before since"),
    ],
)
def test_what_is_no_value(parameters: dict[str, str], says: str) -> None:
    """One line says what is wrong with an address that was written by hand."""
    with pytest.raises(UsageError, match=says):
        read(parameters)


def test_the_period_where_none_is_asked() -> None:
    """The last 30 days that have lines; a period that is asked for stays; an empty ledger has none."""
    assert with_period(Filters(), _choices(400)) == Filters(since=LAST - timedelta(days=29), until=LAST)
    assert with_period(Filters(until=LAST), _choices(400)) == Filters(until=LAST)
    assert with_period(Filters(), Choices([], [], [], [], [], None, None)) == Filters()


def test_long_periods_are_shown_by_month() -> None:
    """A hundred days are still shown day by day; open ends are those of the ledger."""
    assert not by_month(Filters(since=LAST - timedelta(days=99), until=LAST), _choices(400))
    assert by_month(Filters(since=LAST - timedelta(days=100), until=LAST), _choices(400))
    assert by_month(Filters(), _choices(400))
    assert not by_month(Filters(), _choices(9))


def test_what_a_row_of_sums_stands_for() -> None:
    """Its names, and its day or month as far as the period reaches."""
    period = Filters(since=date(2026, 2, 10), until=LAST)
    assert narrow_filters(period, {"route": "vllm"}) == replace(period, route="vllm")
    day = date(2026, 3, 2)
    found = narrow_filters(period, {"day": "2026-03-02", "workload": "w"})
    assert found == Filters(workload="w", since=day, until=day)
    assert narrow_filters(period, {"month": "2026-02"}) == Filters(
        since=period.since, until=date(2026, 2, 28)
    )
    assert narrow_filters(Filters(), {"month": "2028-02"}).until == date(2028, 2, 29)
