"""From a JSON Schema to a pydantic model: the columns of what is published."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, create_model

from models.errors import UsageError
from models.workloads.json_schema import Schema

_SCALARS: Mapping[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}
_DEFS = "#/$defs/"


def model_of(name: str, schema: Schema) -> type[BaseModel]:
    """Return a model with the fields of an object's schema. Its values are checked by `AnswerValidator`, not by it.

    Raises `UsageError` for a part that has no column: values of several types, a schema that refers to itself.
    """
    return _Reader(schema.get("$defs", {})).model(name, schema, "", ())


class _Reader:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def model(self, name: str, node: Schema, path: str, seen: tuple[str, ...]) -> type[BaseModel]:
        required = frozenset(node.get("required", ()))
        fields: dict[str, Any] = {}
        for key, inside in node.get("properties", {}).items():
            if not key.isidentifier() or key.startswith("_") or key in _TAKEN:
                msg = f"the property {key!r} of {path or 'the schema'} cannot name a column: use letters, digits and _"
                raise UsageError(msg)
            kind = self._kind(inside, f"{path}.{key}" if path else key, seen)
            fields[key] = (kind, ...) if key in required else (kind | None, None)
        if not fields:
            msg = f"{path or 'the schema'} is an object without properties, which no column can hold"
            raise UsageError(msg)
        made: type[BaseModel] = create_model(
            name, __config__=ConfigDict(extra="ignore", protected_namespaces=()), **fields
        )
        return made

    def _kind(self, node: Any, path: str, seen: tuple[str, ...]) -> Any:  # noqa: ANN401  an annotation
        if not isinstance(node, dict):
            msg = f"{path} may be any value, which no column can hold: give its type"
            raise UsageError(msg)
        if isinstance(reference := node.get("$ref"), str):
            return self._referred(reference, path, seen)
        if isinstance(variants := node.get("anyOf", node.get("oneOf")), list):
            return self._one_of(variants, path, seen)
        if "enum" in node or "const" in node:
            return self._literal(node.get("enum", [node.get("const")]), path)
        kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
        return self._union(
            [self._typed(kind, node, path, seen) for kind in kinds if kind != "null"], kinds, path
        )

    def _typed(self, kind: object, node: Schema, path: str, seen: tuple[str, ...]) -> Any:  # noqa: ANN401
        if kind == "object":
            return self.model(path.rpartition(".")[2].strip("[]") or "item", node, path, seen)
        if kind == "array":
            return list[self._kind(node.get("items"), f"{path}[]", seen)]  # type: ignore[misc]
        if isinstance(kind, str) and kind in _SCALARS:
            return _SCALARS[kind]
        msg = f"{path} has no type, so no column can hold it: give string, integer, number, boolean, array or object"
        raise UsageError(msg)

    def _referred(self, reference: str, path: str, seen: tuple[str, ...]) -> Any:  # noqa: ANN401
        name = reference.removeprefix(_DEFS)
        if name not in self._definitions or not reference.startswith(_DEFS):
            msg = f"{path} refers to {reference}, which is not there: define it under $defs"
            raise UsageError(msg)
        if name in seen:
            msg = f"{path} refers to itself ({name}), which no column can hold"
            raise UsageError(msg)
        return self._kind(self._definitions[name], path, (*seen, name))

    def _one_of(self, variants: list[Any], path: str, seen: tuple[str, ...]) -> Any:  # noqa: ANN401
        is_null = [isinstance(one, dict) and one.get("type") == "null" for one in variants]
        kinds = [self._kind(one, path, seen) for one, null in zip(variants, is_null, strict=True) if not null]
        return self._union(kinds, ["null"] if any(is_null) else [], path)

    @staticmethod
    def _literal(values: list[Any], path: str) -> Any:  # noqa: ANN401
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) != 1 or not kinds <= {str, int, bool}:
            msg = f"the values of {path} are not of one type, so no column can hold them"
            raise UsageError(msg)
        return Literal[tuple(values)]

    @staticmethod
    def _union(kinds: list[Any], given: list[Any], path: str) -> Any:  # noqa: ANN401
        if len(kinds) != 1:
            msg = f"{path} may be of {len(kinds)} types, which no column can hold: give it one type (or null)"
            raise UsageError(msg)
        return kinds[0] | None if "null" in given else kinds[0]


_TAKEN = frozenset(name for name in dir(BaseModel) if not name.startswith("_"))
"""Names that a model has already."""
