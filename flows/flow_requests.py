"""Asks a Prefect server for flow runs of a deployment, patiently: it may be restarted meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectException

from models.errors import BreakevenError, Interrupted, UsageError
from tasks.planning.request import RunRequest
from tasks.reading.files.address import is_remote
from tasks.runtime.stop_signals import StopRequest

Answer = TypeVar("Answer")

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
"""How long a Prefect server may be away, while it is restarted, before whoever asks gives up waiting for it."""
TRIES = 3
"""How often the same is handed out; again only after a crash, which says nothing about it."""


def request_run(
    client: SyncPrefectClient,
    deployment: UUID,
    given: dict[str, object],
    key: str,
    stop: StopRequest,
    tags: list[str],
    patience: float | None = None,
) -> tuple[FlowRun, str]:
    """Ask for a run under a key; where the one of this key has ended badly, for the one that follows it. Raises as `ask_server`."""
    while True:
        run = ask_server(
            lambda key=key: client.create_flow_run_from_deployment(  # type: ignore[misc]
                deployment, parameters=given, idempotency_key=key, tags=tags
            ),
            stop,
            patience,
        )
        state = run.state
        if state is None or not state.is_final() or state.is_completed():
            return run, key
        key = f"{key}/{run.id}"


def find_deployment(client: SyncPrefectClient, workload: str, url: str) -> UUID:
    """Return the workload's deployment. Raises `UsageError` where there is none, or no server."""
    try:
        return client.read_deployment_by_name(f"{workload}/{workload}").id
    except ObjectNotFound as error:
        msg = f"{workload} is not deployed at {url}: run `make deploy`"
        raise UsageError(msg) from error
    except (httpx.HTTPError, PrefectException) as error:
        msg = f"no Prefect API answers at {url} ({type(error).__name__}): start one with `make server`"
        raise UsageError(msg) from error


def ask_server(ask: Callable[[], Answer], stop: StopRequest, patience: float | None = None) -> Answer:
    """Ask the Prefect server, again while it is away, as when it is restarted.

    Raises `BreakevenError` when it refuses and when patience ends, `Interrupted`, and `ObjectNotFound` for what it does not have.
    """
    until = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
    while True:
        try:
            return ask()
        except ObjectNotFound:
            raise
        except (httpx.HTTPError, PrefectException) as error:
            if not is_away(error):
                msg = f"the Prefect API refused: {' '.join(str(error).split())}"
                raise BreakevenError(msg) from error
            if time.monotonic() >= until:
                msg = f"the Prefect API stays away ({type(error).__name__}); what was handed out goes on without"
                raise BreakevenError(msg) from error
        wait_or_stop(POLL_SECONDS, stop)


def is_away(error: Exception) -> bool:
    """Whether a server may answer later: it could not be reached, or failed itself."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.TransportError)


def wait_or_stop(seconds: float, stop: StopRequest) -> None:
    """Wait a little. Raises `Interrupted` when the backfill was asked to stop."""
    until = time.monotonic() + seconds
    while True:
        if stop.signal_number is not None:
            msg = (
                f"stopped by signal {stop.signal_number}; runs that were handed out go on (cancel them in "
                "Prefect), the same command does what is left"
            )
            raise Interrupted(msg, stop.signal_number)
        if time.monotonic() >= until:
            return
        time.sleep(min(0.1, seconds))


def flow_parameters(request: RunRequest) -> dict[str, object]:
    """Return what a worker's flow run is given: plain values, and a path that is the same in every folder."""
    given = request.flow_parameters() | {"partition": str(request.partition)}
    if request.input is not None and not is_remote(request.input):
        given["input"] = str(Path(request.input).absolute())
    return given
