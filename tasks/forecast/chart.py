"""The picture of a forecast: what each way costs a month, and summed up with the set-up. PNG bytes."""

from collections.abc import Sequence
from itertools import accumulate

from matplotlib.axes import Axes

from models.economics.forecast import WAYS, Forecast, Way
from tasks.documents.plotting import LINES, dollar_axis, dollars, figure, png

HEIGHT_IN = 5.6
MONTHS_A_LABEL = 3


def draw_chart(figures: Forecast) -> bytes:
    """Draw both: a line for each way whose cost is known."""
    with figure(HEIGHT_IN) as drawn:
        monthly, summed = drawn.subplots(2, 1, sharex=True)
        monthly.set_title("Cost a month")
        summed.set_title("Cost so far, set-up included")
        for way in WAYS:
            values = [month.nano(way) for month in figures.months]
            known = [value for value in values if value is not None]
            if len(known) == len(values):
                setup = figures.setup_nano if way in ("reserved", "on_demand") else 0
                _line(monthly, way, known)
                _line(summed, way, [setup + total for total in accumulate(known)])
        places = list(range(0, len(figures.months), MONTHS_A_LABEL))
        summed.set_xticks(places, [f"{figures.months[place].month:%b\n%Y}" for place in places])
        for axes in (monthly, summed):
            dollar_axis(axes)
        drawn.legend(*monthly.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return png(drawn)


def _line(axes: Axes, way: Way, values: Sequence[int]) -> None:
    line = LINES[way]
    axes.plot(
        range(len(values)),
        list(map(dollars, values)),
        label=line.label,
        color=line.colour,
        dashes=line.dashes,
        linewidth=line.width,
        marker=line.marker,
        markersize=3.5,
        zorder=line.zorder,
    )
