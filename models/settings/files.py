"""What the settings file and the workloads' own files set."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import UsageError
from models.settings.inherit import read_workload_file
from models.text_files import is_there, line_of, read_toml

SETTINGS_FILE = Path("breakeven.toml")
WORKLOADS_DIR = Path("workloads")
ENV_PREFIX = "BREAKEVEN_"


def in_settings_file() -> dict[str, Any]:
    """Return what the settings file sets, nothing where there is none. Raises `UsageError` for a broken one."""
    return read_toml(SETTINGS_FILE) if is_there(SETTINGS_FILE) or SETTINGS_FILE.is_symlink() else {}


def workload_files(given: Mapping[str, Any]) -> dict[str, Path]:
    """Return the workloads' own files by name, `NAME.toml` in the folder that the settings name."""
    variable = f"{ENV_PREFIX}WORKLOADS_DIR"
    named = next((value for name, value in os.environ.items() if name.upper() == variable), None)
    folder = Path(str(named or given.get("workloads_dir") or WORKLOADS_DIR))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))} if os.path.isdir(folder) else {}  # noqa: PTH112  that of pathlib raises where a name is too long


def in_file() -> dict[str, Any]:
    """Return what the settings file and the workloads' own files set together.

    Raises `UsageError` for a broken file, and for a setting of a workload that stands in both.
    """
    given = in_settings_file()
    tables = given.get("workloads", {})
    files = workload_files(given)
    if not files or not isinstance(tables, dict):
        return given
    merged = dict(tables)
    for name, path in files.items():
        own, table = read_workload_file(path), tables.get(name, {})
        if not isinstance(table, dict):
            continue
        if twice := next((key for key in own if key in table), None):
            line = line_of(SETTINGS_FILE, ("workloads", name, twice))
            msg = f"{path}, line {line_of(path, (twice,))}: {twice} is set in {SETTINGS_FILE}, line {line}, too: remove one"
            raise UsageError(msg)
        merged[name] = {**table, **own}
    return {**given, "workloads": merged}
