"""How the report's pictures are drawn: colours that the colour-blind can tell apart, line styles, sizes, PNG bytes.

Pictures are as wide as a phone at a size of text that can still be read there. The same figures give the same
bytes: the fonts come with matplotlib, and nothing that changes is written into the file.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from models.economics.figures_recommendation import ScenarioName
from models.economics.pricing import NANO
from tasks.documents.amounts import number, short_count, usd

WIDTH_IN = 4.6
DOTS_PER_INCH = 220
LONGEST_NAME = 24

# Okabe and Ito, "Color Universal Design" (2008); those that stand out against white (3:1 or more, WCAG 1.4.11).
BLACK, BLUE, GREEN, VERMILLION, PURPLE = "#000000", "#0072B2", "#009E73", "#D55E00", "#CC79A7"
SKY, ORANGE, GREY = "#56B4E9", "#E69F00", "#D9D9D9"
BROWN = "#7A5C00"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a name may hold dollar signs
}


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How one scenario's line looks, in colour and without."""

    label: str
    colour: str
    dashes: tuple[float, ...]
    marker: str
    width: float = 1.6
    zorder: float = 2.5


LINES: dict[ScenarioName, LineStyle] = {
    "api_sync": LineStyle("API, at once", VERMILLION, (), "s"),
    "api_batch": LineStyle("API, in batches", PURPLE, (4, 1.5), "^"),
    "reserved": LineStyle("Own, reserved", BLUE, (6, 1.5, 1, 1.5), "D"),
    "on_demand": LineStyle("Own, on demand", GREEN, (1.5, 1.2), "v"),
    "spot": LineStyle("Own, spot", BROWN, (5, 1, 1, 1, 1, 1), "P"),
    "hybrid": LineStyle("As it really ran", BLACK, (), "o", 3.2, 2.2),
}


@contextmanager
def figure(height_in: float) -> Iterator[Figure]:
    """Open a figure of the report's width and style, whatever the machine's own settings of matplotlib are."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the tables show such names
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield Figure(figsize=(WIDTH_IN, height_in), dpi=DOTS_PER_INCH, layout="constrained")


def png(drawn: Figure) -> bytes:
    """Return the figure as PNG bytes, without a trace of who made it when. Call it inside of `figure`."""
    buffer = BytesIO()
    drawn.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def dollars(nano: int | None) -> float:
    """Turn nano-dollars into a place on an axis; an unknown amount into a gap."""
    return float("nan") if nano is None else nano / NANO


def plot_costs(
    axes: Axes, name: ScenarioName, places: Sequence[int], costs: Sequence[int | None], marker_size: float
) -> None:
    """Draw one scenario's line of nano-dollars in its style; `marker_size` 0: without markers."""
    line = LINES[name]
    axes.plot(
        places,
        list(map(dollars, costs)),
        label=line.label,
        color=line.colour,
        dashes=line.dashes,
        linewidth=line.width,
        marker=line.marker if marker_size else "",
        markersize=marker_size,
        zorder=line.zorder,
    )


def dollar_axis(axes: Axes, axis: str = "y") -> None:
    """Write an axis in dollars and let it begin at 0."""
    formatter = FuncFormatter(lambda value, _: axis_dollars(value))
    (axes.yaxis if axis == "y" else axes.xaxis).set_major_formatter(formatter)
    if axis == "y":
        axes.set_ylim(bottom=0)
    else:
        axes.set_xlim(left=0)


def count_axis(axes: Axes) -> None:
    """Write the horizontal axis in thousands and millions."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axis_count(value)))


def axis_dollars(value: float) -> str:
    """Render a place on an axis: `$450`, `$1.2k`, `$0.004`."""
    nano = round(value * NANO)
    if nano <= 0:
        return "$0" if nano == 0 else ""
    if nano < NANO:
        return usd(nano)
    return f"${axis_count(value)}"


def axis_count(value: float) -> str:
    """Render a place on an axis without its noise in the last digits: `12.5k`."""
    if value < 0:
        return ""
    exact = Fraction(value).limit_denominator(1000)
    return short_count(exact) if exact >= 1 else number(exact)


def shorten(name: str) -> str:
    """Return a name that fits beside a bar, on one line."""
    line = " ".join(name.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
