"""The 90 % rule: is one model good enough beside another, and if that is open, how many more labels would tell."""

from collections.abc import Sequence
from statistics import fmean

from models.economics.month import Viability
from models.evaluation.balance import ClassHits, count_classes, weigh_classes
from models.evaluation.figures import KEEP, ArmName, BalancedComparison, Comparison, MeanComparison
from models.evaluation.intervals import paired_ratio
from models.evaluation.more_labels import PairedRecords, predict_labels
from models.evaluation.resampling import ratio_of_means
from models.evaluation.scores import Interval
from models.evaluation.sequential import always_valid_interval, find_noise

Row = tuple[float, ...]


def compare(
    first: ArmName,
    second: ArmName,
    right_first: Sequence[bool],
    right_second: Sequence[bool],
    keep: float = KEEP,
    hits: tuple[ClassHits, ClassHits] | None = None,
    *,
    predict: bool = True,
) -> Comparison:
    """Compare two arms that answered the same records, in the same order.

    Viable where the ratio of the accuracies surely is at least `keep`, and with `hits` that of the balanced ones too; not viable where one
    of them surely is below; else undecided. Sure: each errs in at most 2.5 of 100 samples, however often one looks. `predict`: say how
    many more labels would decide it. Raises `ValueError` for arms with unequal numbers of records.
    """
    pairs = list(zip(right_first, right_second, strict=True))
    both, only_first, only_second, neither = (
        pairs.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))
    )
    ratio, interval = paired_ratio(both, only_first, only_second)
    weighed = None if hits is None or not any(hits[0].truths) else hits
    records = _pair_records(pairs, weighed)
    always = always_valid_interval(records.test(0))
    balanced = None if weighed is None else _compare_balanced(weighed, records, keep)
    viability = _decide(always, keep)
    if balanced is not None:
        viability = _combine(viability, balanced.viability)
    is_one_class = balanced is not None and balanced.classes < 2  # noqa: PLR2004  nothing is known of the others
    asks = predict and viability == "undecided" and ratio is not None and not is_one_class
    more = predict_labels(records, keep) if asks else None
    return Comparison(
        first=first,
        second=second,
        both=both,
        only_first=only_first,
        only_second=only_second,
        neither=neither,
        ratio=ratio,
        interval=interval,
        viability=viability,
        more=None if more is None else more.four_of_five,
        always=always,
        more_half=None if more is None else more.half,
        balanced=balanced,
        noise=find_noise(records.test(0), keep) if viability == "viable" else None,
    )


def compare_means(
    first: ArmName,
    second: ArmName,
    scores_first: Sequence[float],
    scores_second: Sequence[float],
    keep: float = KEEP,
    *,
    predict: bool = True,
) -> MeanComparison:
    """Compare two arms that answered the same records, in the same order, by the means of their scores from 0 to 1.

    The rule is that of `compare`. Raises `ValueError` for arms with unequal numbers of records.
    """
    ratio, interval = ratio_of_means(scores_first, scores_second)
    mine, other = (fmean(scores) if scores else 0.0 for scores in (scores_first, scores_second))
    best = max(mine, other)
    rows = list(zip(scores_first, scores_second, strict=True))
    records = PairedRecords.count(rows, [(best, 0.0), (0.0, best)], prior=0.5, most=(1.0,))
    always = None if ratio is None else always_valid_interval(records.test(0))
    viability = _decide(always, keep)
    asks = predict and viability == "undecided" and ratio is not None
    more = predict_labels(records, keep) if asks else None
    return MeanComparison(
        first=first,
        second=second,
        records=len(rows),
        first_mean=mine,
        second_mean=other,
        ratio=ratio,
        interval=interval,
        viability=viability,
        more=None if more is None else more.four_of_five,
        always=always,
        more_half=None if more is None else more.half,
    )


def _pair_records(
    pairs: Sequence[tuple[bool, bool]], hits: tuple[ClassHits, ClassHits] | None
) -> PairedRecords:
    """Return what the rule stands on, record by record: right or wrong, and what it adds to the balanced accuracy.

    Made up for prediction (Jeffreys' prior, half a record of each kind): records that both, one, or none has right, of every class in equal parts.
    """
    rows: list[Row] = [(float(mine), float(other)) for mine, other in pairs]
    cells = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    if hits is None:
        return PairedRecords.count(rows, cells, prior=0.5, most=(1.0,))
    scores = zip(rows, hits[0].scores(), hits[1].scores(), strict=True)
    weights = weigh_classes(hits[0].truths).values()
    return PairedRecords.count(
        [(*row, mine, other) for row, mine, other in scores],
        [(*cell, weight * cell[0], weight * cell[1]) for weight in weights for cell in cells],
        prior=0.5 / len(weights),
        most=(1.0, max(hits[0].highest())),
    )


def _compare_balanced(
    hits: tuple[ClassHits, ClassHits], records: PairedRecords, keep: float
) -> BalancedComparison:
    scores = records.test(1)
    interval = always_valid_interval(scores)
    counts = count_classes(hits[0].truths)
    rarest = min(counts, key=lambda name: (counts[name], name))
    viability = _decide(interval, keep)
    if viability == "viable" and len(counts) < 2:  # noqa: PLR2004
        viability = "undecided"
    return BalancedComparison(
        first=hits[0].mean() or 0.0,
        second=hits[1].mean() or 0.0,
        ratio=scores.ratio,
        interval=interval,
        viability=viability,
        classes=len(counts),
        rarest=rarest,
        rarest_records=counts[rarest],
    )


def _decide(interval: Interval | None, keep: float) -> Viability:
    if interval is None:
        return "undecided"
    if interval.low >= keep:
        return "viable"
    return "not_viable" if interval.high < keep else "undecided"


def _combine(accuracy: Viability, balanced: Viability) -> Viability:
    """Return the verdict of both: good enough by both, or not by one of them."""
    if "not_viable" in (accuracy, balanced):
        return "not_viable"
    return "viable" if accuracy == balanced == "viable" else "undecided"
