"""The form in which a person writes the right answer: one field of text for a text, one for each field of an object."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from models.errors import InputError
from models.requests import JsonValue
from models.workloads.answer_kind import can_answer
from models.workloads.base import Workload
from tasks.labelling.cells import RowPlace, check_cell, field_cell, schema_types
from tasks.labelling.choose_references import field_schemas

_TEXT = "answer"
"""The one field of a text."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field by its name, as text, and `meant`: what may be in it."""

    name: str
    text: str = field(repr=False)
    meant: str


def form_fields(workload: Workload, answer: JsonValue) -> list[FormField]:
    """Return the fields of an answer as they are shown and written."""
    if workload.kind != "object":
        return [FormField(_TEXT, written(answer), "a text")]
    found = answer if isinstance(answer, Mapping) else {}
    return [
        FormField(name, written(found.get(name)), _meant(schema))
        for name, schema in field_schemas(workload).items()
    ]


def read_form(workload: Workload, shown: JsonValue, fields: Mapping[str, str]) -> JsonValue:
    """Return the answer that a form holds; a field that nobody changed is what it was. Raises `InputError` in one line for what is no answer."""
    if workload.kind != "object":
        text = fields.get(_TEXT, "")
        answer: JsonValue = shown if _same(text, shown) else text.strip()
        if not can_answer(workload, answer):
            msg = "write the right text first"
            raise InputError(msg)
        return answer
    before = shown if isinstance(shown, Mapping) else {}
    found = {
        name: before.get(name)
        if name in before and _same(fields.get(name, ""), before[name])
        else _read(name, fields.get(name, ""), schema)
        for name, schema in field_schemas(workload).items()
    }
    try:
        workload.output.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(msg) from None
    return found


def written(value: JsonValue) -> str:
    """Return a value as text: text as it is, nothing as no text, all else as JSON. Halves of characters are replaced."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _same(text: str, value: JsonValue) -> bool:
    """Whether a field holds what it was given; a browser has its own ends of lines."""
    return text.splitlines() == written(value).splitlines()


def _read(name: str, text: str, schema: Mapping[str, object]) -> JsonValue:
    try:
        check_cell(text, RowPlace(1), max(len(text), 1))
        return field_cell(text, RowPlace(1), schema)
    except InputError:
        msg = f"{name}: that is not {_meant(schema)}"
        raise InputError(msg) from None


def _meant(schema: Mapping[str, object]) -> str:
    """Say in a few words what a field takes."""
    choices = schema.get("enum")
    if isinstance(choices, list):
        return "one of " + ", ".join(map(str, choices))
    words = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list as JSON, or with | between its members",
        "object": "an object as JSON",
    }
    return " or ".join(words[one] for one in sorted(schema_types(schema)) if one in words) or "a text"
