"""Whether shards can be handed to a Ray cluster: what must be installed and set, and whether a cluster answers."""

import importlib.util
import socket
from urllib.parse import urlsplit

from models.doctor import SetupCheck
from models.errors import UsageError
from models.settings import Settings

PACKAGES = ("ray", "prefect_ray")
NO_SERVER = 'executor = "ray" needs a Prefect server that all nodes reach: start one (`make server`) and set PREFECT_API_URL (docs/ray.md)'
SECONDS_TO_ANSWER = 5.0


def refuse_without_ray(settings: Settings, *, server: bool) -> str:
    """Return the address of the cluster. Raises `UsageError` where shards cannot be handed to one, in a line that says what to do.

    `server`: whether a Prefect server is set up. Without one each process of Ray would start a server of its own, and fail.
    """
    if any(importlib.util.find_spec(name) is None for name in PACKAGES):
        msg = 'executor = "ray" needs Ray, which is not installed: run `make ray`, here and on every node (docs/ray.md)'
        raise UsageError(msg)
    if settings.ray_address is None:
        msg = 'executor = "ray" needs ray_address, the head node of a running cluster such as 10.0.0.5:6379 (docs/ray.md)'
        raise UsageError(msg)
    if not server:
        raise UsageError(NO_SERVER)
    return settings.ray_address


def refuse_without_flow(settings: Settings) -> None:
    """Raise `UsageError` where shards are to be tasks of a flow run on Ray, and this is no flow run."""
    if settings.executor == "ray":
        refuse_without_ray(settings, server=False)


def answers(address: str) -> bool:
    """Whether something listens there; Ray itself would ask for minutes."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), SECONDS_TO_ANSWER):
            return True
    except (OSError, ValueError):
        return False


def check_ray(settings: Settings, *, server: bool) -> list[SetupCheck]:
    """Check what handing shards to Ray needs; nothing where it is not set."""
    if settings.executor != "ray":
        return []
    try:
        address = refuse_without_ray(settings, server=server)
    except UsageError as error:
        return [SetupCheck("Ray", "fail", "not set up", str(error))]
    if not answers(address):
        advice = (
            "start the cluster (docs/ray.md), or correct ray_address; until then all shards are answered here"
        )
        return [SetupCheck("Ray", "warn", f"{address} does not answer", advice)]
    return [SetupCheck("Ray", "ok", address)]
