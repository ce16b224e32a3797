"""The report's pictures: cost by month, cost over volume, workloads, and what the machine did. Figures in, PNG out."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import pairwise

from matplotlib.axes import Axes

from models.economics.figures import MonthFigures, ScenarioName, WorkloadFigures
from models.economics.figures_outlook import CurvePoint
from models.economics.month import PastMonth
from models.gpu_time import NS_PER_SECOND
from tasks.documents.amounts import count, hours, percent, plural, usd
from tasks.documents.page import Chart
from tasks.documents.plotting import (
    BLACK,
    BLUE,
    GREY,
    LINES,
    ORANGE,
    SKY,
    VERMILLION,
    count_axis,
    dollar_axis,
    dollars,
    figure,
    png,
    shortened,
)
from tasks.report import sentences
from tasks.report.month_report import MonthReport

MOST_WORKLOADS = 10
MOST_MONTHS_NAMED = 7
UNITS = (("hours", 3600 * NS_PER_SECOND), ("minutes", 60 * NS_PER_SECOND), ("seconds", NS_PER_SECOND))


def draw(report: MonthReport) -> dict[str, Chart]:
    """Draw every picture that has something to show, by its name."""
    figures = report.figures
    drawn: dict[str, Callable[[MonthFigures], Chart | None]] = {
        "cost_by_month": cost_by_month,
        "break_even_curve": break_even_curve,
        "workloads": workloads,
        "utilization": utilization,
    }
    charts = {name: make(figures) for name, make in drawn.items()}
    return {name: chart for name, chart in charts.items() if chart is not None}


def cost_by_month(figures: MonthFigures) -> Chart | None:
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
    _lines(axes, range(len(history)), history, with_markers=True)
    _mark(axes, crossings(history), "crossing")
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
    axes: Axes, places: Sequence[int], costs: Sequence[PastMonth | CurvePoint], *, with_markers: bool = False
) -> None:
    """Draw one line for each way of serving of which any cost is known."""
    for name, line in LINES.items():
        values = [_cost(point, name) for point in costs]
        if any(value is not None for value in values):
            axes.plot(
                places,
                list(map(dollars, values)),
                label=line.label,
                color=line.colour,
                dashes=line.dashes,
                linewidth=line.width,
                marker=line.marker if with_markers else "",
                markersize=4,
                zorder=line.zorder,
            )


def _cost(month: PastMonth | CurvePoint, name: ScenarioName) -> int | None:
    value: int | None = getattr(month, f"{name}_nano")
    return value


def crossings(history: Sequence[PastMonth]) -> list[tuple[float, float]]:
    """Find where the hybrid's line crosses the API's between two months with a machine: (place, dollars)."""
    found = []
    for place, (before, after) in enumerate(pairwise(history)):
        if before.hybrid_nano is None or after.hybrid_nano is None or not (before.machine and after.machine):
            continue
        gaps = before.hybrid_nano - before.api_sync_nano, after.hybrid_nano - after.api_sync_nano
        if gaps[0] * gaps[1] < 0:
            way = gaps[0] / (gaps[0] - gaps[1])
            between = before.api_sync_nano + (after.api_sync_nano - before.api_sync_nano) * way
            found.append((place + way, between / 1e9))
    return found


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
    crossed = len(crossings(figures.history))
    crossed_text = (
        f" The lines of the API at once and of what really ran cross {plural(crossed, 'time')}."
        if crossed
        else ""
    )
    return (
        f"Lines: what each way of serving cost, {over}. In the last month: {'; '.join(costs)}.{crossed_text}"
    )


def break_even_curve(figures: MonthFigures) -> Chart | None:
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
    hybrid = next((one for one in figures.break_evens if one.name == "hybrid"), None)
    if hybrid is None or hybrid.records is None or hybrid.spend_nano is None or not hybrid.factor:
        return []
    inside = hybrid.records <= figures.curve[-1].records
    return [(float(hybrid.records), dollars(hybrid.spend_nano))] if inside else []


def _curve_in_words(figures: MonthFigures) -> str:
    hybrid = next((one for one in figures.break_evens if one.name == "hybrid"), None)
    if hybrid is None or hybrid.records is None:
        crossing = "They do not cross where self-hosting would begin to pay."
    else:
        crossing = f"What really ran begins to pay at {count(hybrid.records)} records a month ({usd(hybrid.spend_nano)})."
    most = count(figures.curve[-1].records)
    return f"Lines: what each way of serving costs at volumes from 0 to {most} records a month. {crossing}"


def workloads(figures: MonthFigures) -> Chart | None:
    """Draw each workload's tokens, and what it cost here and would have cost on the API."""
    shown = _largest(figures.workloads)
    if not shown:
        return None
    with figure(1.5 + 0.62 * len(shown)) as drawn:
        tokens, costs = drawn.subplots(2, 1)
        names = [shortened(one.workload) for one in shown]
        own = [one.local_tokens.total for one in shown]
        tokens.barh(names, own, color=BLUE, edgecolor="white", label="own model")
        tokens.barh(names, [one.api_tokens.total for one in shown], left=own, color=VERMILLION, edgecolor="white",
                    hatch="////", label="API")  # fmt: skip
        tokens.set_title("Tokens")
        count_axis(tokens)
        _cost_bars(costs, shown, names)
        for axes in (tokens, costs):
            axes.invert_yaxis()
            axes.grid(visible=False, axis="y")
        (marks, *bars), (mark, *labels) = (
            costs.get_legend_handles_labels()
        )  # what is drawn as a line comes first
        drawn.legend([*bars, marks], [*labels, mark], loc="outside lower center", ncols=2)
        picture = png(drawn)
    return Chart(picture, _workloads_in_words(shown))


def _cost_bars(axes: Axes, shown: Sequence[WorkloadFigures], names: Sequence[str]) -> None:
    parts = (
        ("API", VERMILLION, "////", [one.api_nano for one in shown]),
        ("own model: machine", BLUE, "", [one.gpu_nano or 0 for one in shown]),
        ("own model: people", SKY, "....", [one.labour_nano for one in shown]),
    )
    left = [0] * len(shown)
    for label, colour, hatch, values in parts:
        axes.barh(names, list(map(dollars, values)), left=list(map(dollars, left)), color=colour, hatch=hatch,
                  edgecolor="white", label=label)  # fmt: skip
        left = [sum(pair) for pair in zip(left, values, strict=True)]
    axes.plot([dollars(one.api_sync_nano) for one in shown], names, "D", color=BLACK, markersize=6,
              markeredgecolor="white", label="all of it on the API at once", zorder=5)  # fmt: skip
    axes.set_title("Cost of the month")
    dollar_axis(axes, "x")


def _largest(every: Sequence[WorkloadFigures]) -> list[WorkloadFigures]:
    return sorted(every, key=lambda one: -(one.local_tokens.total + one.api_tokens.total))[:MOST_WORKLOADS]


def _workloads_in_words(shown: Sequence[WorkloadFigures]) -> str:
    own = sum(one.local_tokens.total for one in shown)
    api = sum(one.api_tokens.total for one in shown)
    return (
        f"Bars: tokens and cost of {plural(len(shown), 'workload')}, {count(own)} tokens by the own model and"
        f" {count(api)} by the API. The table of workloads holds the same figures."
    )


def utilization(figures: MonthFigures) -> Chart | None:
    """Draw what the billed machine time went to."""
    gpu = figures.gpu
    if gpu.billed_ns <= 0:
        return None
    parts = (
        ("answering", BLUE, "", gpu.time.busy_ns),
        ("loading the model", ORANGE, "////", gpu.time.load_ns),
        ("waiting", SKY, "....", gpu.time.idle_ns),
        ("unused", GREY, "", max(0, gpu.unused_ns)),
    )
    unit, ns_per_unit = next(
        (name, ns) for name, ns in UNITS if gpu.billed_ns >= 2 * ns or ns == NS_PER_SECOND
    )
    with figure(1.6) as drawn:
        axes = drawn.add_subplot(
            title=f"{hours(gpu.billed_ns)} of machine time that were paid for", xlabel=unit
        )
        left = 0.0
        for label, colour, hatch, ns in parts:
            axes.barh([""], [ns / ns_per_unit], left=left, color=colour, hatch=hatch, edgecolor="white",
                      label=f"{label}, {hours(ns)}")  # fmt: skip
            left += ns / ns_per_unit
        axes.set_yticks([])
        axes.set_xlim(0, left)
        axes.grid(visible=False, axis="y")
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        picture = png(drawn)
    told = ", ".join(f"{label} {hours(ns)}" for label, _, __, ns in parts)
    return Chart(
        picture, f"Bar: what the billed machine time went to: {told}. Busy share: {percent(gpu.utilization)}."
    )
