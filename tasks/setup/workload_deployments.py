"""Which workloads have a deployment, by the settings, and which deployments are of a workload that has gone."""

from collections.abc import Collection

from models import workloads
from models.settings import Settings

MODULE = "flows.workloads"


def entrypoint_of(workload: str) -> str:
    """Return the entrypoint of a workload's flow."""
    return f"{MODULE}:{workload}"


def workload_of(entrypoint: str | None) -> str | None:
    """Return the workload whose flow an entrypoint names, None for another flow's."""
    module, _, name = (entrypoint or "").rpartition(":")
    return name if module == MODULE else None


def deployable(settings: Settings) -> list[str]:
    """Return the workloads of the settings that have an input or a query, by name."""
    found = []
    for name in sorted(settings.workloads):
        own = settings.workload(name)
        if own.input or own.query:
            found.append(name)
    return found


def gone(entrypoints: Collection[str | None], settings: Settings) -> list[str]:
    """Return the workloads that deployments are there of, but no settings any more."""
    known = set(workloads.names(settings))
    named = {name for one in entrypoints if (name := workload_of(one)) is not None}
    return sorted(named - known)


def delete_command(workload: str) -> str:
    """Return the command that deletes a workload's deployment."""
    return f"prefect deployment delete {workload}/{workload}"
