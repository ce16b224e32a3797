"""The charts of confidence: how often the model is right at each level, and accuracy and cost at each threshold."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from models.evaluation.calibration import apply_calibration
from models.evaluation.figures import Calibration, Evaluation, Point, Threshold
from tasks.documents.page import Chart
from tasks.documents.plotting import BLACK, axis_dollars, dollars, figure, png
from tasks.evaluation_report import sentences, threshold_section
from tasks.evaluation_report.chart_style import (
    COLOURS,
    DASHES,
    DOTS,
    MARKERS,
    MIDDLE_GREY,
    axis_values,
    error_bars,
    share_axis,
)

TICKS, LONGEST_NAME = 5, 8
_NEARLY_NOTHING, _STEPS = 1e-6, 100


def calibration(evaluation: Evaluation) -> Chart | None:
    """Draw the share of right answers over the confidence, beside what a true confidence would look like."""
    found = evaluation.calibration
    if found is None or not found.bins:
        return None
    with figure(3.4) as drawn:
        axes = drawn.add_subplot(title="How often it is right, by its confidence", xlabel="mean confidence")
        _reliability(axes, found)
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        picture = png(drawn)
    lowest, highest = found.bins[0], found.bins[-1]
    return Chart(
        picture,
        f"Points: share of right answers over confidence. At {sentences.confidence(lowest.confidence)}"
        f" {sentences.percentage(lowest.right.value)}, at {sentences.confidence(highest.confidence)}"
        f" {sentences.percentage(highest.right.value)}; the two differ by {sentences.points(found.error)} on average.",
    )


def _reliability(axes: Axes, found: Calibration) -> None:
    places, shares = [one.confidence for one in found.bins], [one.right for one in found.bins]
    share_axis(axes, "x", [*places, 1.0])
    share_axis(axes, "y", [*places, *axis_values(shares), 1.0])
    axes.plot([0, 1], [0, 1], color=MIDDLE_GREY, dashes=DASHES, linewidth=1.2, label="right as often as sure")
    if found.slope is not None:
        low, high = max(min(places), _NEARLY_NOTHING), 1 - _NEARLY_NOTHING
        over = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
        axes.plot(
            over,
            [apply_calibration(found, confidence) or 0.0 for confidence in over],
            color=BLACK,
            linewidth=1.2,
            label="calibrated",
        )
    axes.errorbar(places, [one.value or 0.0 for one in shares], yerr=error_bars(shares), fmt=MARKERS["small"],
                  color=COLOURS["small"], markersize=5, capsize=3, linewidth=1.4, zorder=3,
                  label="small model, with 95% interval")  # fmt: skip


def threshold(evaluation: Evaluation) -> Chart | None:
    """Draw accuracy and cost over the threshold, the API's accuracy, the part of it that is kept, and the choice."""
    found = evaluation.threshold
    if found is None or len(found.curve) < 2:  # noqa: PLR2004  a line has two ends
        return None
    points = sorted(found.curve, key=lambda point: (point.escalated.count, point.threshold))
    priced = any(point.nano_per_thousand is not None for point in points)
    with figure(4.9 if priced else 3.4) as drawn:
        if priced:
            above, last = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 2))
            _cost(last, points, found.chosen)
        else:
            above = last = drawn.add_subplot()
        _accuracy(above, points, found, evaluation)
        last.set_xlabel("threshold, and the share of records below it, which go to the API")
        places, names = _ticks(points)
        long = max(len(name.split("\n")[0]) for name in names) > LONGEST_NAME
        last.set_xticks(places, names, fontsize=6.5 if long else None)
        drawn.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        picture = png(drawn)
    return Chart(picture, _in_words(found))


def _accuracy(axes: Axes, points: Sequence[Point], found: Threshold, evaluation: Evaluation) -> None:
    axes.set_title("Accuracy, small model and API together")
    places, shares = _places(points), [point.accuracy for point in points]
    below, above = error_bars(shares)
    values = [share.value or 0.0 for share in shares]
    low = [value - reaches for value, reaches in zip(values, below, strict=True)]
    high = [value + reaches for value, reaches in zip(values, above, strict=True)]
    axes.fill_between(
        places, low, high, color=COLOURS["small"], alpha=0.15, linewidth=0, label="95% interval"
    )
    axes.plot(places, values, color=COLOURS["small"], linewidth=1.8, label="of all records")
    shown = axis_values(shares)
    api = evaluation.arm("api")
    if api is not None and api.right is not None and api.right.value is not None:
        of_api = api.right.value
        kept = found.keep * of_api
        axes.axhline(of_api, color=COLOURS["api"], linewidth=1.4, label="API model alone")
        axes.axhline(kept, color=COLOURS["api"], dashes=DASHES, linewidth=1.4,
                     label=f"{sentences.percentage(found.keep)} of the API model's")  # fmt: skip
        shown += [of_api, kept]
    share_axis(axes, "y", shown)
    if found.chosen is not None:
        _mark(axes, found.chosen, found.chosen.accuracy.value or 0.0)


def _cost(axes: Axes, points: Sequence[Point], chosen: Point | None) -> None:
    axes.set_title("Cost of 1,000 records")
    axes.plot(
        _places(points), [dollars(point.nano_per_thousand) for point in points], color=BLACK, linewidth=1.8
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axis_dollars(value)))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))  # no half cents, which would be rounded
    if chosen is not None and chosen.nano_per_thousand is not None:
        _mark(axes, chosen, dollars(chosen.nano_per_thousand))


def _mark(axes: Axes, chosen: Point, height: float) -> None:
    place = chosen.escalated.value or 0.0
    axes.axvline(place, color=MIDDLE_GREY, linewidth=0.8, dashes=DOTS)
    label = f"chosen: {sentences.confidence(chosen.threshold)}"
    axes.scatter([place], [height], s=60, color=BLACK, marker="o", zorder=6, label=label)


def _places(points: Sequence[Point]) -> list[float]:
    return [point.escalated.value or 0.0 for point in points]


def _ticks(points: Sequence[Point]) -> tuple[list[float], list[str]]:
    """Name some thresholds, about as far from one another as can be, each with the share that lies below it."""
    first, last = points[0].escalated.value or 0.0, points[-1].escalated.value or 0.0
    named: dict[float, str] = {}
    for step in range(TICKS):
        wanted = first + (last - first) * step / (TICKS - 1)
        point = min(points, key=lambda one: abs((one.escalated.value or 0.0) - wanted))
        share = sentences.percentage(point.escalated.value)
        named[point.escalated.value or 0.0] = f"{sentences.confidence(point.threshold)}\n{share}"
    return list(named), list(named.values())


def _in_words(found: Threshold) -> str:
    first, last = found.curve[0], found.curve[-1]
    return (
        f"Lines: accuracy and cost over the threshold, from {sentences.percentage(first.escalated.value)} of the records"
        f" at the API ({sentences.percentage(first.accuracy.value)} right) to {sentences.percentage(last.escalated.value)}"
        f" ({sentences.percentage(last.accuracy.value)} right). {threshold_section.describe_choice(found)}"
    )
