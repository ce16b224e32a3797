"""Evaluations as tests of their document need them: one that is like a real one, and the odd ones. Written by hand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from math import sqrt

from models.evaluation.cascade import Cascade, Stage
from models.evaluation.figures import (
    Arm,
    ArmName,
    BalancedComparison,
    Bin,
    Calibration,
    Comparison,
    Evaluation,
    Judgement,
    MeanComparison,
    Point,
    Threshold,
)
from models.evaluation.scores import (
    AnsweringScores,
    ConstantAnswer,
    FieldScore,
    Interval,
    LabelAgreement,
    LabelScore,
    LabelSetScores,
    ObjectScores,
    QualityCheck,
    ScoreEstimate,
    Scores,
    Share,
    TextScores,
)
from tasks.documents.page import Charts
from tasks.evaluation_report import charts

LABELS = ("negative", "neutral", "positive")
MARKUP = "<script>alert('x')</script> | `a` [bold]b[/bold] $5 & $6"
Confusion = tuple[tuple[int, ...], ...]
Z = 1.959964
SMALL: Confusion = ((88, 7, 4, 1), (9, 82, 8, 1), (3, 5, 91, 1))
API: Confusion = ((92, 6, 2, 0), (8, 85, 7, 0), (1, 4, 95, 0))
ADAPTER: Confusion = ((97, 2, 1, 0), (3, 95, 2, 0), (0, 2, 98, 0))


def share(count: int, of: int) -> Share:
    """Return a share with an interval like Wilson's."""
    if not of:
        return Share(count, of, None)
    p, z2 = count / of, Z * Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Share(count, of, Interval(max(0.0, middle - half), min(1.0, middle + half)))


def scores(confusion: Confusion, labels: tuple[str, ...] = LABELS) -> Scores:
    """Return the scores that a confusion matrix stands for."""
    each = []
    for index, label in enumerate(labels):
        right = confusion[index][index]
        precision = share(right, sum(row[index] for row in confusion))
        recall = share(right, sum(confusion[index]))
        total = precision.of + recall.of
        each.append(LabelScore(label, precision, recall, 2 * right / total if total else 0.0))
    right = sum(confusion[index][index] for index in range(len(labels)))
    mean = sum(one.f1 for one in each) / len(each)
    return Scores(share(right, sum(map(sum, confusion))), mean, tuple(each), confusion)


def arm(
    name: ArmName, found: Scores | None, checks: tuple[QualityCheck, ...] = (), records: int = 300
) -> Arm:
    """Return an arm of an evaluation over so many records."""
    return Arm(
        name=name,
        model="gpt-4.1-mini" if name == "api" else "Qwen/Qwen2.5-1.5B-Instruct",
        records=records,
        answered=records - (2 if name == "small" and records > 2 else 0),
        asked=max(1, records - 12),
        input_tokens=records * 210,
        output_tokens=records * 9,
        cost_nano=26_400_000 if name == "api" else 1_310_000,
        seconds=61.2 if name == "api" else 7.85,
        load_nano=0 if name == "api" else 11_200_000,
        load_seconds=0.0 if name == "api" else 41.5,
        scores=found,
        checks=checks,
    )


def threshold(records: int = 300) -> Threshold:
    """Return a curve on which the eighth point is chosen."""
    points = []
    for step in range(21):
        escalated, right = round(records * step / 20), 261 + round(11 * min(1.0, step / 9))
        points.append(
            Point(
                threshold=1 - 0.5 ** (step / 2) if step else 0.0,
                escalated=share(escalated, records),
                accuracy=share(right * records // 300, records),
                ratio=right / 272,
                interval=Interval(right / 272 - 0.03, right / 272 + 0.02),
                nano_per_thousand=4_500_000 + 4_600_000 * step,
            )
        )
    return Threshold(0.95, tuple(points), points[7])


def calibration() -> Calibration:
    """Return a model that is too sure of itself."""
    bins = tuple(
        Bin(confidence, share(right, 50))
        for confidence, right in ((0.52, 31), (0.71, 37), (0.88, 44), (0.957, 46), (0.991, 48), (0.9997, 50))
    )
    return Calibration(bins, 0.041, 0.62, 0.31, 0.1021, 0.0914)


COMPARED = Comparison("small", "api", 251, 10, 21, 18, 0.9596, Interval(0.921, 0.9993), "viable", None)


def usual() -> Evaluation:
    """Return an evaluation with labels, both models, and everything that follows from them."""
    return Evaluation(
        workload="sentiment",
        at=datetime(2026, 11, 14, 9, 30, 12, tzinfo=UTC),
        month=date(2026, 11, 1),
        labels_path="labels/sentiment.csv",
        labels_digest="9f2c41d07be6f3a1" * 4,
        records=300,
        duplicates=4,
        seed=7,
        labels=LABELS,
        prompt_version="2",
        prompt_fingerprint="ab54d286a9c1d0f7",
        arms=(arm("small", scores(SMALL)), arm("api", scores(API))),
        comparisons=(COMPARED,),
        calibration=calibration(),
        threshold=threshold(),
    )


def undecided() -> Evaluation:
    """Return one that more labels would decide, and where no threshold is sure."""
    compared = replace(COMPARED, ratio=0.93, interval=Interval(0.86, 1.006), viability="undecided", more=120)
    curve = replace(threshold(), chosen=None)
    return replace(usual(), comparisons=(compared,), threshold=curve)


def imbalanced() -> Evaluation:
    """Return one of records that mostly have one label, twice labelled, which more of the rare label would decide."""
    balanced = BalancedComparison(0.87, 0.9, 0.9667, Interval(0.81, 1.09), "undecided", 3, "neutral", 12)
    compared = replace(
        COMPARED,
        interval=Interval(0.93, 0.99),
        always=Interval(0.912, 1.004),
        viability="undecided",
        more=640,
        more_half=210,
        balanced=balanced,
    )
    labellers = LabelAgreement("second", share(46, 50), ScoreEstimate(0.84, 50, Interval(0.71, 0.94)), 0.0417)
    constant = ConstantAnswer("positive", share(255, 300), 1 / 3, reaches=True)
    return replace(usual(), comparisons=(compared,), constant=constant, labellers=labellers)


def noisy_labels() -> Evaluation:
    """Return one whose verdict would not stand the disagreement of two labellers."""
    compared = replace(COMPARED, always=Interval(0.905, 1.02), noise=0.021)
    constant = ConstantAnswer("positive", share(120, 300), 1 / 3, reaches=False)
    return replace(imbalanced(), comparisons=(compared,), constant=constant)


def not_viable() -> Evaluation:
    """Return one in which the small model falls behind."""
    compared = replace(COMPARED, ratio=0.71, interval=Interval(0.65, 0.78), viability="not_viable")
    return replace(usual(), comparisons=(compared,))


def no_api() -> Evaluation:
    """Return one without an API to compare with."""
    missing = ("There is no verdict, since no API is set; set one and evaluate again.",)
    small = usual().arms[:1]
    return replace(usual(), arms=small, comparisons=(), threshold=None, missing=missing)


def enrichment() -> Evaluation:
    """Return one of free answers, which have no labels."""
    checks = (
        QualityCheck("Attributes found in the text", share(812, 901)),
        QualityCheck("Three to five bullet points", share(288, 298)),
        QualityCheck("Answers with an empty title", share(0, 298)),
    )
    agreement = (
        QualityCheck("Same category", share(241, 296)),
        QualityCheck("Attributes in common", share(540, 902)),
    )
    return replace(
        usual(),
        workload="enrichment",
        labels=None,
        arms=(arm("small", None, checks), arm("api", None, checks)),
        comparisons=(),
        agreement=agreement,
        calibration=None,
        threshold=None,
        missing=("There is no verdict: free answers have no labels.",),
        measure="none",
    )


def estimate(value: float, of: int = 300) -> ScoreEstimate:
    """Return a mean with an interval around it."""
    return ScoreEstimate(value, of, Interval(max(0.0, value - 0.03), min(1.0, value + 0.025)))


def label_sets() -> Evaluation:
    """Return one of records with several labels each."""

    def scored(name: ArmName, right: int) -> Arm:
        every = scores(SMALL if name == "small" else API).labels
        found = LabelSetScores(share(right, 300), estimate(0.87), estimate(0.841), every)
        return replace(arm(name, None), label_sets=found)

    arms = (scored("small", 251), scored("api", 262))
    return replace(usual(), workload="topics", arms=arms, measure="exact_set")


def objects() -> Evaluation:
    """Return one of objects, of which two fields of three decide."""

    def scored(name: ArmName, right: int) -> Arm:
        fields = tuple(
            FieldScore(field, share(right - 9, 300), share(right, 300), estimate(0.9))
            for field in ("brand", "price", "colors")
        )
        return replace(arm(name, None), objects=ObjectScores(share(right, 300), ("brand", "price"), fields))

    arms = (scored("small", 251), scored("api", 262))
    return replace(usual(), workload="products", labels=None, arms=arms, measure="whole_record")


def many_fields() -> Evaluation:
    """Return one of objects with two hundred fields."""
    fields = tuple(
        FieldScore(f"field_{at:03}", share(at, 300), share(at, 300), estimate(at / 200)) for at in range(200)
    )
    small = replace(arm("small", None), objects=ObjectScores(share(1, 300), ("field_000",), fields))
    return replace(no_api(), workload="forms", labels=None, arms=(small,), measure="whole_record")


def answers() -> Evaluation:
    """Return one of answers from a context."""

    def scored(name: ArmName, right: int) -> Arm:
        found = AnsweringScores(
            share(right, 300), estimate(0.86), share(24, 31), share(24, 40 if name == "api" else 0)
        )
        return replace(arm(name, None), answering=found)

    arms = (scored("small", 251), scored("api", 262))
    return replace(usual(), workload="answering", labels=None, arms=arms, measure="exact_match")


def texts() -> Evaluation:
    """Return one of texts with references, where no record is right or wrong."""
    means = MeanComparison("small", "api", 300, 0.412, 0.437, 0.9428, Interval(0.904, 0.981), "viable", None)

    def scored(name: ArmName, value: float) -> Arm:
        return replace(arm(name, None), texts=TextScores(estimate(value), estimate(value - 0.1)))

    return replace(
        usual(),
        workload="summaries",
        labels=None,
        arms=(scored("small", 0.412), scored("api", 0.437)),
        comparisons=(),
        mean_comparisons=(means,),
        calibration=None,
        threshold=None,
        measure="chrf",
        missing=("A text is more or less like its references.",),
    )


def texts_alone() -> Evaluation:
    """Return one of texts without an API to compare with."""
    return replace(texts(), arms=texts().arms[:1], mean_comparisons=())


def judged() -> Evaluation:
    """Return one without references, in which the API model judged."""
    found = Judgement(
        model="gpt-4.1-mini",
        judged=280,
        small=share(71, 280),
        api=share(102, 280),
        ties=share(80, 280),
        swapped=share(27, 280),
        first=share(210, 380),
        equal=14,
        unjudged=6,
        asked=532,
        cost_nano=81_000_000,
    )
    return replace(
        enrichment(), workload="summaries", judgement=found, missing=("The file has no right answers.",)
    )


def adapter() -> Evaluation:
    """Return one with an adapter that helps."""
    compared = (
        COMPARED,
        Comparison("adapter", "small", 258, 32, 3, 7, 1.111, Interval(1.07, 1.15), "viable", None),
        Comparison("adapter", "api", 268, 22, 4, 6, 1.066, Interval(1.03, 1.1), "viable", None),
    )
    return replace(usual(), arms=(*usual().arms, arm("adapter", scores(ADAPTER))), comparisons=compared)


def cascaded() -> Evaluation:
    """Return one with a classifier that answers most records, before the small model and the API."""
    stages = (
        Stage("classifier", 0.83, share(201, 300)),
        Stage("small", 0.91, share(48, 300)),
        Stage("api", None, share(51, 300)),
    )
    found = Cascade(stages, share(270, 300), 0.9926, Interval(0.958, 1.03), 13_200_000, 9.4, ())
    classifier = replace(
        arm("classifier", scores(ADAPTER)), model="classifier-1a2b3c4d", cost_nano=210_000, seconds=2.4
    )
    compared = Comparison("classifier", "api", 268, 22, 4, 6, 1.066, Interval(1.03, 1.1), "viable", None)
    said = ("1,204 texts of the file may be trained on and were left out.",)
    return replace(
        usual(),
        arms=(classifier, *usual().arms),
        comparisons=(COMPARED, compared),
        cascade=found,
        missing=said,
    )


def api_alone() -> Evaluation:
    """Return one in which no stage before the API pays."""
    api = Cascade(
        (Stage("api", None, share(300, 300)),),
        share(272, 300),
        1.0,
        Interval(1.0, 1.0),
        91_666_667,
        212.0,
        ("classifier", "small"),
    )
    return replace(cascaded(), cascade=api)


def one_record() -> Evaluation:
    """Return one of a single record and label, which both got right."""
    found = scores(((1, 0),), ("positive",))
    return replace(
        usual(),
        records=1,
        duplicates=0,
        labels=("positive",),
        arms=(arm("small", found, records=1), arm("api", found, records=1)),
        comparisons=(Comparison("small", "api", 1, 0, 0, 0, 1.0, Interval(0.2, 4.8), "undecided", 240),),
        calibration=Calibration((Bin(0.97, share(1, 1)),), 0.03, None, None, 0.0009, None),
        threshold=Threshold(
            0.95, (Point(0.0, share(0, 1), share(1, 1), 1.0, Interval(0.2, 4.8), 4_500_000),), None
        ),
        missing=("Nothing can be calibrated on one record.",),
    )


def nothing_right() -> Evaluation:
    """Return one in which both models got everything wrong, at a price that nobody knows."""
    found = scores(((0, 5, 5, 0), (5, 0, 5, 0), (5, 4, 0, 1)))
    arms = (arm("small", found, records=30), replace(arm("api", found, records=30), cost_nano=None))
    unpriced = tuple(
        replace(one, ratio=None, interval=None, nano_per_thousand=None, accuracy=share(0, 30))
        for one in threshold(30).curve
    )
    return replace(
        usual(),
        records=30,
        arms=arms,
        comparisons=(Comparison("small", "api", 0, 0, 0, 30, None, None, "undecided", None),),
        calibration=replace(calibration(), bins=(Bin(0.9, share(0, 30)),), slope=None, intercept=None),
        threshold=Threshold(0.95, unpriced, None),
        missing=("What the API cost is unknown: its model has no price.",),
    )


def no_records() -> Evaluation:
    """Return one of nothing at all."""
    empty = replace(arm("small", None, records=0), answered=0, asked=0, cost_nano=0, seconds=0.0)
    return replace(
        usual(), records=0, labels=None, arms=(empty,), comparisons=(), calibration=None, threshold=None
    )


def many_labels() -> Evaluation:
    """Return one with as many labels as bank customers have intents, of which one has no record."""
    labels = tuple(f"intent_{index:02}_of_a_bank_customer" for index in range(77))
    confusion = tuple(
        tuple(
            0 if row == 76 else 9 if row == column else (row % 4) * int(column == (row + 1) % 77)
            for column in range(78)
        )
        for row in range(77)
    )
    found = scores(confusion, labels)
    return replace(
        usual(), workload="classification", labels=labels, arms=(arm("small", found), arm("api", found))
    )


def twenty_labels() -> Evaluation:
    """Return one with the most labels whose confusions are drawn."""
    labels = tuple(f"a topic of customers {index}" for index in range(20))
    confusion = tuple(
        tuple(120 if row == column else (3 * row + column) % 7 // 5 for column in range(21))
        for row in range(20)
    )
    return replace(usual(), labels=labels, arms=(arm("small", scores(confusion, labels)),), comparisons=())


def marked_up() -> Evaluation:
    """Return one whose names are full of markup."""
    labels = (MARKUP, "$a$ _b_", "c\nd")
    small = replace(
        arm("small", scores(SMALL, labels)), model=MARKUP, checks=(QualityCheck(MARKUP, share(3, 9)),)
    )
    return replace(
        adapter(),
        labels_path=MARKUP,
        labels=labels,
        arms=(small, arm("api", scores(API, labels))),
        agreement=(QualityCheck(MARKUP, share(1, 2)),),
        missing=(MARKUP,),
    )


EVERY: Mapping[str, Callable[[], Evaluation]] = {
    one.__name__: one
    for one in (
        usual,
        undecided,
        imbalanced,
        noisy_labels,
        not_viable,
        no_api,
        enrichment,
        label_sets,
        objects,
        many_fields,
        answers,
        texts,
        texts_alone,
        judged,
        adapter,
        cascaded,
        api_alone,
        one_record,
        nothing_right,
        no_records,
        many_labels,
        twenty_labels,
        marked_up,
    )
}


@cache
def drawn(name: str) -> Charts:
    """Draw the pictures of an evaluation in `EVERY`, once: drawing takes its time."""
    return charts.draw(EVERY[name]())
