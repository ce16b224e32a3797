"""JSON Schemas of objects: what of one can be held by columns, by the engine's grammar, and by a check after."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, ValidationError
from jsonschema.validators import extend

from models.errors import UsageError
from models.records import WHOLE_ANSWER
from models.text_files import TOO_DEEP, parse_json, read_text
from models.workloads.answer_pattern import schema_pattern
from models.workloads.broken_rules import OTHER_KEY

Schema = dict[str, Any]

GRAMMAR_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
)
"""Formats of strings that the engine's grammar holds."""
_NOT_IN_GRAMMARS = re.compile(r"\\[AbBZzkpP1-9]|\(\?(?!:|P<)")
"""Parts of regular expressions that the engine's grammar does not hold: anchors and bounds of words, classes of Unicode,
references back, what looks ahead or behind, flags. A pattern with one is checked after."""
CHECKED_AFTER = (
    "multipleOf",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "not",
)
"""Keywords that neither grammar nor strict mode holds: each answer is checked against them."""
NO_COLUMN = (
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
    "allOf",
    "$dynamicRef",
)
"""Keywords of objects that cannot be published as columns, or whose meaning the grammar would miss."""


def write_compact(value: object) -> str:
    """Write JSON without white space, and with letters of all scripts as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_schema(path: Path) -> Schema:
    """Read a JSON Schema of an object. Raises `UsageError`: no JSON, no schema, or one without columns."""
    text = read_text(path)
    try:
        schema = parse_json(text)
    except ValueError as error:
        msg = f"{path} is no JSON: {error}"
        raise UsageError(msg) from error
    try:
        check_schema(schema)
    except UsageError as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from error
    closed: Schema = close_objects(schema)
    return closed


def check_schema(schema: object) -> None:
    """See that a schema is valid and that its objects can be published as columns. Raises `UsageError`."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or not schema.get("properties"):
        msg = 'it must be the schema of an object: "type": "object" with "properties"'
        raise UsageError(msg)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "the schema"
        msg = f"{place} is no JSON Schema: {error.message.splitlines()[0][:200]}"
        raise UsageError(msg) from error
    except RecursionError as error:
        raise UsageError(TOO_DEEP) from error
    except OverflowError as error:
        msg = f"a pattern of it is no regular expression: {error}"
        raise UsageError(msg) from error
    for path, node in nodes_of(schema):
        if isinstance(given := node.get("pattern"), str):
            _check_pattern(path, given)
        if unfit := next((key for key in NO_COLUMN if key in node), None):
            msg = f"{path or 'the schema'} has the keyword {unfit}, which no column can hold: name the properties"
            raise UsageError(msg)
        lost = [name for name in node.get("required", ()) if name not in node.get("properties", {})]
        if lost:
            msg = f"{path or 'the schema'} requires {lost[0]}, which is none of its properties: name it there, or take it out"
            raise UsageError(msg)
        if node.get("additionalProperties", False) is not False:
            msg = (
                f"{path or 'the schema'} lets in any other key, which no column can hold: name the properties"
            )
            raise UsageError(msg)


def _check_pattern(path: str, given: str) -> None:
    try:
        schema_pattern(given)
    except ValueError as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from error


def nodes_of(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield a schema and those inside it, each with the path of what it describes."""
    yield path, schema
    for name, inside in schema.get("properties", {}).items():
        if isinstance(inside, dict):
            yield from nodes_of(inside, f"{path}.{name}" if path else name)
    if isinstance(items := schema.get("items"), dict):
        yield from nodes_of(items, f"{path}[]")
    for key in ("anyOf", "oneOf"):
        for inside in schema.get(key, ()):
            if isinstance(inside, dict):
                yield from nodes_of(inside, path)
    for name, inside in schema.get("$defs", {}).items():
        if isinstance(inside, dict):
            yield from nodes_of(inside, f"$defs/{name}")


def list_fields(schema: Schema) -> str:
    """Write what an object holds, a line for each property: its name, its choices, and its description."""
    lines = []
    for name, node in schema.get("properties", {}).items():
        choices = node.get(
            "enum", node.get("items", {}).get("enum") if isinstance(node.get("items"), dict) else None
        )
        shown = f" (one of {', '.join(map(str, choices))})" if choices else ""
        described = f": {' '.join(str(node['description']).split())}" if node.get("description") else ""
        lines.append(f"{name}{shown}{described}")
    return "\n".join(lines)


def close_objects(node: Any) -> Any:  # noqa: ANN401  any part of a schema
    """Return a schema whose objects have no other keys than those that are named."""
    if isinstance(node, list):
        return [close_objects(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: close_objects(value) for key, value in node.items()}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def grammar_schema(node: Any) -> Any:  # noqa: ANN401  any part of a schema
    """Return a schema without what the engine's grammar cannot hold; it lets in all that the schema lets in."""
    if isinstance(node, list):
        return [grammar_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in CHECKED_AFTER}
    if "format" in kept and kept["format"] not in GRAMMAR_FORMATS:
        del kept["format"]
    if isinstance(pattern := kept.get("pattern"), str) and _NOT_IN_GRAMMARS.search(pattern):
        del kept["pattern"]
    if kept.keys() & {"pattern", "format"} and kept.keys() & {"minLength", "maxLength"}:
        for key in ("minLength", "maxLength"):  # a pattern and lengths are not held together
            kept.pop(key, None)
    return {
        key: value if key in ("enum", "const", "default", "examples") else grammar_schema(value)
        for key, value in kept.items()
    }


def held_after(schema: Schema) -> list[tuple[str, str]]:
    """Return the keywords that only the check of an answer holds, each with the path of what it is said of."""
    found = []
    for path, node in nodes_of(schema):
        held = grammar_schema(node)
        found += [(path, key) for key in node if key not in held]
    return found


def _broken_pattern(_: object, pattern: str, value: object, __: Schema) -> Iterator[ValidationError]:
    """Yield the rule of a pattern that a value breaks; jsonschema's own would try one without an end."""
    if isinstance(value, str) and (rule := schema_pattern(pattern).broken_by(value)) is not None:
        yield ValidationError(rule)


def _is_pattern(value: object) -> bool:
    """Whether a value of the format `regex` is one; a very long one is not tried."""
    return not isinstance(value, str) or (len(value) <= LONGEST_PATTERN and re.compile(value) is not None)


_FORMATS = FormatChecker(FormatChecker.checkers)
_FORMATS.checks("regex", raises=(re.error, OverflowError, RecursionError))(_is_pattern)
_TYPES = Draft202012Validator.TYPE_CHECKER


def _is_integer(_: object, value: object) -> bool:
    """Whether a value is a whole number that a column holds: of 64 bits."""
    return _TYPES.is_type(value, "integer") and -_MOST_INTEGER <= cast("float", value) < _MOST_INTEGER


_MOST_INTEGER = 2**63
_Validator = extend(
    Draft202012Validator, {"pattern": _broken_pattern}, type_checker=_TYPES.redefine("integer", _is_integer)
)


class AnswerValidator:
    """Checks an answer against a schema."""

    def __init__(self, schema: Schema) -> None:
        self._validator = _Validator(schema, format_checker=_FORMATS)

    def first_broken(self, value: object) -> tuple[str, str] | None:
        """Return the member that breaks a rule, such as `attributes.2.value`, and the rule; None where all is well.

        Neither holds anything of the answer. The rule says as well how many others are broken.
        """
        errors = list(self._validator.iter_errors(value))
        if not errors:
            return None
        first, more = errors[0], len(errors) - 1
        others = f", and {more} more {'rule' if more == 1 else 'rules'}" if more else ""
        path, rule = _said(first)
        return ".".join(path) or WHOLE_ANSWER, f"{rule}{others}"


def _said(error: Any) -> tuple[list[str], str]:  # noqa: ANN401  jsonschema's own type is untyped for us
    """Return the member at fault and the rule, without a word of the answer."""
    keyword, bound = error.validator, error.validator_value
    path = [str(part) for part in error.absolute_path]
    if keyword == "required":
        missing = next((name for name in bound if name not in error.instance), None)
        return [*path, *([missing] if missing else [])], "must be there"
    if keyword == "additionalProperties":
        return [*path, OTHER_KEY], "must not be there"
    if keyword == "pattern":
        return path, error.message
    if keyword in _WORDS:
        return path, _WORDS[keyword].format(bound)
    shown = json.dumps(bound, ensure_ascii=False)
    return path, f"must satisfy {keyword} {shown}" if len(
        shown
    ) <= LONGEST_RULE else f"must satisfy {keyword}"


LONGEST_PATTERN = 1000
"""Characters of a regular expression that an answer may hold under the format `regex`."""
LONGEST_RULE = 200
"""Characters of a schema's part that a rule repeats."""
_WORDS = {
    "type": "must be of type {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "uniqueItems": "must hold nothing twice",
}
