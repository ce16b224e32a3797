"""Whether a workload answers labels, and which it knows."""

from collections.abc import Mapping

from pydantic import ValidationError

from models.requests import JsonValue
from models.workloads.base import Workload
from models.workloads.json_schema import write_compact
from models.workloads.label_set import show_labels
from models.workloads.labels_workload import LabelsWorkload


def known_labels(workload: Workload) -> tuple[str, ...]:
    """Return the labels that a workload can answer, none for objects and texts."""
    return workload.label_set if isinstance(workload, LabelsWorkload) else workload.labels or ()


def answers_labels(workload: Workload) -> bool:
    """Whether answers are labels, one or several, which are right or wrong and cannot be judged otherwise."""
    return workload.kind in ("label", "labels")


def published_answer(workload: Workload, row: Mapping[str, JsonValue]) -> JsonValue:
    """Return what a published row answers: the one column of a label, labels or a text, or the columns of an object."""
    if workload.kind == "object":
        return {name: row[name] for name in workload.output.model_fields}
    return row[workload.kind]


def can_answer(workload: Workload, answer: JsonValue) -> bool:
    """Whether an answer is one that the workload can give: known labels, an object of its schema, a text."""
    match workload.kind:
        case "label":
            return answer in known_labels(workload)
        case "labels":
            return isinstance(answer, list) and set(answer) <= set(known_labels(workload))
        case "text":
            return isinstance(answer, str) and bool(answer.strip())
    try:
        workload.output.model_validate(answer)
    except (ValidationError, ValueError):
        return False
    return True


def written_answer(workload: Workload, answer: JsonValue) -> str:
    """Return an answer as the language model has to write it: labels as they are shown to it, objects as JSON."""
    labels = known_labels(workload)
    shown = dict(zip(labels, show_labels(labels), strict=True))
    match workload.kind:
        case "label":
            return shown[str(answer)]
        case "labels":
            return write_compact({"labels": [shown[str(one)] for one in answer or ()]})  # type: ignore[union-attr]
        case "text":
            return str(answer)
    return write_compact(answer)
