"""Enrichment of a product record: title, bullet points, category and the attributes the text states."""

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from models.requests import Completion, Message
from models.workloads.base import InvalidOutput, Workload

_INSTRUCTION = (
    "Turn the product text into a JSON object: title, 3 to 5 short bullet points, category, and attributes "
    "(name and value) that are stated in the text. Use only what the text says."
)
# Written by hand. Short values keep the small model's answers short.
_EXAMPLES = (
    (
        "Trekker 40L Backpack - Navy\nRipstop nylon. Volume 40 litres, weight 980 g. Rain cover. One year warranty.",
        {
            "title": "Trekker 40L Hiking Backpack, Navy",
            "bullet_points": [
                "Made of ripstop nylon",
                "Rain cover included",
                "One year warranty",
            ],
            "category": "Backpacks",
            "attributes": [
                {"name": "color", "value": "Navy"},
                {"name": "material", "value": "ripstop nylon"},
                {"name": "volume", "value": "40 litres"},
                {"name": "weight", "value": "980 g"},
            ],
        },
    ),
    (
        "BrewMate Kettle 1.7 L\nElectric kettle, 2200 W, stainless steel. Switches off by itself. Cordless base.",
        {
            "title": "BrewMate Electric Kettle 1.7 L",
            "bullet_points": ["Boils with 2200 W", "Stainless steel body", "Switches off by itself"],
            "category": "Kettles",
            "attributes": [
                {"name": "capacity", "value": "1.7 L"},
                {"name": "power", "value": "2200 W"},
                {"name": "material", "value": "stainless steel"},
            ],
        },
    ),
)
_PREFIX = (
    Message("system", _INSTRUCTION),
    *(
        message
        for text, answer in _EXAMPLES
        for message in (
            Message("user", text),
            Message("assistant", json.dumps(answer, separators=(",", ":"))),
        )
    ),
)


class Attribute(BaseModel):
    """One property of the product. After `parse`, `value` occurs literally in the record's text."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=24)
    value: str = Field(min_length=1, max_length=40)


class EnrichmentOutput(BaseModel):
    """What is published for a record.

    The lengths (characters) bound an answer, so that it ends before `max_tokens` in any usual text.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=70)
    bullet_points: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(
        min_length=3, max_length=5
    )
    category: str = Field(min_length=1, max_length=40)
    attributes: list[Attribute] = Field(max_length=5)


class Enrichment(Workload):
    """Asks for a JSON object and drops every attribute that the text does not state."""

    name: ClassVar[str] = "enrichment"
    prompt_version: ClassVar[str] = "1"
    output: ClassVar[type[BaseModel]] = EnrichmentOutput
    text_columns: ClassVar[tuple[str, ...]] = ("name", "description")
    max_tokens: ClassVar[int] = 400

    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text; everything before it is constant."""
        return (*_PREFIX, Message("user", text))

    def checks(self, text: str, answer: str) -> Mapping[str, tuple[int, int]]:
        """Look at the attributes before the invented ones are dropped, and at the lengths that a shop can show."""
        given = EnrichmentOutput.model_validate_json(answer)
        stated = _normalised(text)
        values = [_normalised(attribute.value) for attribute in given.attributes]
        found = sum(1 for value in values if value and value in stated)
        points = [len(point.split()) for point in given.bullet_points]
        distinct = len({_normalised(point) for point in given.bullet_points})
        return {
            "attributes that the text states": (found, len(values)),
            "records without an invented attribute": (int(found == len(values)), 1),
            "records with an attribute": (int(bool(values)), 1),
            "titles of 2 words or more": (int(len(given.title.split()) > 1), 1),
            "bullet points of 2 words or more": (sum(1 for words in points if words > 1), len(points)),
            "records whose bullet points all differ": (int(distinct == len(points)), 1),
        }

    def agreement(self, answer: str, other: str) -> Mapping[str, tuple[int, int]]:
        """Compare category, attribute values and the title's words with another engine's."""
        mine, theirs = (EnrichmentOutput.model_validate_json(each) for each in (answer, other))
        values, their_values = (
            {_normalised(attribute.value) for attribute in each.attributes} for each in (mine, theirs)
        )
        words, their_words = (set(_normalised(each.title).split()) for each in (mine, theirs))
        return {
            "same category": (int(_normalised(mine.category) == _normalised(theirs.category)), 1),
            "attribute values that the other gives too": (len(values & their_values), len(values)),
            "attribute values of the other that it gives too": (
                len(values & their_values),
                len(their_values),
            ),
            "words of the title that the other has too": (len(words & their_words), len(words)),
            "words of the other's title that it has too": (len(words & their_words), len(their_words)),
        }

    def parse(self, text: str, completion: Completion) -> BaseModel:
        """Check the object and keep only attributes whose value occurs literally in `text`.

        Letter case and white space do not count; an attribute that repeats an earlier one is dropped.
        """
        answer = super().parse(text, completion)
        if not isinstance(answer, EnrichmentOutput):  # never: `output` says so; for the type checker
            raise InvalidOutput(type(answer).__name__)
        stated = _normalised(text)
        kept: dict[tuple[str, str], Attribute] = {}
        for attribute in answer.attributes:
            name, value = _normalised(attribute.name), _normalised(attribute.value)
            if value and value in stated:
                kept.setdefault((name, value), attribute)
        return answer.model_copy(update={"attributes": list(kept.values())})


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())
