"""Pictures show what there is to show, are the same for the same figures, and say in words what they show."""

from dataclasses import replace

import pytest

from models.evaluation.figures import Bin
from models.evaluation.scores import Share
from tasks.documents.page import Charts
from tasks.evaluation_report import charts, curves
from tests import evaluations as found

DRAWN = {
    "usual": {"accuracy", "threshold", "calibration", "confusion_small", "confusion_api"},
    "no_api": {"accuracy", "calibration", "confusion_small"},
    "enrichment": set(),
    "label_sets": {"accuracy", "threshold", "calibration"},
    "texts": {"accuracy"},
    "one_record": {"accuracy", "calibration"},
    "nothing_right": {"accuracy", "threshold", "calibration", "confusion_small", "confusion_api"},
    "many_labels": {"accuracy", "threshold", "calibration"},
    "twenty_labels": {"accuracy", "threshold", "calibration", "confusion_small"},
    "marked_up": {"accuracy", "threshold", "calibration", "confusion_small", "confusion_api"},
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn(name: str) -> None:
    """An evaluation that lacks something is drawn without it, and no name breaks a picture."""
    drawn = found.drawn(name)
    assert set(drawn) == DRAWN[name]
    assert all(chart.png.startswith(b"\x89PNG") and len(chart.png) < 200_000 for chart in drawn.values())


def test_same_figures_same_bytes() -> None:
    """A picture holds nothing but its figures."""
    again: Charts = charts.draw(found.no_api())
    assert again == found.drawn("no_api")


def test_words_stand_for_pictures() -> None:
    """The alternative text holds the figures that the picture is about."""
    told = {name: chart.alternative for name, chart in found.drawn("usual").items()}
    assert "Small model 87% (83% to 90%); API model 91% (87% to 93%)." in told["accuracy"]
    assert "threshold that surely keeps 95% of the API model's accuracy is 0.912" in told["threshold"]
    assert "At 0.52 62%, at 0.9997 100%; the two differ by 4.1 points" in told["calibration"]
    assert "261 of 300 records lie on the diagonal" in told["confusion_small"]
    assert "neutral answered as negative, 9" in told["confusion_small"]


def test_texts_are_drawn_by_their_mean() -> None:
    """The picture of texts shows chrF and says so."""
    told = found.drawn("texts")["accuracy"].alternative
    assert told.startswith(
        "Points with error bars: chrF. Small model 0.412 (0.382 to 0.437); API model 0.437"
    )


def test_extreme_confidences() -> None:
    """Confidences of exactly 0 and 1, and a bin of nothing right, are drawn."""
    bins = (Bin(0.0, found.share(0, 5)), Bin(1.0, found.share(5, 5)), Bin(1.0, Share(0, 0, None)))
    extreme = replace(
        found.usual(), calibration=replace(found.calibration(), bins=bins, slope=400.0, intercept=-900.0)
    )
    assert curves.calibration(extreme) is not None


def test_a_curve_of_one_place() -> None:
    """A curve whose points all send the same records is drawn."""
    threshold = found.threshold()
    flat = replace(
        threshold, curve=(threshold.curve[0], replace(threshold.curve[0], threshold=0.5)), chosen=None
    )
    assert curves.threshold(replace(found.usual(), threshold=flat)) is not None
