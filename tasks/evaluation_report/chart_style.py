"""How an evaluation's pictures are marked: colours and markers of the engines, error bars, axes in per cent."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from models.evaluation.figures import ArmName
from models.evaluation.scores import ScoreEstimate, Share
from tasks.documents.plotting import BLACK, BLUE, GREEN, VERMILLION

COLOURS: Mapping[ArmName, str] = {"small": BLUE, "api": VERMILLION, "adapter": GREEN, "classifier": BLACK}
MARKERS: Mapping[ArmName, str] = {"small": "o", "api": "s", "adapter": "D", "classifier": "^"}
MIDDLE_GREY = "#767676"
DASHES, DOTS = (5.0, 2.0), (1.5, 1.5)
_TICKS = 6


def error_bars(shares: Sequence[Share | ScoreEstimate]) -> list[list[float]]:
    """Return how far the intervals reach below the shares, and above."""
    below, above = [], []
    for share in shares:
        value, interval = share.value or 0.0, share.interval
        below.append(0.0 if interval is None else max(0.0, value - interval.low))
        above.append(0.0 if interval is None else max(0.0, interval.high - value))
    return [below, above]


def share_axis(axes: Axes, axis: str, values: Sequence[float]) -> None:
    """Write an axis in per cent, over the values and some room beside them, within what a share can be."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(0.02, 0.06 * (high - low))
    limits = max(-0.015, low - room), min(1.015, high + room)
    if axis == "y":
        axes.set_ylim(*limits)
    else:
        axes.set_xlim(*limits)
    shown = axes.yaxis if axis == "y" else axes.xaxis
    shown.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 2.5, 5, 10]))
    shown.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}%" if value >= 0 else ""))


def axis_values(shares: Sequence[Share | ScoreEstimate]) -> list[float]:
    """Return the values of shares and the ends of their intervals, for an axis that holds them all."""
    known = [share for share in shares if share.value is not None]
    ends = [end for one in known if one.interval for end in (one.interval.low, one.interval.high)]
    return [*(share.value for share in known if share.value is not None), *ends]
