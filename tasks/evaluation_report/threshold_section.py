"""Confidence in words and tables: which threshold to send records to the API by, and what confidence is worth."""

from collections.abc import Sequence

from models.evaluation.figures import Bin, Calibration, Evaluation, Point, Threshold
from tasks.documents.amounts import unit_usd
from tasks.documents.page import Section, Table
from tasks.evaluation_report import sentences

MOST_ROWS = 11
"""Points of the curve that are listed; the JSON has all."""


def threshold(evaluation: Evaluation) -> Section | None:
    """Show accuracy and cost at each threshold, and which was chosen."""
    found = evaluation.threshold
    if found is None or not found.curve:
        return None
    points = select_points(found)
    columns = (
        "Threshold",
        "Goes to the API",
        "Accuracy",
        "Of the API's",
        "95% interval",
        "1,000 records cost",
    )
    strong = frozenset(index for index, point in enumerate(points) if point == found.chosen)
    table = Table("What a threshold comes to", columns, tuple(map(_point_row, points)), strong)
    goes = (
        "What the small model answers with a confidence below the threshold goes to the API, as does a record to which"
        " it gives no valid answer. Both are paid. What keeps enough is decided as the verdict is; the intervals here are those of one look."
    )
    return Section("threshold", "When to ask the API", (goes, describe_choice(found)), "threshold", (table,))


def describe_choice(found: Threshold) -> str:
    """Say which threshold is the cheapest that surely keeps the wished part of the API's accuracy."""
    keep = f"{sentences.percentage(found.keep)} of the API model's accuracy"
    point = found.chosen
    if point is None:
        return f"No threshold surely keeps {keep} on so few records."
    if not point.escalated.count:
        return f"No record has to go to the API to keep {keep}: the threshold is {sentences.confidence(point.threshold)}."
    return (
        f"The cheapest threshold that surely keeps {keep} is {sentences.confidence(point.threshold)}: it sends"
        f" {sentences.percentage(point.escalated.value)} of the records to the API, answers"
        f" {sentences.percentage(point.accuracy.value)} right, and a thousand records cost"
        f" {unit_usd(point.nano_per_thousand)}."
    )


def select_points(found: Threshold) -> list[Point]:
    """Return a few points of the curve, evenly spread, with the chosen one, the first and the last among them."""
    last = len(found.curve) - 1
    steps = min(last, MOST_ROWS - 1)
    kept = {round(last * step / steps) for step in range(steps + 1)} if steps else {0}
    return [point for index, point in enumerate(found.curve) if index in kept or point == found.chosen]


def _point_row(point: Point) -> tuple[str, ...]:
    return (
        sentences.confidence(point.threshold),
        sentences.percentage(point.escalated.value),
        sentences.percentage(point.accuracy.value),
        sentences.ratio(point.ratio),
        sentences.ratio_between(point.interval),
        unit_usd(point.nano_per_thousand),
    )


def calibration(evaluation: Evaluation) -> Section | None:
    """Show how often the small model is right at each level of confidence."""
    found = evaluation.calibration
    if found is None or not found.bins:
        return None
    columns = ("Mean confidence", "Records", "Right", "95% interval")
    table = Table("How often the small model is right, by its confidence", columns, _bin_rows(found.bins))
    return Section("calibration", "What its confidence is worth", _calibrated(found), "calibration", (table,))


def _bin_rows(bins: Sequence[Bin]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            sentences.confidence(one.confidence),
            f"{one.right.of:,}",
            sentences.percentage(one.right.value),
            sentences.render_interval(one.right.interval),
        )
        for one in bins
    )


def _calibrated(found: Calibration) -> tuple[str, ...]:
    apart = (
        "A model whose confidence is worth what it says is right in 90% of the answers of which it is 90% sure. Here the two"
        f" differ by {sentences.points(found.error)} on average (expected calibration error)."
    )
    if found.slope is None or found.intercept is None:
        return (apart, "All answers were right, or all wrong: nothing can be calibrated by them.")
    brier = f"Mean squared error of the confidence (Brier): {sentences.decimal(found.brier)}"
    if found.calibrated_brier is None:
        return (apart, f"{brier}.")
    return (
        apart,
        f"{brier}; once calibrated, on records held out (five folds), {sentences.decimal(found.calibrated_brier)}.",
    )
