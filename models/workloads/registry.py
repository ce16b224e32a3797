"""Finds the workloads: every module of this folder that defines a `Workload` subclass with a name."""

import importlib
import pkgutil
from functools import cache

import models.workloads as package
from models.default_model import model_name
from models.errors import UsageError
from models.nearest import unknown_name
from models.settings import Settings
from models.workloads.base import Workload


@cache
def _classes() -> dict[str, type[Workload]]:
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"models.workloads.{module.name}")
    return {cls.name: cls for cls in sorted(Workload.__subclasses__(), key=lambda cls: cls.name)}


def names() -> list[str]:
    """Names of all workloads, sorted."""
    return list(_classes())


def description(name: str) -> str:
    """Say in one sentence what a registered workload does: the first line of its module."""
    documented = importlib.import_module(_classes()[name].__module__).__doc__ or f"The workload {name}."
    return documented.strip().partition("\n")[0]


def build(name: str, settings: Settings) -> Workload:
    """Build the workload `name` with its settings. Raises `UsageError` for an unknown name."""
    try:
        cls = _classes()[name]
    except KeyError:
        raise UsageError(unknown_name("workload", name, names())) from None
    return cls(settings.workload(name), model_name(settings))
