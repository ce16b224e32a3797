"""A workload's output shape as an API's strict mode takes it."""

import json
from functools import lru_cache
from typing import cast

from models.requests import Choice, FreeText, JsonObject, JsonValue, OutputFormat

Schema = dict[str, JsonValue]

LABEL = "label"
"""The one property of the object that carries a `Choice`."""

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
    answer does not need (titles, defaults) is left out; lengths are put into words. A schema that
    cannot be said so (an object with free keys, a tuple) is sent as it is, and then not strictly.
    """
    if isinstance(output, Choice):
        return _closed({LABEL: {"type": "string", "enum": list(output.labels)}}), True
    schema = cast("Schema", json.loads(output.schema))
    try:
        return _root(schema), True
    except _Unfit:
        return schema, False


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
            f"and with nothing else: {_compact(list(output.labels))}"
        )
    schema, _ = wire_schema(output)
    return (
        "Answer only with one JSON object that satisfies this JSON Schema, "
        f"and with no text around it: {_compact(schema)}"
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
    return _closed({name: _fitted(part) for name, part in properties.items()})


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


def _compact(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
