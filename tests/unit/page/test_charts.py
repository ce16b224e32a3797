"""What the charts draw: every step of the period, unknown as a gap, never as nothing."""

from datetime import date
from decimal import Decimal
from typing import Any

from db.browse import Choices, Doubts
from db.browse_filters import Filters
from tasks.page import charts
from tasks.page.queries import Overview

DOUBTS = Doubts(0, Decimal(), 0, 0, 0, Decimal(), Decimal())


def _sums(workload: str, cost: str | None, there: str | None, **step: str) -> dict[str, object]:
    return {
        **step,
        "workload": workload,
        "attempts": 1,
        "input_tokens": 100,
        "cached_tokens": 60,
        "output_tokens": 7,
        "cost_usd": None if cost is None else Decimal(cost),
        "counterfactual_usd": None if there is None else Decimal(there),
    }


def _overview(grain: str, first: date, last: date, *steps: dict[str, object]) -> Overview:
    choices = Choices([], [], [], [], [], first, last)
    return Overview(choices, Filters(since=first, until=last), grain, None, steps, (), (), DOUBTS, ())


def _data(options: charts.Options) -> dict[str, Any]:
    return {series["name"]: series["data"] for series in options["series"]}


def test_costs_by_day() -> None:
    """A day without lines cost nothing; one with an unknown cost is a gap in the line, not in other workloads."""
    options = charts.cost(
        _overview(
            "day",
            date(2026, 11, 22),
            date(2026, 11, 24),
            _sums("a", "0.25", "1", day="2026-11-22"),
            _sums("b", "0.50", "2", day="2026-11-22"),
            _sums("a", None, None, day="2026-11-24"),
            _sums("b", "0.75", "4", day="2026-11-24"),
        )
    )
    assert options["xAxis"]["data"] == ["2026-11-22", "2026-11-23", "2026-11-24"]
    assert _data(options) == {
        "a": [0.25, 0.0, None],
        "b": [0.5, 0.0, 0.75],
        charts.ON_THE_API: [3.0, 0.0, None],
    }


def test_tokens_by_month() -> None:
    """Input that was read anew and from the cache add up to the input; months stand for their days."""
    options = charts.tokens(
        _overview(
            "month",
            date(2026, 9, 30),
            date(2026, 11, 1),
            _sums("a", "1", "1", month="2026-09"),
            _sums("b", "1", "1", month="2026-09"),
        )
    )
    assert options["xAxis"]["data"] == ["2026-09", "2026-10", "2026-11"]
    assert _data(options) == {
        "input": [80.0, 0.0, 0.0],
        "input, cached": [120.0, 0.0, 0.0],
        "output": [14.0, 0.0, 0.0],
    }


def test_shares_of_routes() -> None:
    """Shares of attempts in per cent; the largest is drawn last, which is on top."""
    rows = [{"route": "vllm", "attempts": 3}, {"route": "vllm>openai:low_confidence", "attempts": 1}]
    options = charts.routes(rows)
    assert options["yAxis"]["data"] == ["vllm>openai:low_confidence", "vllm"]
    assert _data(options) == {"share of attempts": [25.0, 75.0]}
