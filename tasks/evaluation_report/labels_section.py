"""What the labels are worth, in words: how much alike the records are, and how surely they are labelled."""

from collections.abc import Iterator

from models.evaluation.figures import Comparison, Evaluation
from models.evaluation.scores import LabelAgreement
from tasks.documents.amounts import count, plural
from tasks.documents.page import Section
from tasks.evaluation_report import sentences


def worth_of_labels(evaluation: Evaluation) -> Section | None:
    """Say what a constant answer would score, how wrong labels flatter, and how far two labellers agree; None without labels."""
    told = tuple(_sentences(evaluation))
    return Section("worth", "What the labels are worth", told) if told else None


def warn_of_constant(evaluation: Evaluation) -> str | None:
    """Warn where one and the same answer to all records would reach what is asked for; None elsewhere."""
    found = evaluation.constant
    if found is None or not found.reaches:
        return None
    of = "of the API model's accuracy" if evaluation.arm("api") is not None else "accuracy"
    return f"Accuracy alone says little here: {_constant(evaluation)}, which reaches {sentences.percentage(evaluation.keep)} {of}."


def warn_of_labellers(evaluation: Evaluation) -> str | None:
    """Warn where two labellers agree too little for the verdict; None elsewhere."""
    noise, found = _noise(evaluation), evaluation.labellers
    if found is None or noise is None or found.error <= noise:
        return None
    return f"The labels are too unsure for this verdict: {_agree(found)}."


def _sentences(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.constant is not None:
        found = _constant(evaluation)
        yield f"{found[0].upper()}{found[1:]}."
    if evaluation.comparisons:
        yield (
            "Wrong labels draw both accuracies towards chance, and so their ratio towards 100%: they flatter the worse model."
            f"{_flips(evaluation)}"
        )
    if evaluation.labellers is not None:
        yield f"{_agree(evaluation.labellers)}.{_stands(evaluation, evaluation.labellers)}"


def _constant(evaluation: Evaluation) -> str:
    found = evaluation.constant
    if found is None:
        return ""
    balanced = "" if found.balanced is None else f" (balanced {sentences.percentage(found.balanced)})"
    right = f"{count(found.right.count)} of {plural(found.right.of, 'record')} right"
    return f"always answering {found.answer} would get {right}, {sentences.percentage(found.right.value)}{balanced}"


def _noise(evaluation: Evaluation) -> float | None:
    return evaluation.verdict.noise if isinstance(evaluation.verdict, Comparison) else None


def _flips(evaluation: Evaluation) -> str:
    """Say how many wrong labels would leave the verdict open. More than the records that were answered wrongly there cannot be."""
    noise, small, api = _noise(evaluation), evaluation.arm("small"), evaluation.arm("api")
    if noise is None or small is None or api is None or small.right is None or api.right is None:
        return ""
    most = 1 - max(small.right.value or 0.0, api.right.value or 0.0)
    if noise >= most:
        return " As many wrong labels as there can be would not change this verdict."
    return f" This verdict would be open if more than {100 * noise:.1f}% of the labels were wrong, between two labels at random."


def _agree(found: LabelAgreement) -> str:
    kappa = "" if found.kappa.value is None else f", Cohen's kappa {sentences.estimate(found.kappa)}"
    return (
        f"A second labeller (column {found.column}) agrees on {count(found.same.count)} of {plural(found.same.of, 'record')}"
        f" ({sentences.share(found.same)}){kappa}: if both err alike, {100 * found.error:.1f}% of the labels are wrong"
    )


def _stands(evaluation: Evaluation, found: LabelAgreement) -> str:
    noise = _noise(evaluation)
    if noise is None:
        return ""
    return " The verdict stands that." if found.error <= noise else " With so many the verdict would be open."
