"""The picture of a forecast: what each way costs a month, and summed up with the set-up. PNG bytes."""

from itertools import accumulate

from models.economics.figures_recommendation import ScenarioName
from models.economics.forecast import Forecast
from models.economics.ways import OWN_WAYS
from tasks.documents.plotting import dollar_axis, figure, plot_costs, png

HEIGHT_IN = 5.6
WAYS: tuple[ScenarioName, ...] = ("api_sync", "api_batch", "reserved", "on_demand", "spot")
"""The ways in which one serves alone; the ways between would hide them."""
MONTHS_A_LABEL = 3
MARKER_SIZE = 3.5


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
                setup = figures.setup_nano if way in OWN_WAYS else 0
                sums = [setup + total for total in accumulate(known)]
                plot_costs(monthly, way, range(len(known)), known, MARKER_SIZE)
                plot_costs(summed, way, range(len(known)), sums, MARKER_SIZE)
        places = list(range(0, len(figures.months), MONTHS_A_LABEL))
        summed.set_xticks(places, [f"{figures.months[place].month:%b\n%Y}" for place in places])
        for axes in (monthly, summed):
            dollar_axis(axes)
        drawn.legend(*monthly.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return png(drawn)
