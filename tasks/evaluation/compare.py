"""From labels and answers to what an evaluation found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.evaluation.agreement import measure_agreement
from models.evaluation.balance import ClassHits
from models.evaluation.calibration import calibrate
from models.evaluation.cascade import GateScores
from models.evaluation.figures import (
    Arm,
    ArmName,
    Calibration,
    Comparison,
    Evaluation,
    MeanComparison,
    Threshold,
)
from models.evaluation.intervals import share
from models.evaluation.object_checks import Counts, check_object, compare_objects
from models.evaluation.scores import LabelAgreement, QualityCheck
from models.evaluation.threshold import choose_threshold
from models.evaluation.verdict import compare, compare_means
from models.evaluation.wording import normalise_value
from models.gpu_time import NS_PER_SECOND, GpuTime
from models.workloads.answer_kind import answers_labels, known_labels
from models.workloads.base import Workload
from tasks.evaluation.arms import Answers, ArmAnswer
from tasks.evaluation.constant_answer import score_constant_answer
from tasks.evaluation.measures import Measurement, answers_in_order, measure_answers, measure_of
from tasks.evaluation.stages import choose_stages, nano_each
from tasks.labelling.choose_references import field_schemas
from tasks.labelling.labelled_file import LabelledFile

COMPARED: Sequence[tuple[ArmName, ArmName]] = (
    ("small", "api"),
    ("adapter", "small"),
    ("adapter", "api"),
    ("classifier", "api"),
)


@dataclass(frozen=True, slots=True)
class EvaluationRule:
    """What was to be evaluated, when, and by which rule."""

    at: datetime
    month: date
    seed: int
    keep: float
    missing: tuple[str, ...]


def assemble_evaluation(
    workload: Workload,
    file: LabelledFile,
    every: Sequence[Answers],
    asked: EvaluationRule,
    gate: GateScores | None = None,
) -> Evaluation:
    """Compare the engines' answers with the right ones and with each other; `gate`: what a trained triage says of the records."""
    measured = {
        one.name: measure_answers(workload, file, answers_in_order(file, one.by_key)) for one in every
    }
    right = {name: one.right for name, one in measured.items() if one.right is not None}
    compared, means = _compare(right, measured, asked.keep)
    by_name = {one.name: one for one in every}
    arms = tuple(_arm(workload, file, one, measured[one.name]) for one in every)
    return Evaluation(
        workload=workload.name,
        at=asked.at,
        month=asked.month,
        labels_path=file.path,
        labels_digest=file.digest,
        records=len(file.records),
        duplicates=file.duplicates,
        seed=asked.seed,
        labels=known_labels(workload) or None,
        prompt_version=workload.prompt_version,
        prompt_fingerprint=workload.fingerprint,
        arms=arms,
        comparisons=compared,
        agreement=_agreement(workload, file, by_name),
        calibration=_calibration(file, by_name, right),
        threshold=_threshold(file, by_name, measured, arms, asked.keep),
        missing=(*asked.missing, *_missing(workload, file, (*compared, *means))),
        keep=asked.keep,
        measure=measure_of(workload, file),
        mean_comparisons=means,
        constant=score_constant_answer(workload, file, compared, asked.keep),
        labellers=_labellers(file),
        cascade=choose_stages(file, by_name, measured, arms, asked.keep, asked.seed, gate),
    )


def _compare(
    right: Mapping[ArmName, Sequence[bool]], measured: Mapping[ArmName, Measurement], keep: float
) -> tuple[tuple[Comparison, ...], tuple[MeanComparison, ...]]:
    """Compare any two engines by the records that they have right, or by their scores where no record is right or wrong."""
    means = {name: one.means for name, one in measured.items() if one.means is not None}
    return tuple(
        compare(first, second, right[first], right[second], keep, _hits(measured[first], measured[second]))
        for first, second in COMPARED
        if first in right and second in right
    ), tuple(
        compare_means(first, second, means[first], means[second], keep=keep)
        for first, second in COMPARED
        if first in means and second in means
    )


def _labellers(file: LabelledFile) -> LabelAgreement | None:
    """Say how far two labellers agree on the records that both labelled; None without a second one."""
    twice = [record for record in file.records if record.second is not None]
    if file.second_column is None or not twice:
        return None
    first, second = (
        [str(one) for one in labels] for labels in zip(*((r.label, r.second) for r in twice), strict=True)
    )
    return measure_agreement(file.second_column, first, second)


def _hits(first: Measurement, second: Measurement) -> tuple[ClassHits, ClassHits] | None:
    return None if first.hits is None or second.hits is None else (first.hits, second.hits)


def _arm(workload: Workload, file: LabelledFile, one: Answers, measured: Measurement) -> Arm:
    gpu, spent = one.spent.gpu, one.spent
    working = _part(spent.gpu_nano, gpu)
    return Arm(
        name=one.name,
        model=one.model,
        records=len(file.records),
        answered=sum(answer is not None for answer in answers_in_order(file, one.by_key)),
        asked=spent.asked,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_nano=spent.api_nano if one.name == "api" else working,
        seconds=spent.api_seconds if one.name == "api" else gpu.busy_ns / NS_PER_SECOND,
        load_nano=spent.gpu_nano - working,
        load_seconds=(gpu.load_ns + gpu.idle_ns) / NS_PER_SECOND,
        checks=_checks(workload, file, one.by_key),
        **measured.scores,
    )


def _part(nano: int, gpu: GpuTime) -> int:
    """Return the part of the GPU's cost that is for answering."""
    return nano * gpu.busy_ns // gpu.total_ns if gpu.total_ns else 0


def _checks(
    workload: Workload, file: LabelledFile, answers: Mapping[str, ArmAnswer]
) -> tuple[QualityCheck, ...]:
    """Look at what can be counted without right answers; of labels nothing can."""
    if answers_labels(workload):
        return ()
    given = [(record.text, answers[record.key]) for record in file.records if record.key in answers]
    counts: list[Counts] = []
    if workload.kind == "object":
        fields, grounded = tuple(field_schemas(workload)), workload.settings.grounded or ()
        counts = [check_object(text, answer.engine_object(), fields, grounded) for text, answer in given]
    return (QualityCheck("valid outputs", share(len(given), len(file.records))), *_summed(counts))


def _agreement(
    workload: Workload, file: LabelledFile, by_name: Mapping[ArmName, Answers]
) -> tuple[QualityCheck, ...]:
    """Say how far the small model and the API agree, where nobody knows who is right."""
    if file.has_references or "api" not in by_name:
        return ()
    mine, theirs = by_name["small"].by_key, by_name["api"].by_key
    both = [record.key for record in file.records if record.key in mine and record.key in theirs]
    if workload.kind != "object":
        same = sum(normalise_value(mine[key].value) == normalise_value(theirs[key].value) for key in both)
        return (QualityCheck("the same text", share(same, len(both))),)
    fields = tuple(field_schemas(workload))
    return _summed(
        [compare_objects(mine[key].engine_object(), theirs[key].engine_object(), fields) for key in both]
    )


def _summed(counts: Sequence[Mapping[str, tuple[int, int]]]) -> tuple[QualityCheck, ...]:
    """Add up counts by what was looked at."""
    found: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for one in counts:
        for name, (count, out_of) in one.items():
            found[name] += count
            of[name] += out_of
    return tuple(QualityCheck(name, share(found[name], of[name])) for name in of)


def _calibration(
    file: LabelledFile, by_name: Mapping[ArmName, Answers], right: Mapping[ArmName, Sequence[bool]]
) -> Calibration | None:
    """Look at the answers whose confidence is known."""
    if "small" not in right:
        return None
    answers = by_name["small"].by_key
    known = [
        (answers[record.key].confidence, ok)
        for record, ok in zip(file.records, right["small"], strict=True)
        if record.key in answers
    ]
    sure = [(confidence, ok) for confidence, ok in known if confidence is not None]
    return calibrate([confidence for confidence, _ in sure], [ok for _, ok in sure])


def _threshold(
    file: LabelledFile,
    by_name: Mapping[ArmName, Answers],
    measured: Mapping[ArmName, Measurement],
    arms: Sequence[Arm],
    keep: float,
) -> Threshold | None:
    right = {name: one.right for name, one in measured.items() if one.right is not None}
    if "api" not in right:
        return None
    answers = by_name["small"].by_key
    # no valid answer is escalated in any case; one of unknown confidence by every threshold above 0
    confidences = [
        answers[record.key].confidence or 0.0 if record.key in answers else None for record in file.records
    ]
    small, api = (next(arm for arm in arms if arm.name == name) for name in ("small", "api"))
    hits = _hits(measured["small"], measured["api"])
    return choose_threshold(
        confidences, right["small"], right["api"], nano_each(small), nano_each(api), keep, hits
    )


def _missing(
    workload: Workload, file: LabelledFile, compared: Sequence[Comparison | MeanComparison]
) -> tuple[str, ...]:
    said = []
    if not file.has_references:
        said.append(
            "The file has no right answers: how many are right is not known, so the 90% rule decides nothing."
        )
    if measure_of(workload, file) == "chrf":
        said.append(
            "A text is more or less like its references and not right or wrong, so there is no threshold and no calibration."
        )
    if file.has_references and file.unlabelled:
        said.append(f"{file.unlabelled} rows of the file have no right answer and were left out.")
    if file.quarantined:
        said.append(f"{file.quarantined} rows of the file have no text and were left out.")
    if file.left_for_training:
        said.append(
            f"{file.left_for_training} texts of the file may be trained on and were left out: what was trained for {workload.name}"
            " is measured on the held-out side alone."
        )
    if any(one.ratio is None for one in compared):
        said.append("An engine got nothing right, so there is no ratio to it.")
    return tuple(said)
