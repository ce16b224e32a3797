"""A workload's output shape as an API's strict mode takes it."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from models.requests import Choice, FreeText, JsonObject, JsonValue, OutputFormat
from models.workloads.json_schema import write_compact

Schema = dict[str, JsonValue]

LABEL = "label"
"""The one property of the object that carries a `Choice`."""

MOST_PROPERTIES, MOST_CHOICES, MOST_LEVELS, MOST_CHARACTERS = 5000, 1000, 10, 120_000
MANY_CHOICES, MOST_CHARACTERS_OF_MANY = 250, 15_000
"""What strict mode takes of one schema; of more than `MANY_CHOICES` values it takes fewer characters."""
_KEPT = frozenset(
    {"type", "enum", "const", "description", "minItems", "maxItems", "pattern"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
)
_UNFIT = frozenset(
    {"allOf", "not", "if", "then", "else", "prefixItems", "patternProperties"}
    | {"dependentRequired", "dependentSchemas", "unevaluatedProperties", "propertyNames"}
)


class _Unfit(ValueError):
    """The schema means something that strict mode has no words for."""


@lru_cache(maxsize=64)
def wire_schema(output: Choice | JsonObject) -> tuple[Schema, bool]:
    """Return the JSON schema to send, and whether it suits strict mode. Read only: it is cached.

    Strict mode takes a subset of JSON Schema (OpenAI's guide to structured outputs, as of 2026-02):
    every property required, no other property, no lengths of strings. What it does not take and an
    answer does not need (titles, defaults) is left out; lengths are put into words; a property that may be
    missing may be null instead. A schema that cannot be said so (an object with free keys, a tuple), or that is
    larger than strict mode takes, is sent as it is, and then not strictly.
    """
    if isinstance(output, Choice):
        schema = _closed({LABEL: {"type": "string", "enum": list(output.labels)}})
        return schema, _size(schema).fits
    schema = cast("Schema", json.loads(output.schema))
    try:
        strict = _root(schema)
    except _Unfit:
        return schema, False
    return (strict, True) if _size(strict).fits else (schema, False)


@lru_cache(maxsize=64)
def instruction(output: OutputFormat, *, bare_label: bool = False) -> str:
    """Say in one paragraph what the answer must be, for an endpoint that enforces no schema.

    `bare_label`: a label is asked for as it is, not inside an object. Empty for free text.
    """
    if isinstance(output, FreeText):
        return ""
    if isinstance(output, Choice) and bare_label:
        return (
            "Answer with exactly one of the labels in this JSON array, spelled as it stands there, "
            f"and with nothing else: {write_compact(list(output.labels))}"
        )
    schema, _ = wire_schema(output)
    return (
        "Answer only with one JSON object that satisfies this JSON Schema, "
        f"and with no text around it: {write_compact(schema)}"
    )


@lru_cache(maxsize=64)
def schema_text(output: OutputFormat) -> str:
    """Return the longest text that a request of this shape adds to its messages, for upper bounds."""
    return max(instruction(output), instruction(output, bare_label=True), key=len)


def _root(schema: Schema) -> Schema:
    if schema.get("type") != "object":
        msg = "the outermost value must be an object"
        raise _Unfit(msg)
    fitted = _fitted(schema)
    if isinstance(definitions := schema.get("$defs"), dict):
        fitted["$defs"] = {name: _fitted(part) for name, part in definitions.items()}
    return fitted


def _fitted(node: JsonValue) -> Schema:
    if not isinstance(node, dict) or _UNFIT & node.keys():
        raise _Unfit
    if "$ref" in node:
        return {"$ref": node["$ref"]}  # strict mode takes nothing beside a reference
    fitted = {key: value for key, value in node.items() if key in _KEPT}
    if node.get("format") in _FORMATS:
        fitted["format"] = node["format"]
    if isinstance(variants := node.get("anyOf", node.get("oneOf")), list):
        fitted["anyOf"] = [_fitted(variant) for variant in variants]
    elif node.get("type") == "object":
        fitted = _object(node)  # its description is a class's docstring, which speaks to developers
    elif node.get("type") == "array":
        fitted["items"] = _fitted(node.get("items"))
    elif not fitted.keys() & {"type", "enum", "const"}:
        raise _Unfit  # any value at all
    if lengths := _lengths(node):
        fitted["description"] = f"{node['description']} ({lengths})" if "description" in node else lengths
    return fitted


def _object(node: Schema) -> Schema:
    properties = node.get("properties")
    if not isinstance(properties, dict) or node.get("additionalProperties", False) is not False:
        raise _Unfit
    required = node.get("required")
    needed = required if isinstance(required, list) else []
    return _closed(
        {
            name: _fitted(part) if name in needed or _has_default(part) else _nullable(_fitted(part))
            for name, part in properties.items()
        }
    )


def _has_default(node: JsonValue) -> bool:
    return isinstance(node, dict) and "default" in node


def _nullable(node: Schema) -> Schema:
    """Let a value be null as well: strict mode has no property that may be missing."""
    kind, choices, variants = node.get("type"), node.get("enum"), node.get("anyOf")
    null: JsonValue = {"type": "null"}
    if kind == "null" or (isinstance(variants, list) and null in variants):
        return node
    if isinstance(variants, list):
        return {**node, "anyOf": [*variants, null]}
    if isinstance(kind, str) and "const" not in node and kind not in ("object", "array"):
        nullable: Schema = {**node, "type": [kind, "null"]}
        return {**nullable, "enum": [*choices, None]} if isinstance(choices, list) else nullable
    return {"anyOf": [node, null]}


@dataclass(frozen=True, slots=True)
class _Size:
    """What strict mode bounds of a schema: properties, values of enumerations, levels of objects, characters of names and values."""

    properties: int = 0
    choices: int = 0
    levels: int = 0
    characters: int = 0

    @property
    def fits(self) -> bool:
        """Whether strict mode takes it (OpenAI's guide to structured outputs, as of 2026-02)."""
        if self.choices > MANY_CHOICES and self.characters > MOST_CHARACTERS_OF_MANY:
            return False
        return (
            self.properties <= MOST_PROPERTIES
            and self.choices <= MOST_CHOICES
            and self.levels <= MOST_LEVELS
            and self.characters <= MOST_CHARACTERS
        )


def _size(node: JsonValue) -> _Size:
    if isinstance(node, list):
        inside = [_size(one) for one in node]
    elif isinstance(node, dict):
        inside = [_size(value) for key, value in node.items() if key != "enum"]
    else:
        return _Size()
    named = node.get("properties", {}) if isinstance(node, dict) else {}
    choices = node.get("enum", []) if isinstance(node, dict) else []
    names = list(named) if isinstance(named, dict) else []
    values = choices if isinstance(choices, list) else []
    return _Size(
        len(names) + sum(one.properties for one in inside),
        len(values) + sum(one.choices for one in inside),
        bool(names) + max((one.levels for one in inside), default=0),
        sum(map(len, names)) + sum(len(str(one)) for one in values) + sum(one.characters for one in inside),
    )


def _closed(properties: Schema) -> Schema:
    """Make the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _lengths(node: Schema) -> str | None:
    least, most = node.get("minLength"), node.get("maxLength")
    if most is not None:
        return f"at most {most} characters" if not least else f"{least} to {most} characters"
    return f"at least {least} characters" if least else None
