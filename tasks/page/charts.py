"""Charts as ECharts' options: plain values, drawn by the browser with the library that NiceGUI brings along.

Colours are those of Okabe and Ito, which the colour-blind can tell apart, and areas carry patterns as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import fsum
from typing import Any

from db.browse import Choices
from db.browse_filters import Filters
from tasks.page.queries import Overview, Rows

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
API_COLOUR = "#000000"
TEXT = {"fontFamily": "Roboto, Arial, sans-serif", "fontSize": 13, "color": "#333333"}
ON_THE_API = "the same on the API"

# Written for the browser: an amount to the cent from one dollar on, below to three significant digits.
_DOLLARS = """(value) => value == null ? 'unknown' : '$' + Number(value).toLocaleString('en-US',
  Math.abs(value) >= 1 || value == 0
    ? {minimumFractionDigits: 2, maximumFractionDigits: 2} : {maximumSignificantDigits: 3})"""
_AXIS_DOLLARS = "(value) => '$' + Number(value).toLocaleString('en-US', {maximumSignificantDigits: 6})"
_NUMBER = "(value) => value == null ? 'unknown' : Number(value).toLocaleString('en-US')"
_AXIS_NUMBER = (
    "(value) => Number(value).toLocaleString('en-US', {notation: 'compact', maximumSignificantDigits: 3})"
)
_PERCENT = "(value) => value > 0 && value < 0.05 ? '< 0.1 %' : Number(value).toFixed(1) + ' %'"

Options = dict[str, Any]


def cost(overview: Overview) -> Options:
    """Draw cost by day or month, a bar in parts of the workloads, and what the same would cost on the API as a line.

    A workload whose cost is unknown has no part in that bar, and the line is broken where it is unknown;
    one without lines cost nothing.
    """
    steps = list(_steps(overview))
    parts = [
        {
            "type": "bar",
            "stack": "cost",
            "name": workload,
            "data": [_amount(rows.get(step), "cost_usd") for step in steps],
        }
        for workload, rows in _by_workload(overview)
    ]
    line = {
        "type": "line",
        "name": ON_THE_API,
        "data": _sums(overview.steps, overview.grain, steps, "counterfactual_usd"),
        "color": API_COLOUR,
        "symbol": "diamond",
        "symbolSize": 8,
        "lineStyle": {"type": "dashed", "width": 2},
    }
    return _over_time(steps, [*parts, line], _DOLLARS, _AXIS_DOLLARS)


def tokens(overview: Overview) -> Options:
    """Draw tokens by day or month: input that was read anew, input from the cache, output."""
    steps = list(_steps(overview))
    cached = _sums(overview.steps, overview.grain, steps, "cached_tokens")
    read = _sums(overview.steps, overview.grain, steps, "input_tokens")
    output = _sums(overview.steps, overview.grain, steps, "output_tokens")
    fresh = [None if of is None else of - (hit or 0) for of, hit in zip(read, cached, strict=True)]
    series = [
        {"type": "bar", "stack": "tokens", "name": name, "data": data}
        for name, data in (("input", fresh), ("input, cached", cached), ("output", output))
    ]
    return _over_time(steps, series, _NUMBER, _AXIS_NUMBER)


def routes(rows: Rows) -> Options:
    """Draw the share of attempts that took each route, in per cent, the largest on top."""
    whole = sum(_count(row, "attempts") for row in rows) or 1
    ordered = sorted(rows, key=lambda row: _count(row, "attempts"))
    names = {"width": 220, "overflow": "truncate", "color": TEXT["color"]}
    bars = {
        "type": "bar",
        "name": "share of attempts",
        "data": [_count(row, "attempts") * 100 / whole for row in ordered],
        "barMaxWidth": 22,
        "label": {"show": True, "position": "right", ":formatter": f"(bar) => ({_PERCENT})(bar.value)"},
    }
    return {
        **_base(_PERCENT),
        "grid": {"left": 8, "right": 64, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "max": 100, "axisLabel": {"show": False}, "splitLine": {"show": False}},
        "yAxis": {"type": "category", "data": [str(row["route"]) for row in ordered], "axisLabel": names},
        "series": [bars],
    }


def height_of_routes(rows: Rows) -> int:
    """Pixels that `routes` needs."""
    return 16 + 40 * max(1, len(rows))


def _base(value_formatter: str) -> Options:
    return {
        "color": list(COLOURS),
        "textStyle": TEXT,
        "animation": False,
        "aria": {"enabled": True, "decal": {"show": True}},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "shadow"},
            "confine": True,
            ":valueFormatter": value_formatter,
        },
    }


def _over_time(steps: Sequence[str], series: Sequence[Options], values: str, axis: str) -> Options:
    return {
        **_base(values),
        "legend": {"type": "scroll", "top": 0, "textStyle": TEXT},
        "grid": {"left": 8, "right": 16, "top": 48, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "category", "data": list(steps), "axisLabel": {"hideOverlap": True}},
        "yAxis": {"type": "value", "axisLabel": {":formatter": axis}},
        "series": [{"barMaxWidth": 48, **one} if one["type"] == "bar" else one for one in series],
    }


def _steps(overview: Overview) -> Iterator[str]:
    """Yield every day or month of the period, also those without a line."""
    since, until = _bounds(overview.filters, overview.choices)
    if since is None or until is None:
        return
    seen = ""
    for day in (since + timedelta(days=n) for n in range((until - since).days + 1)):
        step = day.isoformat() if overview.grain == "day" else f"{day:%Y-%m}"
        if step != seen:
            yield step
        seen = step


def _bounds(filters: Filters, choices: Choices) -> tuple[date | None, date | None]:
    """Return the period, no longer than there are lines."""
    first, last = choices.first_day, choices.last_day
    if first is None or last is None:
        return None, None
    return max(filters.since or first, first), min(filters.until or last, last)


def _by_workload(overview: Overview) -> list[tuple[str, Mapping[str, dict[str, object]]]]:
    workloads = sorted({str(row["workload"]) for row in overview.steps})
    return [
        (
            workload,
            {str(row[overview.grain]): row for row in overview.steps if row["workload"] == workload},
        )
        for workload in workloads
    ]


def _sums(rows: Rows, grain: str, steps: Sequence[str], column: str) -> list[float | None]:
    """Add up a column over the workloads of each step; None where any is unknown, 0 where there is no line."""
    return [_total([_amount(row, column) for row in rows if str(row[grain]) == step]) for step in steps]


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if len(known) == len(values) else None


def _amount(row: dict[str, object] | None, column: str) -> float | None:
    value = 0 if row is None else row[column]
    return None if value is None else float(str(value))


def _count(row: dict[str, object], column: str) -> int:
    return int(str(row[column] or 0))
