"""Pictures are the same for the same figures, readable in size, and say in words what they show."""

import struct
from dataclasses import replace
from datetime import date

import matplotlib as mpl
import pytest

from models.economics.past_month import PastMonth
from tasks.documents import plotting
from tasks.report import charts, cost_charts
from tests import month_figures as months

ALL = {"cost_by_month", "break_even_curve", "workloads", "utilization"}


def size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels, from the header of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_every_picture_is_drawn() -> None:
    """A full month has all four, small enough for mail, wide enough for a screen of high density."""
    drawn = months.drawn()
    assert set(drawn) == ALL
    for chart in drawn.values():
        assert size(chart.png)[0] == round(plotting.WIDTH_IN * plotting.DOTS_PER_INCH)
        assert len(chart.png) < 150_000


def test_same_figures_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither time nor a user's own settings of matplotlib get into a picture."""
    first = months.drawn()
    monkeypatch.setitem(mpl.rcParams, "font.size", 30)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "red")
    assert charts.draw_charts(months.report()) == first


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("tiny", ALL),
        ("running", ALL),
        ("doubtful", ALL),
        ("idle", {"cost_by_month", "utilization"}),
        ("api_only", {"cost_by_month", "break_even_curve", "workloads"}),
        ("marked_up", ALL),
    ],
)
def test_odd_months(name: str, drawn: set[str]) -> None:
    """A month that lacks something is drawn without it, and no name breaks a picture."""
    assert set(months.drawn(name)) == drawn


def test_words_stand_for_pictures() -> None:
    """The alternative text holds the figures that the picture is about, and no name that could hold markup."""
    drawn = months.drawn()
    assert "As it really ran $466.07" in drawn["cost_by_month"].alternative
    assert "2,649,360 records a month" in drawn["break_even_curve"].alternative
    assert "Busy share: 34%" in drawn["utilization"].alternative
    assert all("<" not in chart.alternative for chart in months.drawn("marked_up").values())


def test_crossings_lie_between_months() -> None:
    """A crossing lies on both lines, that of what ran and of the API's cheapest way; touching is no crossing."""
    history = [_month(1, own=400, api=400), _month(2, own=400, api=1200), _month(3, own=400, api=800)]
    assert cost_charts.find_crossings(history) == [(0.5, 400.0)]
    assert cost_charts.find_crossings([replace(one, hybrid_nano=None) for one in history]) == []
    assert cost_charts.find_crossings([history[0], replace(history[1], machine=False)]) == []


def _month(number: int, own: int, api: int) -> PastMonth:
    nano = months.NANO
    return PastMonth(date(2026, number, 1), 10, api * nano, api * nano // 2, None, None, own * nano)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0"), (0.004, "$0.004"), (0.25, "$0.25"), (450, "$450"), (1200, "$1.2k"), (-1, "")],
)
def test_places_on_a_dollar_axis(value: float, text: str) -> None:
    """A place above zero is never written as zero."""
    assert plotting.axis_dollars(value) == text


def test_long_names_are_shortened() -> None:
    """A name beside a bar fits on one line."""
    assert len(plotting.shorten(months.MARKUP)) == plotting.LONGEST_NAME
    assert plotting.shorten("two\nlines") == "two lines"


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_stand_out_and_differ_without_colour() -> None:
    """Each line has a contrast of 3 to 1 against white (WCAG 1.4.11), dashes of its own and a marker of its own."""
    lines = plotting.LINES.values()
    assert all(1.05 / (_luminance(line.colour) + 0.05) >= 2.9 for line in lines)
    assert len({line.marker for line in lines}) == len(lines)
    assert len({(line.dashes, line.width) for line in lines}) == len(lines)
