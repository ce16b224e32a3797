"""The engines of an evaluation as stages, one after the other, and which of them are worth asking."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from models.evaluation.cascade import Cascade, GateScores, StageAnswers, StageName, choose_cascade
from models.evaluation.figures import Arm, ArmName
from tasks.evaluation.arms import Answers
from tasks.evaluation.measures import Measurement, answers_in_order
from tasks.labelling.labelled_file import LabelledFile

STAGES: Sequence[StageName] = ("classifier", "small", "api")
"""In the order in which a record meets them."""


def choose_stages(
    file: LabelledFile,
    by_name: Mapping[ArmName, Answers],
    measured: Mapping[ArmName, Measurement],
    arms: Sequence[Arm],
    keep: float,
    seed: int,
    gate: GateScores | None = None,
) -> Cascade | None:
    """Choose the cheapest cascade of the engines that keeps enough; None where no record is right or wrong, or one engine alone was asked.

    `keep` as that of the verdict; `gate`: what a trained triage says of the records. An answer without a known confidence counts as 0, as in a run; no valid answer goes on at every threshold.
    """
    stages = [
        StageAnswers(
            name,
            right,
            _confidences(file, by_name[name]),
            None if (nano := nano_each(arm)) is None else float(nano),
            arm.seconds / arm.asked if arm.asked else 0.0,
            measured[name].hits,
        )
        for name in STAGES
        for arm in arms
        if arm.name == name and (right := measured[name].right) is not None
    ]
    return choose_cascade(stages, keep, seed, gate)


def nano_each(arm: Arm) -> Fraction | None:
    """Return what one record costs, in nano-dollars; None where it is unknown."""
    return None if arm.cost_nano is None or not arm.asked else Fraction(arm.cost_nano, arm.asked)


def _confidences(file: LabelledFile, answers: Answers) -> list[float | None]:
    given = answers_in_order(file, answers.by_key)
    return [None if one is None else one.confidence or 0.0 for one in given]
