"""Says what form a workload's answers have, and who holds which rule: the engine's grammar, the API's strict mode, a check after."""

from collections.abc import Iterator, Sequence
from typing import Any

from models.engines.api.schema import wire_schema
from models.requests import Choice, FreeText, JsonObject
from models.workloads.base import Workload
from models.workloads.json_schema import Schema, grammar_schema, held_after, nodes_of
from models.workloads.object_checks import CHECKS

SHOWN = 12
"""Labels or keywords that a line names; of more it says how many there are."""
STRUCTURE = frozenset(
    {"type", "properties", "items", "required", "additionalProperties", "$defs", "$ref", "anyOf", "oneOf"}
    | {"title", "description", "default", "examples", "$schema", "$id", "$comment"}
)
"""Keywords that bound no value."""


def describe_form(workload: Workload) -> list[str]:
    """Return lines about the form of an answer."""
    form = workload.output_format
    if isinstance(form, Choice):
        return [f"grammar: one of {len(form.labels)} labels: {_some(form.labels)}", _strict(form)]
    if isinstance(form, FreeText):
        return ["grammar: none, plain text"]
    return [f"grammar: {form.schema}", *_holders(workload, form)]


def _strict(form: Choice | JsonObject) -> str:
    _, strict = wire_schema(form)
    return (
        "API: the same, in strict mode"
        if strict
        else "API: the same, beyond strict mode: its answers are checked after"
    )


def _holders(workload: Workload, form: JsonObject) -> Iterator[str]:
    """Say of each rule of the schema who holds it; a check after the answer holds all of them."""
    schema: Schema | None = getattr(workload, "schema", None)
    if schema is None:
        yield _strict(form)
        return
    sent, strict = wire_schema(form)
    wanted = _bounds(schema)
    yield f"held by the grammar: {_some(_names(wanted & _bounds(grammar_schema(schema)))) or 'no bound'}"
    by_api = wanted & _bounds(sent) if strict else set()
    yield f"held by the API's strict mode: {_some(_names(by_api)) or 'no bound'}" if strict else _strict(form)
    after = _some(_names(set(held_after(schema)))) or "nothing more"
    after_api = _some(_names(wanted - by_api)) or "nothing more"
    yield f"checked after, in the local engine's answers: {after}"
    yield f"checked after, in the API's answers: {after_api}"
    own = [key for key in CHECKS if getattr(workload.settings, key)]
    if own:
        yield f"checks of the settings: {', '.join(own)}"


def _bounds(schema: Any) -> set[tuple[str, str]]:  # noqa: ANN401  any part of a schema
    return {(path, key) for path, node in nodes_of(schema) for key in node if key not in STRUCTURE}


def _names(bounds: set[tuple[str, str]]) -> list[str]:
    return [f"{path} {key}".strip() for path, key in sorted(bounds)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
