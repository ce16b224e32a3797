"""What becomes of an answer: of a label, of labels, of an object with its checks, of a text."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UsageError
from models.requests import Completion, JsonObject, JsonValue, Request
from models.settings import Settings
from models.workloads import registry
from models.workloads.base import InvalidOutput, Workload
from models.workloads.json_schema import grammar_schema, held_after
from models.workloads.object_workload import ObjectWorkload
from tests.unit.workloads.conftest import Write

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "brand": {"type": ["string", "null"], "description": "the maker"},
        "price": {"type": "number", "multipleOf": 0.5},
        "colours": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
    },
    "required": ["brand"],
    "$defs": {
        "part": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "size": {"enum": ["small", "large"]}},
            "required": ["name"],
        }
    },
}
OfSchema = Callable[..., Workload]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def build(name: str = "own", /, **table: object) -> Workload:
    """Build a workload from a table of settings."""
    return registry.build(name, Settings.model_validate({"workloads": {name: table}}))


def answer(
    workload: Workload, value: JsonValue, text: str = "a text", finish_reason: str = "stop"
) -> Mapping[str, Any]:
    """Return what is published for an engine's answer."""
    request = Request(UUID(int=1), "1", workload.messages(text), workload.output_format, workload.max_tokens)
    shown = value if isinstance(value, str) else json.dumps(value)
    completion = Completion(request, text=shown, value=value, finish_reason=finish_reason)
    return workload.parse(text, completion).model_dump()


def refusal(
    workload: Workload, value: JsonValue, text: str = "a text", finish_reason: str = "stop"
) -> tuple[str, str]:
    """Return member and rule that an answer broke."""
    with pytest.raises(InvalidOutput) as caught:
        answer(workload, value, text, finish_reason)
    return caught.value.field, caught.value.rule


@pytest.fixture
def of_schema(write: Write) -> OfSchema:
    """Return what builds an object workload over `SCHEMA` with checks."""
    path = write("own.schema.json", json.dumps(SCHEMA))

    def made(**checks: object) -> Workload:
        return build(kind="object", prompt="Extract:\n{{ fields }}", schema_file=path, **checks)

    return made


# --- several labels


def test_labels_come_in_the_order_of_the_settings() -> None:
    """Each once, as the settings spell it, whatever the model's order."""
    workload = build(kind="labels", prompt="Which?", labels=["card_arrival", "refund", "other"])
    assert answer(workload, {"labels": ["other", "card arrival", "other"]}) == {
        "labels": ["card_arrival", "other"]
    }
    assert answer(workload, {"labels": []}) == {"labels": []}


@pytest.mark.parametrize(
    "value", [None, "other", {"labels": "other"}, {"labels": ["else"]}, {"labels": [1]}, []]
)
def test_what_is_no_list_of_labels(value: JsonValue) -> None:
    """Another label, another shape, nothing at all."""
    workload = build(kind="labels", prompt="Which?", labels=["refund", "other"])
    assert refusal(workload, value)[1] == "must be a list of the 2 labels"


def test_labels_have_bounds() -> None:
    """The grammar holds them, and so does the check, which does not count repeats."""
    workload = build(kind="labels", prompt="Which?", labels=["a", "b", "c"], min_labels=1, max_labels=2)
    assert isinstance(workload.output_format, JsonObject)
    held = json.loads(workload.output_format.schema)["properties"]["labels"]
    assert (held["minItems"], held["maxItems"]) == (1, 2)
    assert refusal(workload, {"labels": []}) == ("labels", "must have 1 to 2 labels")
    assert answer(workload, {"labels": ["b", "b"]}) == {"labels": ["b"]}


def test_an_example_with_labels_is_shown_as_an_answer() -> None:
    """As the object that the model is to give; one label needs no list."""
    examples = [{"text": "x", "answer": ["a", "b"]}, {"text": "y", "answer": "b"}]
    workload = build(kind="labels", prompt="Which?", labels=["a", "b"], examples=examples)
    assert [one.content for one in workload.messages("z")][1:] == [
        "x", '{"labels":["a","b"]}', "y", '{"labels":["b"]}', "z",
    ]  # fmt: skip


# --- one label


def test_meanings_are_told() -> None:
    """Beside the label as words, in the place that the prompt gives them or below it."""
    labels = {"card_arrival": "where is it", "other": ""}
    placed = build(kind="label", prompt="Which of\n{{ labels }}\nis it?", labels=labels)
    assert placed.messages("x")[0].content == "Which of\ncard arrival: where is it\nother\nis it?"
    below = build(kind="label", prompt="Which is it?", labels=labels)
    assert below.messages("x")[0].content == "Which is it?\n\ncard arrival: where is it\nother"
    assert (
        placed.fingerprint
        != build(kind="label", prompt="Which of\n{{ labels }}\nis it?", labels=list(labels)).fingerprint
    )


def test_a_prompt_that_names_its_labels_is_left_alone() -> None:
    """As words of their own: `other` is not named by `another`."""
    assert build(kind="label", prompt="Is it good or bad?", labels=["good", "bad"]).messages("x")[
        0
    ].content == ("Is it good or bad?")
    told = (
        build(kind="label", prompt="Is it good or another?", labels=["good", "other"])
        .messages("x")[0]
        .content
    )
    assert told.endswith("\n\ngood\nother")


def test_many_labels() -> None:
    """1,500 of them are one choice, and the limit of an answer has room for the longest."""
    labels = [f"label_{number}" for number in range(1500)]
    workload = build(kind="label", prompt="Which?", labels=labels)
    assert answer(workload, "label 1499") == {"label": "label_1499"}
    assert refusal(workload, "label 1500")[1] == "must be one of the 1500 labels"


# --- an object


def test_an_object_is_published_by_its_schema(of_schema: OfSchema) -> None:
    """A property that may be missing is null; objects have no other members."""
    workload = of_schema()
    assert answer(workload, {"brand": "Acme", "price": 2.5}) == {
        "brand": "Acme", "price": 2.5, "colours": None, "parts": None,
    }  # fmt: skip
    assert refusal(workload, {"brand": "Acme", "more": 1}) == ("(unknown key)", "must not be there")
    assert refusal(workload, {}) == ("brand", "must be there")


def test_null_stands_for_what_is_missing(of_schema: OfSchema) -> None:
    """Strict mode of an API cannot leave a property out and says null."""
    workload = of_schema()
    assert answer(workload, {"brand": None, "price": None, "parts": [{"name": "lid", "size": None}]})[
        "parts"
    ] == [{"name": "lid", "size": None}]


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ({"brand": "x", "price": 2.3}, ("price", "must satisfy multipleOf 0.5")),
        ({"brand": "x", "colours": ["red", "red"]}, ("colours", "must hold nothing twice")),
        ({"brand": 3}, ("brand", "must be of type ['string', 'null']")),
        (
            {"brand": "x", "parts": [{"name": "a", "size": "huge"}]},
            ("parts.0.size", 'must satisfy enum ["small", "large"]'),
        ),
    ],
)
def test_what_no_grammar_holds_is_checked(
    value: JsonValue, broken: tuple[str, str], of_schema: OfSchema
) -> None:
    """The whole schema counts, also the keywords that the engine's grammar and strict mode leave out."""
    assert refusal(of_schema(), value) == broken


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("[A-Z]{2}\\d+", True),
        ("(?:a|b)+", True),
        ("(?P<letter>a)", True),
        ("\\bword", False),
        ("(a)\\1", False),
        ("\\p{L}+", False),
        ("(?<!a)b", False),
        ("(?=a)a", False),
        ("(?i)a", False),
        ("a\\Z", False),
    ],
)
def test_a_pattern_that_no_grammar_holds_is_checked_after(pattern: str, held: bool) -> None:
    """What the engine's grammar has no word for is left out of it, instead of being refused for every record."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
    assert ("pattern" in grammar_schema(schema)["properties"]["a"]) is held
    assert held_after(schema) == ([] if held else [("a", "pattern")])


def test_what_the_text_does_not_state_goes(of_schema: OfSchema) -> None:
    """An item of a list is dropped, a member that may be null becomes null; letter case and spacing do not count."""
    workload = of_schema(grounded=["brand", "parts[].name", "colours[]"])
    value: JsonValue = {
        "brand": "Nobody",
        "colours": ["RED", "blue"],
        "parts": [{"name": "big  lid"}, {"name": "foot"}],
    }
    found = answer(workload, value, "A red box with a Big Lid")
    assert (found["brand"], found["colours"]) == (None, ["RED"])
    assert found["parts"] == [{"name": "big  lid", "size": None}]


def test_attributes_of_a_text_of_the_web() -> None:
    """Entities lose no true attribute; a part of a number, and what the text denies, is none."""
    workload = registry.build("enrichment", Settings())
    text = "Acme &amp; Sons laptop sleeve 15.6&quot;\nNot waterproof. Weight 1400 g."
    values = ['15.6"', "Acme & Sons", "waterproof", "40", "1,400 g"]
    attributes: JsonValue = [{"name": f"n{at}", "value": value} for at, value in enumerate(values)]
    given_: JsonValue = {
        "title": "t",
        "bullet_points": ["a", "b", "c"],
        "category": "c",
        "attributes": attributes,
    }
    kept = [one["value"] for one in answer(workload, given_, text)["attributes"]]
    assert kept == ['15.6"', "Acme & Sons", "1,400 g"]


def test_what_must_be_stated_and_may_not_be_null(write: Write) -> None:
    """Such an answer is invalid: there is nothing to put in its place."""
    schema = {"type": "object", "properties": {"quote": {"type": "string"}}, "required": ["quote"]}
    path = write("quote.json", json.dumps(schema))
    workload = build(kind="object", prompt="Quote.", schema_file=path, grounded=["quote"])
    assert refusal(workload, {"quote": "made up"}, "the text") == ("quote", "must be stated in the text")
    assert answer(workload, {"quote": ""}, "the text") == {"quote": ""}


def test_repeats_go(of_schema: OfSchema) -> None:
    """The first of equal items stays."""
    workload = of_schema(distinct=["parts[]"])
    parts: JsonValue = [{"name": "Lid"}, {"name": "lid "}, {"name": "lid", "size": "small"}]
    assert [one["name"] for one in answer(workload, {"brand": "x", "parts": parts})["parts"]] == [
        "Lid",
        "lid",
    ]


def test_checks_of_members(of_schema: OfSchema) -> None:
    """Words, patterns and conditions name the member and the rule."""
    workload = of_schema(
        max_words={"brand": 2}, pattern={"parts[].name": "[a-z]+"}, required_if={"colours": "brand == Acme"}
    )
    assert refusal(workload, {"brand": "a b c"}) == ("brand", "must have at most 2 words")
    assert refusal(workload, {"brand": "a", "parts": [{"name": "B"}]}) == (
        "parts[].name",
        "must match [a-z]+",
    )
    assert refusal(workload, {"brand": "Acme"}) == ("colours", "must not be empty here")
    assert answer(workload, {"brand": "Acme", "colours": ["red"]})["colours"] == ["red"]
    assert answer(workload, {"brand": "Bolt"})["colours"] is None


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        (
            {"grounded": ["parts[].nam"]},
            "the path 'parts[].nam' is not in the schema; did you mean parts[].name?",
        ),
        ({"distinct": ["part[]"]}, "did you mean parts[]?"),
        ({"max_words": 3}, "max_words is a table by path"),
        ({"pattern": {"brand": "("}}, "( is no regular expression"),
        ({"required_if": {"brand": "price >"}}, "is no condition"),
        (
            {"required_if": {"brand": "prize == 1"}},
            "the path 'prize' is not in the schema; did you mean price?",
        ),
        (
            {"examples": [{"text": "x", "answer": {"brand": 1}}]},
            "the answer of example 1 does not fit the schema: brand",
        ),
    ],
)
def test_a_check_that_cannot_be(checks: dict[str, object], says: str, of_schema: OfSchema) -> None:
    """It is said when the workload is built, with the path that was meant."""
    with pytest.raises(UsageError) as caught:
        of_schema(**checks)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "must be the schema of an object"),
        ({"type": "array"}, "must be the schema of an object"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "is no JSON Schema"),
        ({"type": "object", "properties": {"a": {}}}, "a has no type"),
        ({"type": "object", "properties": {"a": True}}, "a may be any value"),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]}, "requires b, which is none of its"),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}, "is no JSON Schema"),
        ({"type": "object", "properties": {"a": {"type": ["string", "integer"]}}}, "a may be of 2 types"),
        ({"type": "object", "properties": {"a": {"enum": ["x", 1]}}}, "not of one type"),
        ({"type": "object", "properties": {"a": {"type": "object"}}}, "an object without properties"),
        ({"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}, "no column can hold"),
        ({"type": "object", "properties": {"a": {"type": "object", "patternProperties": {}}}}, "the keyword patternProperties"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}, "refers to itself"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "which is not there"),
        ({"type": "object", "properties": {"model": {"type": "string"}}}, "has the name of another published column"),
        ({"type": "object", "properties": {"Product Name": {"type": "string"}}}, "cannot name a column"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_held(schema: object, says: str, write: Write) -> None:
    """One line with the file and the member, before anything is run."""
    path = write("own.json", json.dumps(schema))
    with pytest.raises(UsageError) as caught:
        build(kind="object", prompt="x", schema_file=path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_of_a_package(write: Write) -> None:
    """A pydantic model of the user's own, with its validators."""
    write(
        "my_shapes.py",
        "from pydantic import BaseModel, field_validator\n\n"
        "class Item(BaseModel):\n    name: str\n    pieces: int = 1\n\n"
        "    @field_validator('name')\n    @classmethod\n    def short(cls, name):\n"
        "        if len(name) > 5: raise ValueError(name)\n        return name\n",
    )
    workload = build(kind="object", prompt="x", output="my_shapes:Item")
    assert answer(workload, {"name": "abc"}) == {"name": "abc", "pieces": 1}
    field, rule = refusal(workload, {"name": "secret name"})
    assert field == "name"
    assert "secret" not in rule


def test_the_shortest_answer_is_known() -> None:
    """So that a limit of tokens that no answer can keep is found before a record is asked about."""
    workload = registry.build("enrichment", Settings())
    assert isinstance(workload, ObjectWorkload)
    assert json.loads(workload.shortest_answer) == {
        "title": 0,
        "bullet_points": [0, 0, 0],
        "category": 0,
        "attributes": [],
    }


@given(value=JSON_VALUES)
def test_any_answer_is_published_or_refused(value: JsonValue) -> None:
    """Whatever JSON an engine gives, each kind makes its output of it or raises `InvalidOutput`, and nothing else."""
    for name in registry.names(Settings()):
        workload = registry.build(name, Settings())
        try:
            made = answer(workload, value)
        except InvalidOutput:
            continue
        assert set(made) == set(workload.output.model_fields)


@given(
    values=st.lists(st.tuples(st.text("abc ", max_size=4), st.text("abc ", max_size=4)), max_size=5),
    text=st.text("abc ", max_size=12),
)
def test_nothing_that_is_published_was_invented(values: list[tuple[str, str]], text: str) -> None:
    """Every attribute of an enrichment stands in the text, and none is there twice."""
    workload = registry.build("enrichment", Settings())
    attributes: JsonValue = [{"name": name, "value": value} for name, value in values]
    given_: JsonValue = {
        "title": "t",
        "bullet_points": ["a", "b", "c"],
        "category": "c",
        "attributes": attributes,
    }
    try:
        made = answer(workload, given_, text)
    except InvalidOutput:
        return
    kept = [(" ".join(one["name"].split()), " ".join(one["value"].split())) for one in made["attributes"]]
    assert all(value and value in " ".join(text.split()) for _, value in kept)
    assert len(set(kept)) == len(kept)


# --- a text


def test_a_text_is_published_without_white_space_around_it() -> None:
    """And as it is otherwise."""
    assert answer(build(kind="text", prompt="Say."), "  Hello,\nyou. ") == {"text": "Hello,\nyou."}


@pytest.mark.parametrize(
    ("table", "value", "rule"),
    [
        ({}, "", "must not be empty"),
        ({}, None, "must not be empty"),
        ({"max_words": 2}, "one two three", "must have at most 2 words"),
        ({"min_words": 2}, "one", "must have at least 2 words"),
        ({"max_sentences": 1}, "One. Two.", "must have at most 1 sentences"),
        ({"pattern": {"text": "[a-z]+"}}, "Abc", "must match [a-z]+"),
        (
            {"same_language": True},
            "Das ist ein Satz in einer anderen Sprache",
            "must be in the language of the text",
        ),
        ({}, "first say what the customer of this shop really wants", "must not repeat the prompt"),
    ],
)
def test_checks_of_a_text(table: dict[str, object], value: JsonValue, rule: str) -> None:
    """Each has its rule, and none repeats the answer."""
    workload = build(kind="text", prompt="First say what the customer of this shop really wants.", **table)
    assert refusal(workload, value, "This is a text that was written in English.") == ("text", rule)


def test_a_text_that_was_cut_off_is_none() -> None:
    """Half a sentence is no summary."""
    assert refusal(build(kind="text", prompt="Say.", max_tokens=9), "Hello", finish_reason="length")[1] == (
        "must end within 9 tokens"
    )


@pytest.mark.parametrize(
    ("text", "sentences"),
    [("", 0), ("One", 1), ("One. Two! Three?", 3), ("It costs 3.50 dollars.", 1), ("“Really?” he said.", 2), ("一。二。", 2), ("...", 0)],
)  # fmt: skip
def test_sentences_are_counted(text: str, sentences: int) -> None:
    """By the marks that end them, in front of white space; a number's point ends none."""
    from models.workloads.answer_checks import count_sentences  # noqa: PLC0415

    assert count_sentences(text) == sentences
