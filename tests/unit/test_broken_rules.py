"""Which rule of its schema an answer broke: the member and the rule by name, and nothing of the answer itself."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from models.ids import new_id
from models.requests import Completion, JsonValue, Message, Request
from models.settings import Settings, WorkloadSettings
from models.workloads.base import InvalidOutput, Workload
from models.workloads.broken_rules import OTHER_KEY
from models.workloads.registry import build as build_named
from tests.workloads import Enrichment

PERSON = "Ada Lovelace"
GOOD: dict[str, JsonValue] = {
    "title": "Desk lamp",
    "bullet_points": ["Light", "Small", "Red"],
    "category": "home",
    "attributes": [],
}


class Checked(BaseModel):
    """An output with a check of its own, which repeats what it was given."""

    name: str
    kind: Literal["a", "b"] = "a"
    counts: dict[str, int] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def short(cls, name: str) -> str:
        """Refuse every name, in words that hold it."""
        msg = f"{name} is no name"
        raise ValueError(msg)


class Own(Workload):
    """A workload with that output, written in Python."""

    name = "own"
    prompt_version = "1"
    output = Checked
    max_tokens = 8

    def messages(self, text: str) -> tuple[Message, ...]:
        """Ask with the text alone."""
        return (Message("user", text),)


def broken(workload: Workload, value: JsonValue, finish_reason: str = "stop") -> InvalidOutput:
    """Return the error that the workload raises for an answer."""
    request = Request(new_id(), "r", workload.messages("x"), workload.output_format, workload.max_tokens)
    with pytest.raises(InvalidOutput) as caught:
        workload.parse("x", Completion(request, text="…", value=value, finish_reason=finish_reason))
    return caught.value


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"title": None}, "title", "must be of type string"),
        ({"title": "x" * 71}, "title", "must have at most 70 characters"),
        (
            {"bullet_points": ["one"]},
            "bullet_points",
            "must have at least 3 items",
        ),
        ({"bullet_points": ["a", "b", ""]}, "bullet_points.2", "must have at least 1 characters"),
        ({"attributes": [{"name": "colour"}]}, "attributes.0.value", "must be there"),
        ({PERSON: "1"}, OTHER_KEY, "must not be there"),
        ({"title": 3, "category": 4}, "title", "must be of type string, and 1 more rule"),
    ],
)
def test_member_and_rule(changes: dict[str, JsonValue], field: str, rule: str) -> None:
    """The first member that broke a rule is named by its place, whatever else the answer got wrong."""
    error = broken(Enrichment(WorkloadSettings()), GOOD | changes)
    assert (error.field, error.rule) == (field, rule)
    assert PERSON not in f"{error} {error.rule} {error.field}"


@pytest.mark.parametrize(
    ("value", "finish_reason", "rule"),
    [
        (None, "stop", "must be a JSON object"),
        (None, "length", "must end within 400 tokens"),
        (["a"], "stop", "must be a JSON object"),
    ],
)
def test_an_answer_that_is_no_object(value: JsonValue, finish_reason: str, rule: str) -> None:
    """What is no object at all is at fault as a whole; one that was cut off says so."""
    error = broken(Enrichment(WorkloadSettings()), value, finish_reason)
    assert (error.field, error.rule) == ("(whole answer)", rule)


def test_labels() -> None:
    """An answer that is no label names the labels, or how many there are."""
    error = broken(build_named("sentiment", Settings()), "blue")
    assert (error.field, error.rule) == ("label", "must be one of negative, neutral, positive")
    many = Settings.model_validate(
        {"workloads": {"classification": {"labels": [f"label_{number}" for number in range(77)]}}}
    )
    assert broken(build_named("classification", many), "blue").rule == "must be one of the 77 labels"
    cut = broken(build_named("classification", many), None, "length")
    assert (cut.field, cut.rule) == ("(whole answer)", "must end within 128 tokens")


def test_a_check_of_its_own_gives_nothing_away() -> None:
    """A workload's own check may repeat the answer: it is named by its model alone; so are keys that a model made up."""
    error = broken(Own(WorkloadSettings()), {"name": PERSON})
    assert (error.field, error.rule) == ("name", "a check of Checked (value_error)")
    key = broken(Own(WorkloadSettings()), {"name": PERSON, "counts": {PERSON: "x"}})
    assert PERSON not in f"{key} {key.rule} {key.field}"
