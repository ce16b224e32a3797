"""How one engine's answers compare with the right ones, by the kind of workload: record by record, and in sum."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from models.errors import UsageError
from models.evaluation.answering import NOT_IN_CONTEXT, abstains, compute_answering_scores, is_right
from models.evaluation.balance import ClassHits
from models.evaluation.figures import Measure
from models.evaluation.label_sets import compute_set_scores
from models.evaluation.metrics import compute_scores
from models.evaluation.objects import compute_object_scores, find_value, is_same
from models.evaluation.resampling import estimate_mean
from models.evaluation.rouge import rouge_l
from models.evaluation.scores import AnsweringScores, LabelSetScores, ObjectScores, Scores, TextScores
from models.requests import JsonValue
from models.settings.workload import Kind
from models.workloads.answer_kind import answers_labels, known_labels
from models.workloads.base import Workload
from tasks.evaluation.arms import ArmAnswer
from tasks.evaluation.chrf import chrf
from tasks.labelling.choose_references import field_schemas, first_name
from tasks.labelling.labelled_file import LabelledFile

_ANSWERS: Mapping[Kind, str] = {"label": "a label", "labels": "labels", "object": "an object", "text": "text"}
NO_LABEL = frozenset({"no label"})
"""The class of records of which no label is right."""
Given = Sequence[ArmAnswer | None]
"""An engine's answer to each record; None: no valid one."""


class ArmScores(TypedDict, total=False):
    """The scores of an arm; one of them at most is there."""

    scores: Scores | None
    label_sets: LabelSetScores
    objects: ObjectScores
    answering: AnsweringScores
    texts: TextScores


@dataclass(frozen=True, slots=True)
class Measurement:
    """How one engine's answers compare with the right ones.

    `right` says it of each record, where a record is right or wrong; `means` is each one's score where it is not. Both None:
    there are no right answers. `hits`: what of each class of right answers was found, where there are classes.
    """

    right: Sequence[bool] | None
    means: Sequence[float] | None
    scores: ArmScores
    hits: ClassHits | None = None


def measure_of(workload: Workload, file: LabelledFile) -> Measure:
    """Return what the rule stands on. Raises `UsageError` for a setting `measure` that does not suit the kind."""
    asked = asked_measure(workload)
    if not file.has_references:
        return "none"
    match workload.kind:
        case "label":
            return "accuracy"
        case "labels":
            return "exact_set"
        case "object":
            return "exact_match" if asked == "answering" else "whole_record"
        case "text":
            return "exact_match" if asked == "answering" else "chrf"


def check_measure(workload: Workload, file: LabelledFile) -> None:
    """See that answers can be compared as the settings say, before anything is asked. Raises `UsageError`."""
    measure_of(workload, file)


def asked_measure(workload: Workload) -> str | None:
    """Return how answers are to be compared, as the settings say, and where they do not. Raises `UsageError`."""
    own = workload.settings
    if own.measure is None:
        has_context = own.context is not None or own.context_file is not None
        return "answering" if workload.kind == "text" and has_context else None
    if answers_labels(workload) or (workload.kind == "object" and own.measure == "chrf"):
        msg = f"measure = {own.measure} does not suit {workload.name}, which answers {_ANSWERS[workload.kind]}: leave it out"
        raise UsageError(msg)
    if workload.kind == "object" and len(own.compare or ()) != 1:
        msg = f'measure = answering needs the field of {workload.name} that is the answer: set compare = ["FIELD"]'
        raise UsageError(msg)
    return own.measure


def measure_answers(workload: Workload, file: LabelledFile, given: Given) -> Measurement:
    """Compare an engine's answers with the right ones; `given` in the order of the file's records."""
    match measure_of(workload, file):
        case "accuracy":
            return _labels(workload, file, given)
        case "exact_set":
            return _label_sets(workload, file, given)
        case "whole_record":
            return _objects(workload, file, given)
        case "exact_match":
            return _answering(workload, file, given)
        case "chrf":
            return _texts(file, given)
        case "none":
            return Measurement(None, None, {"scores": None})


def _labels(workload: Workload, file: LabelledFile, given: Given) -> Measurement:
    truths = [record.label or "" for record in file.records]
    answers = [None if one is None else str(one.value) for one in given]
    right = [truth == answer for truth, answer in zip(truths, answers, strict=True)]
    hits = _hits([frozenset({truth}) for truth in truths], right)
    return Measurement(right, None, {"scores": compute_scores(known_labels(workload), truths, answers)}, hits)


def _label_sets(workload: Workload, file: LabelledFile, given: Given) -> Measurement:
    truths = [frozenset(map(str, _list(one))) for one in _references(file)]
    answers = [None if one is None else frozenset(map(str, _list(one.value))) for one in given]
    right = [truth == answer for truth, answer in zip(truths, answers, strict=True)]
    found = compute_set_scores(known_labels(workload), truths, answers)
    hits = ClassHits(
        [truth or NO_LABEL for truth in truths],
        [
            frozenset() if answer is None else (truth or NO_LABEL) & (answer or NO_LABEL)
            for truth, answer in zip(truths, answers, strict=True)
        ],
    )
    return Measurement(right, None, {"scores": None, "label_sets": found}, hits)


def _objects(workload: Workload, file: LabelledFile, given: Given) -> Measurement:
    truths = [one if isinstance(one, dict) else {} for one in _references(file)]
    answers = [None if one is None or not isinstance(one.value, dict) else one.value for one in given]
    schemas = field_schemas(workload)
    known = [name for name in schemas if any(name in truth for truth in truths)]
    compared = workload.settings.compare or tuple(known)
    fields = [*known, *(path for path in compared if path != first_name(path))]
    right = [is_same(answer, truth, compared) for truth, answer in zip(truths, answers, strict=True)]
    found = compute_object_scores(fields, compared, truths, answers)
    return Measurement(right, None, {"scores": None, "objects": found})


def _answering(workload: Workload, file: LabelledFile, given: Given) -> Measurement:
    (path,) = workload.settings.compare or ("",) if workload.kind == "object" else ("",)
    truths = [_several(_part(one, path)) for one in _references(file)]
    answers = [None if one is None else _text(_part(one.value, path)) for one in given]
    right = [is_right(answer, truth) for truth, answer in zip(truths, answers, strict=True)]
    no_answer = workload.settings.no_answer or NOT_IN_CONTEXT
    found = compute_answering_scores(truths, answers, no_answer)
    classes = [
        frozenset({no_answer if any(abstains(one, no_answer) for one in truth) else "in the context"})
        for truth in truths
    ]
    hits = _hits(classes, right) if len(set(classes)) > 1 else None
    return Measurement(right, None, {"scores": None, "answering": found}, hits)


def _hits(truths: Sequence[frozenset[str]], right: Sequence[bool]) -> ClassHits:
    """Return what was found where each record has one class."""
    return ClassHits(truths, [truth if ok else frozenset() for truth, ok in zip(truths, right, strict=True)])


def _part(value: JsonValue, path: str) -> JsonValue:
    return find_value(value, path) if path else value


def _several(value: JsonValue) -> list[str]:
    """Return the right answers of a record: one, or any of a list."""
    return [_text(one) for one in (value if isinstance(value, list) else [value])]


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value)


def _texts(file: LabelledFile, given: Given) -> Measurement:
    pairs = [
        ("" if one is None else str(one.value), list(map(str, _list(truth))))
        for one, truth in zip(given, _references(file), strict=True)
    ]
    means = [chrf(*pair) for pair in pairs]
    found = TextScores(estimate_mean(means), estimate_mean([rouge_l(*pair) for pair in pairs]))
    return Measurement(None, means, {"scores": None, "texts": found})


def _references(file: LabelledFile) -> list[JsonValue]:
    return [json.loads(record.label or "null") for record in file.records]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def answers_in_order(file: LabelledFile, by_key: Mapping[str, ArmAnswer]) -> Given:
    """Return an engine's answer to each record, in the order of the file's records."""
    return [by_key.get(record.key) for record in file.records]
