"""Where a setting stands: the variable, or the file and its line."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.settings.files import ENV_PREFIX, SETTINGS_FILE, in_settings_file, workload_files
from models.settings.schema import ENV_DELIMITER
from models.text_files import is_there, line_of


def as_variable(path: Sequence[str]) -> str:
    """Write a setting as its environment variable."""
    return ENV_PREFIX + ENV_DELIMITER.join(path).upper()


def variable_of(path: Sequence[str]) -> str | None:
    """Return the environment variable that sets this, None where none does."""
    ours = {name.upper(): name for name in os.environ}
    candidates = (as_variable(path[:end]) for end in range(len(path), 0, -1))
    return next((ours[name] for name in candidates if name in ours), None)


def file_of(path: Sequence[str]) -> tuple[Path, Sequence[str]]:
    """Return the file that sets this, and its name within it: a workload's own file, else the settings file."""
    if len(path) > 1 and path[0] == "workloads":
        given = in_settings_file()
        own = workload_files(given).get(path[1])
        if own is not None and not _is_set(given, path):
            return own, path[2:]
    return SETTINGS_FILE, path


def _is_set(given: Mapping[str, Any], path: Sequence[str]) -> bool:
    inside: Any = given
    for name in path[:3]:
        if not isinstance(inside, dict) or name not in inside:
            return False
        inside = inside[name]
    return True


def place_of(path: Sequence[str]) -> str:
    """Say where a setting stands, as far as it can be seen: file and line, the variable, or its name."""
    if variable := variable_of(path):
        return variable
    file, inside = file_of(path)
    if not is_there(file):
        return ".".join(path)
    line = next((found for end in range(len(inside), 0, -1) if (found := line_of(file, inside[:end]))), None)
    return f"{file}, line {line}" if line else str(file)
