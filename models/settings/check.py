"""Reads the settings and says in one line all that is wrong with them: where it stands, and what was meant."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from models.errors import UsageError, remember_secrets
from models.nearest import nearest
from models.settings import ENV_DELIMITER, ENV_PREFIX, Settings, in_file
from models.settings import names as setting_names
from models.settings.places import file_of, place_of, variable_of
from models.settings.secrets import secrets_in, secrets_of_environment
from models.settings.workload import FORMS
from models.text_files import MOST_NESTED, TOO_DEEP, line_of

_LISTS = 'a list or table in a variable is JSON, such as ["a", "b"] or {"name": "value"}'
LONGEST_NAME = 40
ONE_WORKLOAD = 2
"""Parts of the path of a workload's table."""
ASKING = frozenset({"prompt", "prompt_file", "schema_file", "output"})
"""Settings of which one makes a table more than a mistyped name of a workload that is there."""
_WORKLOAD_NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST_NAME - 1}}}")
_NEEDS_JSON = (
    "tuple_type",
    "list_type",
    "dict_type",
    "frozen_set_type",
    "set_type",
    "model_type",
    "model_attributes_type",
)


def load() -> Settings:
    """Read environment and settings file. Raises `UsageError` for an unknown name or a value that cannot be.

    No value of a setting is in its message, since it may be a secret at the wrong place, but a word that is
    close to one of the few that the setting may be. From here on no error and no log repeats a secret of theirs.
    """
    remember_secrets(secrets_of_environment())
    given = in_file()
    remember_secrets(secrets_in(given))
    names = setting_names.tree(given)
    variables = sorted(os.environ.items())
    faults = [f"{name[:60]}…: {TOO_DEEP}" for name, _ in variables if name.count(ENV_DELIMITER) > MOST_NESTED]
    faults += [fault for one in variables if (fault := setting_names.unknown_variable(names, *one))]
    faults += [_located(path, _unknown_name(names, path, given)) for path in _unknown(names, given)]
    faults += [fault for name in setting_names.tables_of(given) if (fault := _unusable_name(name))]
    if faults:
        raise UsageError(_together(faults))
    try:
        settings = Settings()
    except ValidationError as error:
        raise UsageError(_together([_fault(names, one, given) for one in error.errors()])) from error
    except (SettingsError, RecursionError) as error:
        raise UsageError(_together([f"{name}: {_LISTS}" for name in _unparsable()])) from error
    if unusable := [place_of(path) for path in _paths_with_nul(dict(settings))]:
        raise UsageError(_together([f"{place}: no path can hold a NUL character" for place in unusable]))
    if wrong := [name for name in settings.workloads if name not in names["workloads"]]:
        raise UsageError(_together([setting_names.unknown_key(names, ("workloads", one)) for one in wrong]))
    _check_bases(settings)
    remember_secrets(secrets_in(settings))
    return settings


def _paths_with_nul(value: Any, above: setting_names.Path = ()) -> Iterator[setting_names.Path]:  # noqa: ANN401  any setting
    """Yield the path of each setting that names a file or a folder and holds a NUL, which no system call takes."""
    if isinstance(value, Path) and "\0" in str(value):
        yield above
    elif isinstance(value, BaseModel):
        yield from _paths_with_nul(dict(value), above)
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from _paths_with_nul(inside, (*above, str(name)))


def _check_bases(settings: Settings) -> None:
    """See that each workload extends one that is there. Raises `UsageError` with the place of the first that does not."""
    for name in settings.workloads:
        try:
            settings.lineage(name)
        except UsageError as error:
            path = str(error).partition(":")[0].split(".")
            raise UsageError(_together([f"{place_of(path)}: {error}"])) from error


def _unknown_name(names: setting_names.Tree, path: setting_names.Path, given: Mapping[str, Any]) -> str:
    """Say what is wrong with an unknown name; a workload that asks something lacks only what it answers."""
    table = (
        setting_names.tables_of(given).get(path[1])
        if path[0] == "workloads" and len(path) == ONE_WORKLOAD
        else None
    )
    if isinstance(table, dict) and ASKING & table.keys():
        return f"{path[1]}: says not what it answers: set kind to label, labels, object or text, or extends to a preset"
    return setting_names.unknown_key(names, path)


def describe_unusable_name(name: str) -> str | None:
    """Say what is wrong with the name of a workload; it becomes a folder, a deployment, part of a variable's name."""
    if _WORKLOAD_NAME.fullmatch(name) and "__" not in name:
        return None
    return (
        f"{name!r} cannot name a workload: small letters, digits, - and single _, beginning with a letter, "
        f"at most {LONGEST_NAME} characters"
    )


def _unusable_name(name: str) -> str | None:
    """Say the same with the place of the name in front."""
    fault = describe_unusable_name(name)
    return None if fault is None else f"{place_of(('workloads', name))}: {fault}"


def _together(faults: Sequence[str]) -> str:
    return f"settings are not valid: {'; '.join(faults)}"


def _unknown(
    names: setting_names.Tree, given: Mapping[str, Any], above: setting_names.Path = ()
) -> Iterator[setting_names.Path]:
    """Yield the path of each name in the file that is not known where it stands."""
    for name, value in given.items():
        path = (*above, name)
        if setting_names.unknown_part(names, path) is not None:
            yield path
        elif isinstance(value, dict):
            yield from _unknown(names, value, path)


def _fault(names: setting_names.Tree, fault: ErrorDetails, given: Mapping[str, Any]) -> str:
    """Write what pydantic found, by the name that the user gave the setting."""
    path = tuple(str(part) for part in fault["loc"] if part not in FORMS)
    if fault["type"] == "extra_forbidden":  # a name inside a variable's JSON
        return setting_names.unknown_key(names, path)
    said = re.sub(r"dictionary( or instance of \w+)?", "table", fault["msg"].removeprefix("Value error, "))
    said = re.sub(r"\btuple\b", "list", said)
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        found = nearest(fault["input"], _words(fault))
        said += f", not {fault['input']!r}; did you mean {found}?" if found else ""
    variable = variable_of(path)
    if variable is not None:
        return f"{variable}: {said}" + (f" ({_LISTS})" if fault["type"] in _NEEDS_JSON else "")
    named = f"{'.'.join(path)}: {said}"
    return _located(path, named) if path and path[0] in given else named


def _words(fault: ErrorDetails) -> list[str]:
    """Return the words that a setting may be, as pydantic lists them in quotes."""
    return str(fault.get("ctx", {}).get("expected", "")).replace(" or ", ", ").replace("'", "").split(", ")


def _located(path: setting_names.Path, what: str) -> str:
    """Put the file and, where it is seen, the line of a setting before what is said of it."""
    file, inside = file_of(path)
    line = next((found for end in range(len(inside), 0, -1) if (found := line_of(file, inside[:end]))), None)
    return f"{file}{f', line {line}' if line else ''}: {what}"


def _unparsable() -> Iterator[str]:
    """Yield the variables whose value should be JSON and is not."""
    for name, value in sorted(os.environ.items()):
        if name.upper().startswith(ENV_PREFIX):
            source = EnvSettingsSource(Settings)
            source.env_vars = {name.lower(): value}
            try:
                source()
            except (SettingsError, RecursionError):
                yield name
