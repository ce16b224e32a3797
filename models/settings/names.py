"""The names of all settings, as a tree, and what to say of a name that is not among them."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import eq
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from models.nearest import nearest
from models.settings import ENV_DELIMITER, ENV_PREFIX, SETTINGS_FILE, Settings
from models.settings.inherit import is_defined, preset_names, python_names
from models.settings.places import as_variable

Tree = Mapping[str, "Tree"]
Path = tuple[str, ...]
ANY = "*"
"""Stands for a name that the user chooses, such as a chat's."""
FREE: Tree = {ANY: {}}
"""Names of the user's own, and whatever stands below them: labels, arguments of a template."""
PAGE = "docs/settings.md"
_SERVICE = re.compile(
    rf"{ENV_PREFIX}(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_PROTO|_PORT|_ADDR)?)"
)
"""A variable of a service that an orchestrator puts into each container, such as `BREAKEVEN_WEB_SERVICE_HOST`."""
_DEFINING = re.compile(rf"{ENV_PREFIX}WORKLOADS{ENV_DELIMITER}(\w+?){ENV_DELIMITER}(?:KIND|EXTENDS)")
"""A variable that makes a workload."""
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://")
"""The beginning of the value of another one, `BREAKEVEN_PORT` or `BREAKEVEN_WEB_PORT`."""


def tree(given: Mapping[str, Any]) -> Tree:
    """Return all names: of settings, of their tables, and of the workloads, among them those that `given` defines."""
    names: dict[str, Tree] = dict(_fields(Settings))
    known = [*preset_names(), *sorted(python_names()), *_own_workloads(given)]
    names["workloads"] = dict.fromkeys(known, names["workloads"][ANY])
    return names


def tables_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the tables of workloads; none where `workloads` is something else."""
    tables = given.get("workloads", {})
    return tables if isinstance(tables, dict) else {}


def _own_workloads(given: Mapping[str, Any]) -> list[str]:
    """Return the names of workloads that tables, files or variables define: those that say what they ask."""
    tables = tables_of(given)
    found = {name for name, own in tables.items() if isinstance(own, dict) and is_defined(name, own)}
    for variable in os.environ:
        if defining := _DEFINING.fullmatch(variable.upper()):
            found.add(defining[1].lower())
    return sorted(found)


def _fields(model: type[BaseModel]) -> Tree:
    names = {name: _inside(field.annotation) for name, field in model.model_fields.items()}
    return names | {ANY: FREE} if model.model_config.get("extra") == "allow" else names


def _inside(annotation: Any) -> Tree:  # noqa: ANN401 - any annotation of a field
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _fields(annotation)
    parts = [_inside(one) for one in get_args(annotation)]
    found = next((part for part in parts if part), {})
    return {ANY: found} if get_origin(annotation) is dict else found


def paths(names: Tree, above: Path = ()) -> Iterator[Path]:
    """Yield the path of every table and setting; not of what may have any name, such as a template's argument."""
    for name, inside in names.items():
        if name == ANY and inside in ({}, FREE):
            continue
        yield (*above, name)
        yield from paths(inside, (*above, name))


def unknown_part(names: Tree, path: Sequence[str]) -> Path | None:
    """Return the beginning of a path that is not known, up to its first unknown name; None where all is known."""
    inside = names
    for place, name in enumerate(path):
        if inside == FREE:
            return None
        if name not in inside and ANY not in inside:
            return tuple(path[: place + 1])
        inside = inside.get(name, inside.get(ANY, {}))
    return None


def _of_a_service(variable: str, value: str) -> bool:
    """Whether Kubernetes or Docker sets this variable, for a service whose name begins with `breakeven`."""
    if _SERVICE.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and variable.isupper() and _SERVICE_URL.match(value) is not None


def unknown_variable(names: Tree, variable: str, value: str) -> str | None:
    """Say what is wrong with the name of an environment variable; None where nothing is, or it is not ours."""
    if not variable.upper().startswith(ENV_PREFIX):
        return None
    path = variable[len(ENV_PREFIX) :].lower().split(ENV_DELIMITER)
    if unknown_part(names, path) is None or _of_a_service(variable, value):
        return None
    own = path[1] if len(path) > 1 else ANY  # a chat keeps the name that was given to it
    known = [ENV_DELIMITER.join(one).replace(ANY, own) for one in paths(names)]
    found = nearest(ENV_DELIMITER.join(path), [one for one in known if ANY not in one])
    meant = f"did you mean {as_variable([found])}?" if found else f"all settings: {PAGE}"
    return f"unknown setting {variable}; {meant}"


def unknown_key(names: Tree, path: Path) -> str:
    """Say where a key of the settings file stands that is not known there, and what to write instead.

    `path` ends with the unknown name.
    """
    *above, name = path
    if name in names and above:
        return f"{name} stands in the table [{'.'.join(above)}]; {_own_place(names, name)}"
    inside = names
    for one in above:
        inside = inside.get(one, inside.get(ANY, {}))
    found = nearest(name, [one for one in inside if one != ANY]) or _elsewhere(names, path)
    what = f"unknown workload {name!r}" if above == ["workloads"] else f"unknown setting {'.'.join(path)}"
    if found is not None:
        return f"{what}; did you mean {found}?"
    if above == ["workloads"]:
        return f"{what}: one of your own says kind or extends; there are: {', '.join(inside)}"
    return f"{what}; there are: {', '.join(inside)}" if above else f"{what}; all settings: {PAGE}"


def _own_place(names: Tree, name: str) -> str:
    """Say where a setting, or a table, belongs that stands in no table of another."""
    if not names[name]:
        return f"move it above the first table of {SETTINGS_FILE}"
    by_name = name == "workloads" or ANY in names[name]
    return f"write it as [{name}.NAME]" if by_name else f"write it as [{name}]"


def _elsewhere(names: Tree, path: Path) -> str | None:
    """Return the dotted path of the setting in another table that is most like this one, None where none is.

    In it stands NAME for the workload where the path names none.
    """
    settings = [one for one in paths(names) if ANY not in one]
    name = nearest(path[-1], {one[-1] for one in settings})
    found = [one for one in settings if one[-1] == name]
    if not found:
        return None
    table, *rest = max(found, key=lambda one: sum(map(eq, one, path)))
    if table == "workloads" and len(rest) > 1 and rest[0] not in path:
        rest[0] = "NAME"
    return ".".join((table, *rest))
