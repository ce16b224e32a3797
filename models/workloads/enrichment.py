"""Enrichment of a product record: title, bullet points, category and the attributes the text states."""

import json
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from models.engines.base import Completion, Message
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
