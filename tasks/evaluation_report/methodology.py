"""The end of an evaluation in words: what could not be said, and how the rest was found."""

from collections.abc import Iterator

from models.evaluation.figures import Evaluation
from tasks.documents.amounts import plural
from tasks.documents.page import Item, Section
from tasks.evaluation_report import sentences

DIGITS = 16
"""Of a digest; the JSON has all."""

WILSON = "Wilson's, for a share: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), where p of n were right and z = 1.96."
TANG = (
    "Tang, Tang and Chan's (2003), of two accuracies on the same records: all ratios that the score test"
    " does not reject at 5% by the records that both got right, or one of them."
)
ALWAYS = (
    "The ratio that decides: all ratios against which no bet on the records was won 40 to 1 (Waudby-Smith and Ramdas 2024), the stakes"
    " weighted as in Cover's universal portfolio. However often one evaluates, it is wrong on either side in at most 2.5% of cases."
)
BALANCED = (
    "The mean over the right answers that occur of the share of records that were answered so: of one label the recall of each, of sets"
    " the recall of each label among the records that have it, those of none by themselves."
)
MORE = (
    "Shares are drawn from what these records leave open (a Dirichlet distribution), further records from these shares: the numbers of"
    " labels that decide half of 400 such cases, and four of five."
)
BOOTSTRAP = (
    "A percentile bootstrap over the records, 2,000 resamples from a fixed seed, with two made-up records in each, one at its best and one"
    " at its worst, so that few records that are all alike do not look certain."
)
BASIS = "It rests on these labels, not on audits."
CASCADE = (
    "Of all stages and thresholds (at most 40 of each stage) the cheapest by money, then by time, of which a verdict on these records would be viable,"
    " by accuracy and balanced accuracy. Accuracy and interval of the whole: each fifth of the records is answered by what the other four chose."
)
PLATT = "Platt's: 1 / (1 + exp(-(a logit(c) + b))), with c as the model says"


def missing_section(evaluation: Evaluation) -> Section | None:
    """Say what could not be said and why; None where nothing is missing."""
    if not evaluation.missing:
        return None
    return Section(
        "missing", "What could not be said", items=tuple(Item("", one) for one in evaluation.missing)
    )


def method_section(evaluation: Evaluation) -> Section:
    """Say from what, with what and by which formulas it was found."""
    return Section("how", "How this was made", items=tuple(_items(evaluation)))


def describe_origin(evaluation: Evaluation) -> tuple[str, ...]:
    """Say when it was made, for which month, and from which labels."""
    return (
        f"Made on {evaluation.at:%Y-%m-%d %H:%M} UTC, counted in {evaluation.month:%B %Y}.",
        f"Fingerprint of the labels: {evaluation.labels_digest}",
    )


def _rule(keep: float) -> str:
    wished = sentences.percentage(keep)
    return (
        f"Good enough if the whole interval of the ratio lies at {wished} or above, not good enough if all of it lies"
        " below, else undecided."
    )


def _items(evaluation: Evaluation) -> Iterator[Item]:
    yield Item("Records", " ".join(_records(evaluation)))
    prompt = f"version {evaluation.prompt_version}, fingerprint {evaluation.prompt_fingerprint[:DIGITS]}."
    yield Item("Prompt", f"{prompt} All records ran as in production, and are in the ledger.")
    for arm in evaluation.arms:
        yield Item(sentences.arm_name(arm.name), f"{arm.model}, {plural(arm.asked, 'record')} asked for.")
    if evaluation.labels is not None:
        yield Item("Labels", f"{len(evaluation.labels)} that an answer can give.")
    yield Item("Interval of a share", WILSON)
    if evaluation.measure in ("exact_set", "whole_record", "exact_match", "chrf"):
        yield Item("Interval of a mean or F1", BOOTSTRAP)
    if evaluation.comparisons:
        yield Item("Interval of a ratio, evaluated once", TANG)
    if evaluation.mean_comparisons:
        yield Item(
            "Interval of a ratio, evaluated once", "The same bootstrap, of the two means on the same records."
        )
    if evaluation.verdict is not None:
        yield Item("Verdict", f"{_rule(evaluation.keep)} {BASIS}")
        yield Item("Interval that decides", ALWAYS)
        if evaluation.verdict.more is not None:
            yield Item("Labels asked for", MORE)
    if any(one.balanced is not None for one in evaluation.comparisons):
        yield Item("Balanced accuracy", BALANCED)
    yield from _confidence_items(evaluation)


def _confidence_items(evaluation: Evaluation) -> Iterator[Item]:
    """Say how confidences were used."""
    if evaluation.cascade is not None:
        yield Item("One after the other", CASCADE)
    found = evaluation.calibration
    if found is not None:
        fitted = (
            ""
            if found.slope is None or found.intercept is None
            else f", a = {found.slope:.4g} and b = {found.intercept:.4g}"
        )
        yield Item("Calibrated confidence", f"{PLATT}{fitted}.")


def _records(evaluation: Evaluation) -> Iterator[str]:
    yield f"{plural(evaluation.records, 'record')} of {evaluation.labels_path}; labels {evaluation.labels_digest[:DIGITS]}."
    if evaluation.duplicates:
        left_out = plural(evaluation.duplicates, "more was", "more were")
        yield f"{left_out} left out, since text and label were there before."
    yield f"Where there is a limit, seed {evaluation.seed} chose them."
