"""Paths into an answer, such as `attributes[].value`: what stands there, and what is left once some of it is taken out."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.errors import UsageError
from models.nearest import nearest
from models.workloads.json_schema import Schema, nodes_of

_PATH = re.compile(r"\w+(?:\[\])*(?:\.\w+(?:\[\])*)*")
_CONDITION = re.compile(r"\s*([\w.]+)\s*(?:(==?|!=)\s*(.*?)\s*)?")
EACH = "[]"
GONE = object()
"""Stands for a member that is taken out."""


def schema_paths(schema: Schema) -> dict[str, list[Schema]]:
    """Return the schemas of all members by path; a reference is followed, so that no path names a definition."""
    found: dict[str, list[Schema]] = {}
    _collect(schema, "", schema.get("$defs", {}), (), found)
    return found


def _collect(
    node: Schema,
    path: str,
    definitions: dict[str, Schema],
    seen: tuple[str, ...],
    found: dict[str, list[Schema]],
) -> None:
    for inside_path, inside in nodes_of({key: value for key, value in node.items() if key != "$defs"}, path):
        name = str(inside.get("$ref", "")).rpartition("/")[2]
        if name in definitions and name not in seen:
            _collect(definitions[name], inside_path, definitions, (*seen, name), found)
        elif inside_path:
            found.setdefault(inside_path, []).append(inside)


def check_path(path: str, known: Sequence[str]) -> None:
    """See that a path names a member. Raises `UsageError` with the one that was meant."""
    if path in known and _PATH.fullmatch(path):
        return
    found = nearest(path, known)
    meant = f"did you mean {found}? " if found else ""
    msg = f"the path {path!r} is not in the schema; {meant}there are: {', '.join(known)}"
    raise UsageError(msg)


def steps(path: str) -> tuple[str, ...]:
    """Take a path apart: names of members, and `[]` for each of a list."""
    return tuple(re.findall(r"\w+|\[\]", path))


def values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:  # noqa: ANN401  any part of an answer
    """Yield what stands at the end of a path; nothing where a member on the way is missing."""
    if not path:
        yield value
    elif path[0] == EACH:
        for item in value if isinstance(value, list) else ():
            yield from values_at(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from values_at(value[path[0]], path[1:])


def keep_where(value: Any, path: Sequence[str], keep: Callable[[Any], bool]) -> Any:  # noqa: ANN401
    """Return an answer without the items of lists in which what stands at the path is not to be kept.

    Of a path through no list the member itself is `GONE` from its object: None stands in its place.
    """
    if not path:
        return value if keep(value) else GONE
    if path[0] == EACH:
        if not isinstance(value, list):
            return value
        left = (keep_where(item, path[1:], keep) for item in value)
        return [item for item in left if item is not GONE]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    inside = keep_where(value[path[0]], path[1:], keep)
    return GONE if inside is GONE else {**value, path[0]: inside}


def without_repeats(items: list[Any], key: Callable[[Any], object]) -> list[Any]:
    """Return the items of a list, of those with equal keys the first."""
    kept: dict[object, Any] = {}
    for item in items:
        kept.setdefault(key(item), item)
    return list(kept.values())


def change_lists(value: Any, path: Sequence[str], change: Callable[[list[Any]], list[Any]]) -> Any:  # noqa: ANN401
    """Return an answer in which each list at the end of a path is changed."""
    if not path:
        return change(value) if isinstance(value, list) else value
    if path[0] == EACH:
        return [change_lists(item, path[1:], change) for item in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: change_lists(value[path[0]], path[1:], change)}


class AnswerCondition:
    """A condition on an answer: `path == value`, `path != value`, or `path` (it is not empty).

    Raises `UsageError` for text that is none.
    """

    def __init__(self, text: str) -> None:
        found = _CONDITION.fullmatch(text)
        if found is None:
            msg = f"{text!r} is no condition: write `path == value`, `path != value`, or `path`"
            raise UsageError(msg)
        self.path, self._sign, value = found[1], found[2] or "", (found[3] or "").strip("'\"")
        self._value = value

    def holds(self, answer: Any) -> bool:  # noqa: ANN401
        """Whether the condition holds for an answer."""
        values = [_plain(one) for one in values_at(answer, steps(self.path))]
        if not self._sign:
            return any(values)
        return (self._value in values) == (self._sign != "!=")


def _plain(value: Any) -> str:  # noqa: ANN401
    if value is None or value in ([], {}):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
