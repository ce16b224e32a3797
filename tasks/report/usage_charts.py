"""Pictures of what was served and how: each workload's tokens and costs, and what the machine's time went to."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from models.economics.figures import MonthFigures, WorkloadFigures
from models.gpu_time import NS_PER_SECOND
from tasks.documents.amounts import count, hours, percent, plural
from tasks.documents.page import Chart
from tasks.documents.plotting import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    SKY,
    VERMILLION,
    count_axis,
    dollar_axis,
    dollars,
    figure,
    png,
    shorten,
)

MOST_WORKLOADS = 10
UNITS = (("hours", 3600 * NS_PER_SECOND), ("minutes", 60 * NS_PER_SECOND), ("seconds", NS_PER_SECOND))


def draw_workloads(figures: MonthFigures) -> Chart | None:
    """Draw each workload's tokens, and what it cost here and would have cost on the API."""
    shown = _largest(figures.workloads)
    if not shown:
        return None
    with figure(1.5 + 0.62 * len(shown)) as drawn:
        tokens, costs = drawn.subplots(2, 1)
        names = [shorten(one.workload) for one in shown]
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


def draw_utilization(figures: MonthFigures) -> Chart | None:
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
