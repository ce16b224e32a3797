"""How good each engine's answers are, in words and tables, by what the records have right answers of."""

from collections.abc import Callable, Iterator, Mapping
from itertools import starmap

from models.evaluation.figures import Arm, BalancedComparison, Comparison, Evaluation, MeanComparison, Measure
from models.evaluation.scores import FieldScore, ScoreEstimate
from tasks.documents.amounts import count, plural
from tasks.documents.page import Section, Table
from tasks.evaluation_report import sentences

MOST_FIELDS = 30
"""Fields of an object that are listed; of more, those that do worst."""

RIGHT: Mapping[Measure, str] = {
    "accuracy": "How often each model gives the right label",
    "exact_set": "How often each model gives exactly the right labels",
    "whole_record": "How often each model gets a whole record right",
    "exact_match": "How often each model gives the right answer",
    "chrf": "How like the references each model's texts are",
    "none": "",
}
MORE: Mapping[Measure, tuple[str, ...]] = {
    "accuracy": ("Macro F1",),
    "exact_set": ("Micro F1", "Macro F1"),
    "whole_record": (),
    "exact_match": ("F1 of the words",),
    "chrf": (),
    "none": (),
}
"""Further columns beside the share of right answers."""


def quality(evaluation: Evaluation) -> Section | None:
    """Show how good each engine is, and how any two compare on the same records."""
    scored = [arm for arm in evaluation.arms if arm.score is not None or arm.right is not None]
    if not scored:
        return None
    is_chrf = evaluation.measure == "chrf"
    main = _texts(scored) if is_chrf else _rights(evaluation.measure, scored)
    title = "How good each model's texts are" if is_chrf else "How accurate each model is"
    tables = (main, *_compared(evaluation), *_fields(scored), *_abstained(scored))
    return Section("accuracy", title, (_rule(evaluation), *_meanings(evaluation)), "accuracy", tables)


def _rule(evaluation: Evaluation) -> str:
    word = sentences.measured(evaluation)
    wrong = "scores 0" if evaluation.measure == "chrf" else "counts as wrong"
    balanced = any(one.balanced is not None for one in evaluation.comparisons)
    both = ", and of its balanced accuracy, in which each right answer counts the same" if balanced else ""
    return (
        f"An answer that is not valid {wrong}. A model is good enough if it surely reaches"
        f" {sentences.percentage(evaluation.keep)} of the API model's {word}{both}: if the whole interval of the ratio lies there or above."
        " That interval is wider than the usual one, so that it holds however often one evaluates while labelling."
    )


def _meanings(evaluation: Evaluation) -> Iterator[str]:
    match evaluation.measure:
        case "exact_set":
            yield "Right is an answer with all the right labels and no other."
        case "whole_record":
            named = next((arm.objects.compared for arm in evaluation.arms if arm.objects is not None), ())
            fields = ", ".join(named)
            yield f"Right is a record of which all of these are, letter case, white space, the way numbers are written and the order of lists apart: {fields}."
        case "exact_match":
            yield "Right is an answer that is one of the right ones, letter case, articles and punctuation apart, as in SQuAD 2."
        case "chrf":
            yield "chrF compares groups of characters, ROUGE-L the longest common sequence of words; both are 1 where texts are equal. The rule stands on chrF."


def _rights(measure: Measure, scored: list[Arm]) -> Table:
    columns = ("Model", "Right", "Accuracy", "95% interval", *MORE[measure], "Without a valid answer")
    return Table(RIGHT[measure], columns, tuple(_right_row(measure, arm) for arm in scored))


def _right_row(measure: Measure, arm: Arm) -> tuple[str, ...]:
    right = arm.right
    if right is None:
        return (sentences.arm_name(arm.name), *[""] * (4 + len(MORE[measure])))
    return (
        sentences.arm_name(arm.name),
        f"{count(right.count)} of {count(right.of)}",
        sentences.percentage(right.value),
        sentences.render_interval(right.interval),
        *_more(arm),
        count(arm.records - arm.answered),
    )


def _more(arm: Arm) -> tuple[str, ...]:
    if arm.scores is not None:
        return (sentences.decimal(arm.scores.macro_f1),)
    if arm.label_sets is not None:
        return (sentences.estimate(arm.label_sets.micro_f1), sentences.estimate(arm.label_sets.macro_f1))
    return () if arm.answering is None else (sentences.estimate(arm.answering.f1),)


def _texts(scored: list[Arm]) -> Table:
    columns = ("Model", "chrF", "95% interval", "ROUGE-L", "95% interval", "Without a valid answer")

    def cells(one: ScoreEstimate) -> tuple[str, str]:
        return sentences.decimal(one.value), sentences.decimal_between(one.interval)

    rows = tuple(
        (
            sentences.arm_name(arm.name),
            *cells(arm.texts.chrf),
            *cells(arm.texts.rouge_l),
            count(arm.records - arm.answered),
        )
        for arm in scored
        if arm.texts is not None
    )
    return Table(RIGHT["chrf"], columns, rows)


def _compared(evaluation: Evaluation) -> Iterator[Table]:
    caption = "How the models compare, record by record"
    intervals = ("Ratio", "However often evaluated", "95%, evaluated once")
    if evaluation.comparisons:
        columns = ("On the same records", "Both right", "Only the first", "Only the second", "Neither", *intervals)  # fmt: skip
        yield Table(caption, columns, tuple(map(_comparison_row, evaluation.comparisons)))
    if evaluation.mean_comparisons:
        means = ("On the same records", "Records", "Mean of the first", "Of the second", *intervals)
        yield Table(caption, means, tuple(map(_mean_row, evaluation.mean_comparisons)))
    balanced = [(one, one.balanced) for one in evaluation.comparisons if one.balanced is not None]
    if balanced:
        each = ("On the same records", "Balanced accuracy of the first", "Of the second", "Ratio", "However often evaluated", "Rarest right answer")  # fmt: skip
        rows = tuple(starmap(_balanced_row, balanced))
        yield Table("How they compare where each right answer counts the same", each, rows)


def _pair(one: Comparison | MeanComparison) -> str:
    return f"{sentences.arm_name(one.first)} against {sentences.ARMS[one.second]}"


def _comparison_row(one: Comparison) -> tuple[str, ...]:
    return (
        _pair(one),
        *map(count, (one.both, one.only_first, one.only_second, one.neither)),
        *_ratio_cells(one),
    )


def _ratio_cells(one: Comparison | MeanComparison) -> tuple[str, str, str]:
    return (
        sentences.ratio(one.ratio),
        sentences.ratio_between(one.always),
        sentences.ratio_between(one.interval),
    )


def _balanced_row(one: Comparison, found: BalancedComparison) -> tuple[str, ...]:
    return (
        _pair(one),
        sentences.percentage(found.first),
        sentences.percentage(found.second),
        sentences.ratio(found.ratio),
        sentences.ratio_between(found.interval),
        f"{found.rarest} ({plural(found.rarest_records, 'record')})",
    )


def _mean_row(one: MeanComparison) -> tuple[str, ...]:
    return (
        _pair(one),
        count(one.records),
        *map(sentences.decimal, (one.first_mean, one.second_mean)),
        *_ratio_cells(one),
    )


def _fields(scored: list[Arm]) -> Iterator[Table]:
    columns = ("Field", "The very value", "Normalised", "F1 of what it holds")
    for arm in scored:
        if arm.objects is None or not arm.objects.fields:
            continue
        every, compared = arm.objects.fields, arm.objects.compared
        lowest: Callable[[FieldScore], float] = lambda one: one.f1.value or 0.0  # noqa: E731
        shown = sorted(every, key=lowest)[:MOST_FIELDS] if len(every) > MOST_FIELDS else every
        which = f"the {MOST_FIELDS} lowest of {len(every)} fields" if len(shown) < len(every) else "field by field"  # fmt: skip
        strong = frozenset(at for at, one in enumerate(shown) if one.field in compared)
        yield Table(
            f"{sentences.arm_name(arm.name)}, {which}", columns, tuple(map(_field_row, shown)), strong
        )


def _field_row(one: FieldScore) -> tuple[str, ...]:
    return (
        one.field,
        sentences.share(one.exact),
        sentences.share(one.normalised),
        sentences.estimate(one.f1),
    )


def _abstained(scored: list[Arm]) -> Iterator[Table]:
    rows = tuple(
        (
            sentences.arm_name(arm.name),
            f"{count(arm.answering.abstained.of)}",
            sentences.share(arm.answering.abstained) or "never said",
            sentences.share(arm.answering.unanswerable) or "no such records",
        )
        for arm in scored
        if arm.answering is not None
    )
    if rows:
        columns = ("Model", "Said that it is not in the context", "Rightly", "Of the records of which that is right")  # fmt: skip
        yield Table("Where the context does not hold the answer", columns, rows)
