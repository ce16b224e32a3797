"""Whether the API's answer to a record is the one that was published, by the workload's own comparison."""

from collections.abc import Mapping

from models.evaluation.answering import is_right
from models.evaluation.objects import find_value, is_same
from models.requests import JsonValue
from models.workloads.base import Workload
from tasks.evaluation.chrf import chrf
from tasks.evaluation.measures import asked_measure


def agrees(workload: Workload, published: JsonValue, other: JsonValue) -> bool:
    """Whether two answers of a workload agree.

    Labels where they are equal, several labels as sets, objects in their compared fields (`compare`, else all), answers to questions as an evaluation
    compares them, texts from the chrF on that is set (`audit.similar`). Raises `UsageError` for a setting `measure` that does not suit the kind.
    """
    own = workload.settings
    match workload.kind:
        case "label":
            return published == other
        case "labels":
            return _set(published) == _set(other)
        case "object":
            paths = own.compare or tuple(workload.output.model_fields)
            if asked_measure(workload) == "answering":
                return is_right(_text(find_value(published, paths[0])), [_text(find_value(other, paths[0]))])
            mine, others = _object(published), _object(other)
            return mine is not None and others is not None and is_same(mine, others, paths)
        case "text":
            if asked_measure(workload) == "answering":
                return is_right(_text(published), [_text(other)])
            return chrf(_text(published), [_text(other)]) >= own.audit.similar


def _set(value: JsonValue) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _object(value: JsonValue) -> Mapping[str, JsonValue] | None:
    return value if isinstance(value, dict) else None


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value)
