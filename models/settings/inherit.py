"""What a workload takes over from the one that it extends: a preset, or another workload of the settings."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from models.errors import UsageError
from models.nearest import unknown_name
from models.settings.workload import WorkloadSettings
from models.text_files import is_there, read_toml

PRESETS = Path(__file__).parent / "presets"
ENTRY_POINTS = "breakeven.workloads"
"""Group of entry points by which an installed package offers workloads that are written in Python."""
FILES = (
    *("prompt_file", "labels_file", "examples_file", "schema_file", "context_file"),
    *("input", "labelled_file"),
)
"""Settings that name a file, looked for beside the workload's own file first."""
ALTERNATIVES = (
    ("prompt", "prompt_file"),
    ("labels", "labels_file"),
    ("examples", "examples_file"),
    ("schema_file", "output"),
    ("text", "text_columns"),
    ("context", "context_file"),
)
"""Settings of which a workload has one: naming one of them takes the other's place."""
OWN = (
    *("extends", "input", "query", "query_url", "where", "schedule", "labelled_file", "budget"),
    *("audit", "train"),
)
"""What a workload does not take over: where it reads, and what it may spend."""
PROMPT = ("prompt", "prompt_file")
OF_PROMPT = ("adapter_prompt",)
"""What asks the same as one prompt: it is not taken over by a workload that asks something else."""
SHAPE = ("schema_file", "output")
OF_SHAPE = (
    *("examples", "examples_file", "grounded", "distinct", "min_words", "max_words", "max_sentences"),
    *("pattern", "required_if", "compare", "measure"),
)
"""What speaks of the members of one schema: it is not taken over by a workload that has another."""

Lineage = Sequence[tuple[str, WorkloadSettings]]
"""A workload and those that it extends, one after the other, each with what it sets itself."""


def preset_names() -> list[str]:
    """Return the names of the workloads that come with the product."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


@cache
def python_names() -> frozenset[str]:
    """Return the names of workloads that installed packages offer."""
    return frozenset(one.name for one in entry_points(group=ENTRY_POINTS))


@cache
def python_place(name: str) -> str:
    """Say which class of which package is the workload of this name."""
    point = next(one for one in entry_points(group=ENTRY_POINTS) if one.name == name)
    package = "" if point.dist is None else f" ({point.dist.name} {point.dist.version})"
    return f"{point.value}{package}"


@cache
def preset(name: str) -> WorkloadSettings:
    """Return what a preset sets."""
    return WorkloadSettings.model_validate(read_workload_file(PRESETS / f"{name}.toml"))


def read_workload_file(path: Path) -> dict[str, Any]:
    """Read the file of a workload; files that it names and that lie beside it are named from here. Raises `UsageError`."""
    given = read_toml(path)
    for key in FILES:
        if isinstance(value := given.get(key), str) and is_there(path.parent / value):
            given[key] = str(path.parent / value)
    return given


def is_defined(name: str, own: Mapping[str, Any] | WorkloadSettings) -> bool:
    """Whether there is a workload of this name: one that ships, one in Python, or one that says what it is."""
    given = own.named if isinstance(own, WorkloadSettings) else own
    return bool({"kind", "extends"} & set(given)) or name in python_names() or name in preset_names()


def lineage(workloads: Mapping[str, WorkloadSettings], name: str) -> Lineage:
    """Return a workload and those that it extends. Raises `UsageError` for one that is unknown, or extends itself."""
    chain: list[tuple[str, WorkloadSettings]] = []
    while name in workloads and all(name != one for one, _ in chain):
        own = workloads[name]
        chain.append((name, own))
        if own.extends is None:
            if own.kind is None and name in preset_names():
                chain.append((name, preset(name)))
            return chain
        name = own.extends
    if name in preset_names():
        return [*chain, (name, preset(name))]
    if not chain:
        return [(name, WorkloadSettings())]
    raise _no_base(workloads, chain, name)


def _no_base(workloads: Mapping[str, WorkloadSettings], chain: Lineage, base: str) -> UsageError:
    names = [one for one, _ in chain]
    if base in names:
        msg = f"workloads.{names[0]}.extends: {' extends '.join([*names, base])}, so none of them says what it asks"
    elif base in python_names():
        msg = f"workloads.{names[-1]}.extends: {base} is written in Python and cannot be extended by a file"
    else:
        known = sorted({*preset_names(), *workloads} - {names[-1]})
        msg = f"workloads.{names[-1]}.extends: {unknown_name('workload', base, known)}"
    return UsageError(msg)


def merge_lineage(chain: Lineage) -> WorkloadSettings:
    """Return what a workload sets, with what it takes over for the rest."""
    merged: dict[str, Any] = {}
    for place in range(len(chain) - 1, -1, -1):
        own = chain[place][1]
        given = {key: getattr(own, key) for key in own.named if place == 0 or key not in OWN}
        for pair in ALTERNATIVES:
            if set(pair) & set(given):
                for other in pair:
                    merged.pop(other, None)
        for changed, theirs in ((PROMPT, OF_PROMPT), (SHAPE, OF_SHAPE)):
            if set(changed) & set(given):
                for other in theirs:
                    merged.pop(other, None)
        merged |= given
    return WorkloadSettings.model_construct(_fields_set=set(merged), **{**_defaults(), **merged})


@cache
def _defaults() -> dict[str, Any]:
    empty = WorkloadSettings()
    return {key: getattr(empty, key) for key in WorkloadSettings.model_fields}
