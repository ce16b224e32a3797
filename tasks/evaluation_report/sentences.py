"""An evaluation's sentences: the verdict, what each model got right, what an adapter is worth."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor

from models.economics.month import Viability
from models.evaluation.figures import Arm, ArmName, Comparison, Evaluation, MeanComparison
from models.evaluation.scores import Interval, ScoreEstimate, Share
from tasks.documents.amounts import UNKNOWN, count, join_words, percent, plural

ARMS: Mapping[ArmName, str] = {
    "classifier": "classifier",
    "small": "small model",
    "api": "API model",
    "adapter": "small model with adapter",
}
"""What the engines that are compared are called."""
ANSWERS: Mapping[Viability, str] = {
    "viable": "Good enough",
    "not_viable": "Not good enough",
    "undecided": "Undecided",
}

NARROW = 0.04
"""Intervals below this width are written with a decimal."""
NEARLY_ONE = 0.99


def title(evaluation: Evaluation) -> str:
    """Return the document's title."""
    return f"Evaluation of {evaluation.workload}: {ANSWERS[evaluation.viability].lower()}"


def arm_name(name: ArmName) -> str:
    """Name an engine at the beginning of a line: `Small model`."""
    return f"{ARMS[name][0].upper()}{ARMS[name][1:]}"


def verdict(evaluation: Evaluation) -> str:
    """Say in one sentence whether the small model is good enough, with the interval, and what would decide it."""
    compared, small = evaluation.verdict, evaluation.arm("small")
    if small is None or not small.records:
        return "No record was evaluated, so nothing is decided."
    if small.score is None:
        return f"Without right answers it is not decided whether the small model is good enough: {_valid(small)}."
    if compared is None:
        why = "Without an API model to compare with" if evaluation.arm("api") is None else "So far"
        return f"{why} it is not decided whether the small model is good enough: {_alone(small)}."
    return _compared(compared, evaluation)


def measured(evaluation: Evaluation) -> str:
    """Name what the rule stands on: the accuracy, which is the share of records answered right, or chrF."""
    return "chrF" if evaluation.measure == "chrf" else "accuracy"


def _alone(small: Arm) -> str:
    if small.right is not None:
        return f"it answered {_right(small.right)} right{_interval(small.right.interval)}"
    return "" if small.texts is None else f"its chrF is {estimate(small.texts.chrf)}"


def _compared(compared: Comparison | MeanComparison, evaluation: Evaluation) -> str:
    if compared.ratio is None:
        of = plural(evaluation.records, "record")
        what = f"got none of {of} right" if isinstance(compared, Comparison) else f"scores nothing on {of}"
        return (
            "It cannot be said whether the small model is good enough: the API model, which it is measured"
            f" against, {what}."
        )
    reaches = (
        f"it reaches {ratio(compared.ratio)} of the API model's {measured(evaluation)}{_surely(compared)}"
        f"{_balanced(compared)}, and {percentage(evaluation.keep)} is asked for"
    )
    if compared.viability == "undecided":
        return f"It is not decided whether the small model is good enough: {reaches}; {_more(compared)}."
    good = "good" if compared.viability == "viable" else "not good"
    return f"The small model is {good} enough: {reaches}."


def _balanced(compared: Comparison | MeanComparison) -> str:
    """Say what part of the API model's balanced accuracy it reaches, where the rule stands on that too."""
    found = compared.balanced if isinstance(compared, Comparison) else None
    if found is None or found.ratio is None:
        return ""
    return f" and {ratio(found.ratio)} of its balanced accuracy ({ratio_between(found.interval)})"


def _more(compared: Comparison | MeanComparison) -> str:
    """Say how many more labels decide it in half of the cases and in four of five, and which."""
    found = compared.balanced if isinstance(compared, Comparison) else None
    if found is not None and found.classes < 2:  # noqa: PLR2004
        return "all records have the same right answer, which tells nothing of others: label records that have another"
    if compared.more is None:
        return "that is so close that no reasonable number of labels would decide it"
    rare = ""
    if found is not None and found.viability == "undecided":
        have = plural(found.rarest_records, "record has", "records have")
        rare = f", most of all such as \N{LEFT DOUBLE QUOTATION MARK}{found.rarest}\N{RIGHT DOUBLE QUOTATION MARK}, which {have}"
    if compared.more_half is None or compared.more_half == compared.more:
        return f"label about {plural(compared.more, 'more record', 'more records')} to decide it{rare}"
    return (
        f"label about {count(compared.more_half)} to {count(compared.more)} more records{rare}: the lower number decides about"
        " half of such cases, the higher four of five"
    )


def rights(evaluation: Evaluation) -> str | None:
    """Say how many records each engine answered right; None without labels."""
    scored = [(ARMS[arm.name], arm.right) for arm in evaluation.arms if arm.right is not None]
    if len(scored) < 2:  # noqa: PLR2004  one alone is told by the verdict
        return None
    told = [f"the {name} {count(right.count)} ({percentage(right.value)})" for name, right in scored]
    return f"Right of {plural(scored[0][1].of, 'record')}: {join_words(told)}."


def adapter(evaluation: Evaluation) -> str | None:
    """Say what the adapter is worth against the model without it; None where none was evaluated."""
    compared = evaluation.compared("adapter", "small")
    if compared is None:
        return None
    if compared.ratio is None:
        return "Without the adapter the small model got nothing right."
    reaches = f"{ratio(compared.ratio)} of its {measured(evaluation)} without it{_surely(compared)}"
    return (
        f"With the adapter the small model reaches {reaches}: {_worth(compared.always or compared.interval)}."
    )


def _worth(interval: Interval | None) -> str:
    if interval is not None and interval.low > 1:
        return "the adapter makes it better"
    if interval is not None and interval.high < 1:
        return "the adapter makes it worse"
    return "these records do not tell whether the adapter makes it better or worse"


def against_api(evaluation: Evaluation) -> str | None:
    """Say whether the small model with the adapter is good enough; None where that was not compared."""
    found = _reached(evaluation, "adapter")
    return None if found is None else f"That is {found}."


def classifier(evaluation: Evaluation) -> str | None:
    """Say whether the classifier is good enough by itself; None where that was not compared."""
    found = _reached(evaluation, "classifier")
    return None if found is None else f"By itself the classifier reaches {found}."


def _reached(evaluation: Evaluation, name: ArmName) -> str | None:
    compared = evaluation.compared(name, "api")
    if compared is None or compared.ratio is None:
        return None
    reaches = f"{ratio(compared.ratio)} of the API model's {measured(evaluation)}{_surely(compared)}{_balanced(compared)}"
    more = f"; {_more(compared)}" if compared.viability == "undecided" else ""
    return f"{reaches}: {ANSWERS[compared.viability].lower()}{more}"


def share(of: Share) -> str:
    """Render a share with its interval: `91% (87% to 94%)`; of nothing as nothing."""
    if not of.of:
        return ""
    return f"{percentage(of.value)}{f' ({render_interval(of.interval)})' if of.interval is not None else ''}"


def render_interval(interval: Interval | None) -> str:
    """Render an interval: `87% to 94%`, a narrow one with a decimal; None as unknown."""
    if interval is None:
        return UNKNOWN
    places = 1 if interval.high - interval.low < NARROW else 0
    return f"{100 * interval.low:.{places}f}% to {100 * interval.high:.{places}f}%"


def estimate(of: ScoreEstimate) -> str:
    """Render a mean or F1 with its interval: `0.874 (0.812 to 0.921)`; of nothing as nothing."""
    if of.value is None:
        return ""
    return f"{decimal(of.value)} ({decimal_between(of.interval)})" if of.interval else decimal(of.value)


def decimal_between(interval: Interval | None) -> str:
    """Render the interval of a mean between 0 and 1: `0.812 to 0.921`; None as unknown."""
    return UNKNOWN if interval is None else f"{decimal(interval.low)} to {decimal(interval.high)}"


def ratio(value: float | None) -> str:
    """Render a ratio of accuracies in tenths of a per cent, cut off: `96.3%`.

    Cut off and not rounded, so that what lies below the wished 90% is never written as 90%.
    """
    return UNKNOWN if value is None else f"{floor(round(1000 * value, 6)) / 10:.1f}%"


def ratio_between(interval: Interval | None) -> str:
    """Render the interval of a ratio of accuracies: `92.1% to 99.9%`."""
    return UNKNOWN if interval is None else f"{ratio(interval.low)} to {ratio(interval.high)}"


def percentage(value: float | None) -> str:
    """Render a share or ratio: `91%`; never what lacks something as 100%."""
    return percent(None if value is None else Fraction(value))


def confidence(value: float) -> str:
    """Render a confidence so that those close to 1 can be told apart: `0.85`, `0.99987`."""
    if NEARLY_ONE < value < 1:
        rest = 1 - value
        places = next(places for places in range(3, 17) if rest * 10**places >= 10 or places == 16)  # noqa: PLR2004
        return f"{value:.{places}f}".rstrip("0")
    return f"{value:.3f}".rstrip("0").rstrip(".")


def decimal(value: float | None) -> str:
    """Render a measure between 0 and 1 in three digits: `0.874`; None as unknown."""
    return UNKNOWN if value is None else f"{value:.3f}"


def points(value: float) -> str:
    """Render a difference of shares: `4.1 points`."""
    return f"{100 * value:.1f} points"


def _right(of: Share) -> str:
    return f"{count(of.count)} of {plural(of.of, 'record')}"


def _valid(small: Arm) -> str:
    return f"it gave a valid answer to {count(small.answered)} of {plural(small.records, 'record')}"


def _surely(compared: Comparison | MeanComparison) -> str:
    """Render the interval that decides: the one that holds however often one evaluates."""
    if compared.always is not None:
        return f" ({ratio_between(compared.always)} with 95% confidence, however often it is evaluated)"
    return "" if compared.interval is None else f" (95% interval {ratio_between(compared.interval)})"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" (95% interval {render_interval(interval)})"
