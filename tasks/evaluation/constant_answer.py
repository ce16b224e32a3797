"""What one and the same answer to every record would score: the measure of what an accuracy is worth on records that are much alike."""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from models.evaluation.answering import NOT_IN_CONTEXT
from models.evaluation.figures import Comparison
from models.evaluation.intervals import share
from models.evaluation.objects import find_value
from models.evaluation.scores import ConstantAnswer
from models.evaluation.wording import normalise_answer, normalise_value
from models.requests import JsonValue
from models.workloads.base import Workload
from tasks.evaluation.arms import ArmAnswer
from tasks.evaluation.measures import measure_answers, measure_of
from tasks.labelling.labelled_file import LabelledFile


def score_constant_answer(
    workload: Workload, file: LabelledFile, compared: Sequence[Comparison], keep: float
) -> ConstantAnswer | None:
    """Score the right answer that most records have as an answer to all of them; None where no record is right or wrong."""
    measure = measure_of(workload, file)
    if measure in ("chrf", "none"):
        return None
    values = [_value(record.label or "", is_label=measure == "accuracy") for record in file.records]
    keys = list(map(_key(workload), values))
    most, _ = Counter(keys).most_common(1)[0]
    answer = values[keys.index(most)]
    if measure == "exact_match" and isinstance(answer, list):
        answer = answer[0] if answer else workload.settings.no_answer or NOT_IN_CONTEXT
    given = ArmAnswer("", answer, None)
    found = measure_answers(workload, file, [given] * len(file.records))
    right = share(sum(found.right or ()), len(file.records))
    api = next((one for one in compared if (one.first, one.second) == ("small", "api")), None)
    against = right.of if api is None else api.both + api.only_second
    return ConstantAnswer(
        answer=_shown(answer),
        right=right,
        balanced=None if found.hits is None else found.hits.mean(),
        reaches=against > 0 and right.count >= keep * against,
    )


def _value(label: str, *, is_label: bool) -> JsonValue:
    return label if is_label else json.loads(label or "null")


def _key(workload: Workload) -> Callable[[JsonValue], Hashable]:
    """Return what makes right answers the same: of objects the fields that are compared, of answers their first one's words."""
    if workload.kind == "object" and workload.settings.compare:
        paths = workload.settings.compare
        return lambda value: tuple(repr(normalise_value(find_value(value, path))) for path in paths)
    if workload.kind == "text":
        return lambda value: (
            tuple(normalise_answer(str(value[0]))) if isinstance(value, list) and value else ()
        )
    return lambda value: repr(normalise_value(value)) if not isinstance(value, str) else value


def _shown(answer: JsonValue) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return ", ".join(map(str, answer)) or "no label"
    return json.dumps(answer, ensure_ascii=False)
