"""From labels and answers to what an evaluation found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from models.evaluation.calibration import calibrate
from models.evaluation.figures import Arm, ArmName, Calibration, Comparison, Evaluation, Threshold
from models.evaluation.intervals import share
from models.evaluation.metrics import compute_scores
from models.evaluation.scores import QualityCheck, Scores
from models.evaluation.threshold import choose_threshold
from models.evaluation.verdict import compare
from models.gpu_time import NS_PER_SECOND, GpuTime
from models.workloads.base import Workload
from tasks.evaluation.arms import Answers, ArmAnswer
from tasks.labelling.labelled_file import LabelledFile

COMPARED: Sequence[tuple[ArmName, ArmName]] = (("small", "api"), ("adapter", "small"), ("adapter", "api"))


@dataclass(frozen=True, slots=True)
class EvaluationRule:
    """What was to be evaluated, when, and by which rule."""

    at: datetime
    month: date
    seed: int
    keep: float
    missing: tuple[str, ...]


def assemble_evaluation(
    workload: Workload, file: LabelledFile, every: Sequence[Answers], asked: EvaluationRule
) -> Evaluation:
    """Compare the engines' answers with the labels and with each other."""
    right = {one.name: _right(file, one.by_key) for one in every} if workload.labels is not None else {}
    compared = [
        compare(first, second, right[first], right[second], keep=asked.keep)
        for first, second in COMPARED
        if first in right and second in right
    ]
    by_name = {one.name: one for one in every}
    arms = tuple(_arm(workload, file, one) for one in every)
    return Evaluation(
        workload=workload.name,
        at=asked.at,
        month=asked.month,
        labels_path=file.path,
        labels_digest=file.digest,
        records=len(file.records),
        duplicates=file.duplicates,
        seed=asked.seed,
        labels=workload.labels,
        prompt_version=workload.prompt_version,
        prompt_fingerprint=workload.fingerprint,
        arms=arms,
        comparisons=tuple(compared),
        agreement=_agreement(workload, file, by_name),
        calibration=_calibration(file, by_name, right),
        threshold=_threshold(file, by_name, right, arms, asked.keep),
        missing=(*asked.missing, *_missing(workload, file, compared)),
        keep=asked.keep,
    )


def _right(file: LabelledFile, answers: Mapping[str, ArmAnswer]) -> list[bool]:
    """Say of each record whether its answer is the label; no valid answer is a wrong one."""
    return [record.key in answers and answers[record.key].label == record.label for record in file.records]


def _arm(workload: Workload, file: LabelledFile, one: Answers) -> Arm:
    given = [one.by_key.get(record.key) for record in file.records]
    gpu, spent = one.spent.gpu, one.spent
    working = _part(spent.gpu_nano, gpu)
    return Arm(
        name=one.name,
        model=one.model,
        records=len(file.records),
        answered=sum(answer is not None for answer in given),
        asked=spent.asked,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_nano=spent.api_nano if one.name == "api" else working,
        seconds=spent.api_seconds if one.name == "api" else gpu.busy_ns / NS_PER_SECOND,
        load_nano=spent.gpu_nano - working,
        load_seconds=(gpu.load_ns + gpu.idle_ns) / NS_PER_SECOND,
        scores=_scores(workload, file, given),
        checks=_checks(workload, file, one.by_key),
    )


def _part(nano: int, gpu: GpuTime) -> int:
    """Return the part of the GPU's cost that is for answering."""
    return nano * gpu.busy_ns // gpu.total_ns if gpu.total_ns else 0


def _scores(workload: Workload, file: LabelledFile, given: Sequence[ArmAnswer | None]) -> Scores | None:
    if workload.labels is None:
        return None
    truths = [record.label or "" for record in file.records]
    return compute_scores(
        workload.labels, truths, [None if answer is None else answer.label for answer in given]
    )


def _checks(
    workload: Workload, file: LabelledFile, answers: Mapping[str, ArmAnswer]
) -> tuple[QualityCheck, ...]:
    if workload.labels is not None:
        return ()
    counts = [
        workload.checks(record.text, answers[record.key].text)
        for record in file.records
        if record.key in answers
    ]
    return (QualityCheck("valid outputs", share(len(counts), len(file.records))), *_summed(counts))


def _agreement(
    workload: Workload, file: LabelledFile, by_name: Mapping[ArmName, Answers]
) -> tuple[QualityCheck, ...]:
    if workload.labels is not None or "api" not in by_name:
        return ()
    mine, theirs = by_name["small"].by_key, by_name["api"].by_key
    both = [record.key for record in file.records if record.key in mine and record.key in theirs]
    return _summed([workload.agreement(mine[key].text, theirs[key].text) for key in both])


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
    right: Mapping[ArmName, Sequence[bool]],
    arms: Sequence[Arm],
    keep: float,
) -> Threshold | None:
    if "api" not in right:
        return None
    answers = by_name["small"].by_key
    # no valid answer is escalated in any case; one of unknown confidence by every threshold above 0
    confidences = [
        answers[record.key].confidence or 0.0 if record.key in answers else None for record in file.records
    ]
    small, api = (next(arm for arm in arms if arm.name == name) for name in ("small", "api"))
    return choose_threshold(confidences, right["small"], right["api"], _each(small), _each(api), keep=keep)


def _each(arm: Arm) -> Fraction | None:
    """Return what one record costs, in nano-dollars."""
    return None if arm.cost_nano is None or not arm.asked else Fraction(arm.cost_nano, arm.asked)


def _missing(workload: Workload, file: LabelledFile, compared: Sequence[Comparison]) -> tuple[str, ...]:
    said = []
    if workload.labels is None:
        said.append(
            "The answers are free and have no labels: how many are right is not known, so the 90% rule decides nothing."
        )
    if file.unlabelled:
        said.append(f"{file.unlabelled} rows of the file have no label and were left out.")
    if file.quarantined:
        said.append(f"{file.quarantined} rows of the file have no text and were left out.")
    if any(one.ratio is None for one in compared):
        said.append("An engine got nothing right, so there is no ratio to it.")
    return tuple(said)
