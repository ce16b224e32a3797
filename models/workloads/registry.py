"""Finds workloads by name: presets, those that the settings define, and those that installed packages offer."""

from importlib.metadata import entry_points

from models.default_model import model_name, trained_weights
from models.errors import UsageError
from models.nearest import unknown_name
from models.settings import Settings
from models.settings.inherit import ENTRY_POINTS, is_defined, preset_names, python_names
from models.workloads.base import Workload
from models.workloads.definition import Definition
from models.workloads.label_workload import LabelWorkload
from models.workloads.labels_workload import LabelsWorkload
from models.workloads.object_workload import ObjectWorkload
from models.workloads.settings_workload import SettingsWorkload
from models.workloads.text_workload import TextWorkload

KINDS: dict[str, type[SettingsWorkload]] = {
    "label": LabelWorkload,
    "labels": LabelsWorkload,
    "object": ObjectWorkload,
    "text": TextWorkload,
}
_ANSWERS = {
    "label": "Answers one label of a set.",
    "labels": "Answers the labels of a set that apply.",
    "object": "Answers a JSON object by a schema.",
    "text": "Answers plain text.",
}


def names(settings: Settings) -> list[str]:
    """Names of all workloads, sorted."""
    own = (name for name, table in settings.workloads.items() if is_defined(name, table))
    return sorted({*preset_names(), *python_names(), *own})


def description(name: str, settings: Settings) -> str:
    """Say in one sentence what a workload does. Raises `UsageError` for one that is unknown."""
    if name in python_names():
        documented = _python_class(name).__doc__ or f"The workload {name}."
        return documented.strip().partition("\n")[0]
    own = settings.workload(name)
    return own.description or _ANSWERS[own.kind or "object"]


def build(name: str, settings: Settings) -> Workload:
    """Build the workload `name` with its settings. Raises `UsageError` for an unknown name, and for a mistake in its settings."""
    if name not in names(settings):
        raise UsageError(unknown_name("workload", name, names(settings)))
    own = settings.for_workload(name)
    chain, model = settings.lineage(name), model_name(own)
    if name in python_names() and not any({"kind", "extends"} & one.named for _, one in chain):
        return _python_class(name)(settings.workload(name), model)
    definition = Definition(name, chain, adapted=trained_weights(own) is not None)
    return KINDS[definition.kind](definition, model)


def _python_class(name: str) -> type[Workload]:
    """Load a workload that an installed package offers. Raises `UsageError`."""
    point = next(one for one in entry_points(group=ENTRY_POINTS) if one.name == name)
    try:
        found = point.load()
    except Exception as error:
        # A package's module can fail with anything when it is imported.
        msg = f"the workload {name} of {point.value} cannot be imported: {type(error).__name__}"
        raise UsageError(msg) from error
    if not (isinstance(found, type) and issubclass(found, Workload)):
        msg = (
            f"{point.value}, offered as the workload {name}, is no subclass of models.workloads.base.Workload"
        )
        raise UsageError(msg)
    return found
