"""A label, or a list of labels, as the answer of an engine that a workload reads."""

from models.requests import Choice, JsonValue
from models.workloads.answer_kind import known_labels
from models.workloads.base import Workload
from models.workloads.json_schema import write_compact
from models.workloads.label_set import show_labels
from models.workloads.labels_workload import FIELD, LabelsWorkload


def spell_answer(workload: Workload, value: JsonValue) -> tuple[str, JsonValue]:
    """Return the text and the value with which an engine answers this label, or these: in the words that a prompt shows.

    `workload.parse` makes of it what is published. A label that the workload does not know stays as it is, so that it is refused there.
    """
    labels = known_labels(workload)
    output = workload.output_format
    if isinstance(workload, LabelsWorkload):
        words = dict(zip(labels, show_labels(labels), strict=True))
        given = value if isinstance(value, list) else [value]
        answer: JsonValue = {FIELD: [words.get(str(one), str(one)) for one in given]}
        return write_compact(answer), answer
    if isinstance(output, Choice) and len(output.labels) == len(labels):
        word = dict(zip(labels, output.labels, strict=True)).get(str(value), str(value))
        return word, word
    answer = {"label": value}
    return write_compact(answer), answer
