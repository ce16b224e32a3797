"""Which workloads share one load of the local engine: those of one base model, whatever adapter or template each has."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from models.default_model import model_dir
from models.settings import Settings, WorkloadSettings
from models.settings.own_model import OF_A_MODEL

Job = tuple[str, date]
"""A workload and a partition of it."""
Base = tuple[str, str | None, str | None]
"""A model by where it lies, its revision and its quantization."""


def base_of(settings: Settings) -> Base:
    """Return the model that these settings load, without adapter and chat template, which need no load of their own."""
    path = settings.model or str(model_dir(settings.cache_dir))
    return path, settings.model_revision, settings.quantization


def adapters_of_base(settings: Settings) -> tuple[Path, ...]:
    """Return every adapter that these settings put on their base model, for one workload or another, by path."""
    base = base_of(settings)
    every = (settings, *(settings.for_workload(name) for name in settings.workloads))
    found = {one.lora_adapter for one in every if one.lora_adapter is not None and base_of(one) == base}
    return tuple(sorted(found))


def workloads_of_base(settings: Settings) -> list[str]:
    """Return the workloads of the settings that have the same base model."""
    base = base_of(settings)
    return [name for name in settings.workloads if base_of(settings.for_workload(name)) == base]


def name_models(settings: Settings, workloads: Iterable[str]) -> dict[str, WorkloadSettings]:
    """Return these workloads' settings with the model that each has written out, the general one too.

    So they say the same wherever they are put, also beside the settings of one workload in the place of the general ones.
    """
    return {
        name: name_model(settings.for_workload(name), settings.workloads.get(name, WorkloadSettings()))
        for name in workloads
    }


def name_model(settings: Settings, own: WorkloadSettings) -> WorkloadSettings:
    """Return what a workload sets itself, with the general settings' model written out."""
    found = {name: getattr(settings, name) for name in OF_A_MODEL} | {"model": base_of(settings)[0]}
    return own.model_copy(update=found)


def group_by_model(jobs: Sequence[Job], settings: Settings) -> list[Job]:
    """Put the jobs of one base model together, so that each is loaded once; else their order is kept."""
    bases = [base_of(settings.for_workload(name)) for name, _ in jobs]
    return [job for _, job in sorted(zip(map(bases.index, bases), jobs, strict=True), key=lambda one: one[0])]
