"""A label as an engine's answer: whatever a classifier says is read as what the workload publishes."""

import json
from uuid import uuid4

import pytest

from models.requests import Choice, Completion, JsonValue, Request
from models.settings import Settings
from models.workloads import build
from models.workloads.answer_kind import known_labels
from models.workloads.base import InvalidOutput, Workload

LABELS = ("Card_Arrival", "lost or stolen", "Top up failed?", "z")


def workload_of(**own: object) -> Workload:
    """Make a workload of these labels."""
    settings = Settings.model_validate({"workloads": {"mine": {"prompt": "Which?", "labels": LABELS, **own}}})
    return build("mine", settings)


def read(workload: Workload, value: JsonValue) -> dict[str, JsonValue]:
    """Let the workload read an answer as it reads that of an engine."""
    text = workload.answer_text(value)
    spelled: JsonValue = text if isinstance(workload.output_format, Choice) else json.loads(text)
    request = Request(uuid4(), "a", workload.messages("text"), workload.output_format, workload.max_tokens)
    return workload.parse("text", Completion(request, text, spelled)).model_dump()


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_read_as_it_is_spelled(label: str) -> None:
    """The prompt shows words; what is published is the settings' spelling."""
    assert read(workload_of(kind="label"), label) == {"label": label}


@pytest.mark.parametrize("chosen", [[], [LABELS[0]], [LABELS[2], LABELS[1]], list(LABELS)])
def test_several_labels_are_read_in_the_order_of_the_settings(chosen: list[JsonValue]) -> None:
    """No label at all is an answer too."""
    workload = workload_of(kind="labels")
    assert read(workload, chosen) == {"labels": [one for one in known_labels(workload) if one in chosen]}


def test_what_is_no_label_is_refused_where_answers_are_read() -> None:
    """A classifier of another label set publishes nothing."""
    with pytest.raises(InvalidOutput):
        read(workload_of(kind="label"), "another")
    with pytest.raises(InvalidOutput):
        read(workload_of(kind="labels"), ["another"])


def test_presets_too() -> None:
    """Every label of those that come with the product."""
    for name in ("sentiment", "classification"):
        workload = build(name, Settings())
        for label in known_labels(workload):
            assert read(workload, label) == {"label": label}
