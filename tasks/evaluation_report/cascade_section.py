"""The engines one after the other, in words and one table: each alone, and the cheapest whole that keeps enough."""

from collections.abc import Iterator
from fractions import Fraction

from models.evaluation.cascade import Cascade, Stage
from models.evaluation.figures import Arm, Evaluation
from tasks.documents.amounts import UNKNOWN, join_words, times, unit_usd
from tasks.documents.page import Section, Table
from tasks.evaluation_report import sections, sentences

COLUMNS = ("Stage", "Accuracy", "Sure from", "Serves", "1,000 records cost", "They take")
NOT_USED = "not used"
WHOLE = "All together"


def cascade(evaluation: Evaluation) -> Section | None:
    """Show each stage and the whole: accuracy, share served, cost and time; None where nothing was chosen from."""
    found = evaluation.cascade
    if found is None:
        return None
    rows = (*_stage_rows(evaluation, found), *_gate_rows(found), _whole_row(found))
    table = Table("Each stage alone, and all together", COLUMNS, rows, frozenset({len(rows) - 1}))
    meets = (
        "A record is answered by the first stage that is as sure as its threshold, and costs what every stage costs that it reached."
        " A stage's own cost and accuracy are those of all records."
    )
    told = (meets, describe_cascade(evaluation, found), *_saved(evaluation, found))
    return Section("cascade", "One after the other", tuple(filter(None, told)), tables=(table,))


def describe_cascade(evaluation: Evaluation, found: Cascade) -> str:
    """Say which stages are worth it, from which confidence on, and what they keep together."""
    of = "API model" if evaluation.arm("api") is not None else "best stage"
    keep = f"{sentences.percentage(evaluation.keep)} of the {of}'s {sentences.measured(evaluation)}"
    if len(found.stages) == 1 and found.ratio == 1:
        return f"The cheapest that surely keeps {keep} is the {sentences.ARMS[found.stages[0].name]} alone: no other stage pays."
    steps = join_words([_step(one, found) for one in found.stages])
    return (
        f"The cheapest that surely keeps {keep}: {steps}. Together they reach {sentences.ratio(found.ratio)} of it"
        f" (95% interval {sentences.ratio_between(found.interval)}), measured on records that chose no threshold."
    )


def _step(stage: Stage, found: Cascade) -> str:
    name = f"the {sentences.ARMS[stage.name]}"
    if stage.name == "small" and found.triage is not None and found.triage.threshold is not None:
        name += f" (past which triage sends what it would be right on with less than {sentences.confidence(found.triage.threshold)})"
    return (
        name
        if stage.threshold is None
        else f"{name} where it is {sentences.confidence(stage.threshold)} sure"
    )


def _saved(evaluation: Evaluation, found: Cascade) -> Iterator[str]:
    """Say how much cheaper the whole is than the API alone."""
    api = evaluation.arm("api")
    if api is None or not api.nano_per_thousand or not found.nano_per_thousand:
        return
    if found.nano_per_thousand < api.nano_per_thousand:
        factor = times(Fraction(api.nano_per_thousand, found.nano_per_thousand))
        yield f"The API model alone costs {factor} what they cost together."


def _stage_rows(evaluation: Evaluation, found: Cascade) -> Iterator[tuple[str, ...]]:
    for arm in evaluation.arms:
        if arm.name != "adapter":
            yield _stage_row(arm, next((one for one in found.stages if one.name == arm.name), None))


def _gate_rows(found: Cascade) -> Iterator[tuple[str, ...]]:
    """Show a trained triage, which serves no record and sends some past the small model."""
    if (gate := found.triage) is not None:
        used = gate.threshold is not None
        yield (
            "Triage",
            UNKNOWN,
            f"passes on below {sentences.confidence(gate.threshold)}"
            if gate.threshold is not None
            else NOT_USED,
            f"past: {sentences.percentage(gate.passed.value)}" if used else "0%",
            unit_usd(gate.nano_per_thousand),
            sections.show_time(gate.seconds_per_thousand),
        )


def _stage_row(arm: Arm, stage: Stage | None) -> tuple[str, ...]:
    threshold = NOT_USED
    if stage is not None:
        threshold = "takes the rest" if stage.threshold is None else sentences.confidence(stage.threshold)
    return (
        sentences.arm_name(arm.name),
        UNKNOWN if arm.right is None else sentences.share(arm.right),
        threshold,
        "0%" if stage is None else sentences.percentage(stage.served.value),
        unit_usd(arm.nano_per_thousand),
        UNKNOWN if arm.seconds_per_thousand is None else sections.show_time(arm.seconds_per_thousand),
    )


def _whole_row(found: Cascade) -> tuple[str, ...]:
    return (
        WHOLE,
        sentences.share(found.accuracy),
        "",
        "100%",
        unit_usd(found.nano_per_thousand),
        sections.show_time(found.seconds_per_thousand),
    )
