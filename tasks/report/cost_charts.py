"""Pictures of what each way of serving costs: by month, and over volume."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

from matplotlib.axes import Axes

from models.economics.figures import MonthFigures
from models.economics.figures_outlook import CurvePoint
from models.economics.figures_recommendation import ScenarioName
from models.economics.past_month import PastMonth
from tasks.documents.amounts import count, plural, usd
from tasks.documents.page import Chart
from tasks.documents.plotting import BLACK, LINES, count_axis, dollar_axis, dollars, figure, plot_costs, png
from tasks.report import sentences

MOST_MONTHS_NAMED = 7


def draw_cost_by_month(figures: MonthFigures) -> Chart | None:
    """Draw what each way cost in the months that are known, and where self-hosting and the API cross."""
    history = figures.history
    if not history:
        return None
    with figure(3.5 if history[1:] else 2.2) as drawn:
        axes = drawn.add_subplot(
            title="Cost a month, by way of serving" if history[1:] else "Cost of the month"
        )
        if history[1:]:
            _months(axes, history)
            drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        else:
            _one_month(axes, history[0])
        if figures.partial:
            axes.set_xlabel("the last month is projected" if history[1:] else "projected")
        picture = png(drawn)
    return Chart(picture, _cost_by_month_in_words(figures))


def _months(axes: Axes, history: Sequence[PastMonth]) -> None:
    _lines(axes, range(len(history)), history, marker_size=4)
    _mark(axes, find_crossings(history), "crossing")
    dollar_axis(axes)
    axes.set_xlim(-0.4, len(history) - 0.6)
    axes.set_xticks(*_month_ticks([month.month for month in history]))


def _one_month(axes: Axes, month: PastMonth) -> None:
    """Draw bars, since one month makes no line."""
    known = {name: cost for name in LINES if (cost := _cost(month, name)) is not None}
    bars = axes.barh(
        [LINES[name].label for name in known],
        [dollars(cost) for cost in known.values()],
        color=[LINES[name].colour for name in known],
    )
    axes.bar_label(bars, [usd(cost) for cost in known.values()], padding=3)
    axes.margins(x=0.25)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    dollar_axis(axes, "x")


def _lines(
    axes: Axes, places: Sequence[int], costs: Sequence[PastMonth | CurvePoint], *, marker_size: float = 0
) -> None:
    """Draw one line for each way of serving of which any cost is known."""
    for name in LINES:
        values = [_cost(point, name) for point in costs]
        if any(value is not None for value in values):
            plot_costs(axes, name, places, values, marker_size)


def _cost(month: PastMonth | CurvePoint, name: ScenarioName) -> int | None:
    value: int | None = getattr(month, f"{name}_nano")
    return value


def find_crossings(history: Sequence[PastMonth]) -> list[tuple[float, float]]:
    """Find where the hybrid's line crosses that of the API's cheapest way between two months with a machine: (place, dollars)."""
    found = []
    for place, (before, after) in enumerate(pairwise(history)):
        if before.hybrid_nano is None or after.hybrid_nano is None or not (before.machine and after.machine):
            continue
        api = _cheapest(before), _cheapest(after)
        gaps = before.hybrid_nano - api[0], after.hybrid_nano - api[1]
        if gaps[0] * gaps[1] < 0:
            way = gaps[0] / (gaps[0] - gaps[1])
            between = api[0] + (api[1] - api[0]) * way
            found.append((place + way, between / 1e9))
    return found


def _cheapest(month: PastMonth) -> int:
    return min(month.api_sync_nano, month.api_batch_nano)


def _mark(axes: Axes, points: Iterable[tuple[float, float]], label: str) -> None:
    """Draw a ring around each point, with one entry in the legend."""
    listed = list(points)
    if listed:
        places, costs = zip(*listed, strict=True)
        axes.scatter(places, costs, s=110, facecolors="none", edgecolors=BLACK, linewidths=1.4,
                     zorder=5, label=label)  # fmt: skip


def _month_ticks(months: Sequence[date]) -> tuple[list[int], list[str]]:
    """Name every month, or so many that the names do not touch; the year where it begins."""
    step = -(-len(months) // MOST_MONTHS_NAMED)
    places = list(range((len(months) - 1) % step, len(months), step))
    labels = []
    for index, place in enumerate(places):
        month = months[place]
        new_year = index == 0 or months[places[index - 1]].year != month.year
        labels.append(f"{month:%b}\n{month.year}" if new_year else f"{month:%b}")
    return places, labels


def _cost_by_month_in_words(figures: MonthFigures) -> str:
    first, last = figures.history[0].month, figures.history[-1]
    months = f"{sentences.month_name(first)} to {sentences.month_name(last.month)}"
    costs = [
        f"{sentences.SCENARIOS[name]} {usd(_cost(last, name))}"
        for name in LINES
        if _cost(last, name) is not None
    ]
    over = sentences.month_name(first) if len(figures.history) == 1 else months
    crossed = len(find_crossings(figures.history))
    crossed_text = (
        f" The lines of the API's cheapest way and of what really ran cross {plural(crossed, 'time')}."
        if crossed
        else ""
    )
    return (
        f"Lines: what each way of serving cost, {over}. In the last month: {'; '.join(costs)}.{crossed_text}"
    )


def draw_break_even_curve(figures: MonthFigures) -> Chart | None:
    """Draw the cost of each way over volume, with this month's place and where self-hosting begins to pay."""
    curve = figures.curve
    if len(curve) < 2 or not any(point.records for point in curve):  # noqa: PLR2004  a line has two ends
        return None
    with figure(3.5) as drawn:
        axes = drawn.add_subplot(title="Cost a month over volume", xlabel="records a month")
        places = [point.records for point in curve]
        _lines(axes, places, curve)
        today = next((point for point in curve if point.factor == 1 and point.hybrid_nano is not None), None)
        if today is not None:
            axes.scatter([today.records], [dollars(today.hybrid_nano)], s=60, color=BLACK, marker="o", zorder=6,
                         label="this month")  # fmt: skip
            axes.axvline(today.records, color="#767676", linewidth=0.8, dashes=(2, 2))
        _mark(axes, _break_even_point(figures), "begins to pay")
        dollar_axis(axes)
        count_axis(axes)
        axes.set_xlim(0, max(places))
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        picture = png(drawn)
    return Chart(picture, _curve_in_words(figures))


def _break_even_point(figures: MonthFigures) -> list[tuple[float, float]]:
    hybrid = figures.alternative.break_even("hybrid")
    if hybrid.records is None or hybrid.spend_nano is None or not hybrid.factor:
        return []
    inside = hybrid.records <= figures.curve[-1].records
    return [(float(hybrid.records), dollars(hybrid.spend_nano))] if inside else []


def _curve_in_words(figures: MonthFigures) -> str:
    hybrid = figures.alternative.break_even("hybrid")
    if hybrid.records is None:
        crossing = "They do not cross where self-hosting would begin to pay."
    else:
        crossing = f"What really ran begins to pay at {count(hybrid.records)} records a month ({usd(hybrid.spend_nano)})."
    most = count(figures.curve[-1].records)
    return f"Lines: what each way of serving costs at volumes from 0 to {most} records a month. {crossing}"
