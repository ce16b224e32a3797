"""Lists the workloads: what each answers, where it is defined, and whether it can be used."""

from dataclasses import dataclass

from models import workloads
from models.default_model import model_name
from models.errors import BreakevenError, hide_secrets
from models.settings import Settings
from models.settings.inherit import preset_names, python_names, python_place
from models.settings.places import place_of

COLUMNS = ("name", "kind", "where", "input", "model", "version", "state")
SPARE = ("model", "version", "input")


@dataclass(frozen=True, slots=True)
class Listed:
    """A workload as the list shows it. `state`: ok, or its mistake; `version` is empty where there is one."""

    name: str
    kind: str
    where: str
    input: str
    model: str
    version: str
    state: str

    def row(self) -> dict[str, object]:
        """Return it as a row of a table."""
        return {name: getattr(self, name) for name in COLUMNS}


def list_workloads(settings: Settings) -> list[Listed]:
    """Return all workloads by name; one with a mistake is among them. Never raises for a single workload."""
    return [_listed(name, settings) for name in workloads.names(settings)]


def _listed(name: str, settings: Settings) -> Listed:
    kind, version, state = "-", "", "ok"
    own = settings.workload(name)
    try:
        built = workloads.build(name, settings)
        kind, version = built.kind, built.prompt_version
    except BreakevenError as error:
        kind, state = own.kind or "-", " ".join(str(error).split())
    model = model_name(settings.for_workload(name))
    return Listed(
        name, kind, place_of_workload(name, settings), _input(name, settings), model, version, state
    )


def _input(name: str, settings: Settings) -> str:
    own = settings.workload(name)
    return hide_secrets(own.input or ("query" if own.query else "-"))


def place_of_workload(name: str, settings: Settings) -> str:
    """Say where a workload is defined: preset, file or table with its line, or the package that offers it."""
    own = settings.workloads.get(name)
    defines = own is not None and bool({"kind", "extends"} & own.named)
    if defines:
        return place_of(("workloads", name))
    if name in python_names():
        return python_place(name)
    if name in preset_names():
        return "preset" if own is None else f"preset, with {place_of(('workloads', name))}"
    return place_of(("workloads", name))
