"""What a node of a Ray cluster does: its worker processes set themselves up, and a task takes shards until none is free.

A node has the project's folder, and so its settings and secrets, as a worker of a pool has: nothing of these comes by Ray.
"""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from prefect import State

from flows.environment import enter_project, read_settings
from flows.final_state import final_state
from models.errors import BreakevenError, UsageError
from models.log_records import show_what_is_logged
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.setup.auth_string import lend_auth_string

log = logging.getLogger(__name__)


def set_up() -> None:
    """Prepare a worker process of Ray before its first task, as a worker of a pool prepares a flow run's.

    The auth string of a closed server is found here, by this process for itself: in the environment of its node, or in the file
    beside `make server`. What is wrong with it is logged, and the task then fails at the server; Ray would start a process that
    fails here again and again.
    """
    show_what_is_logged()
    enter_project()
    try:
        lend_auth_string()
    except UsageError as error:
        log.error("%s", error)  # noqa: TRY400  one line


def take_shards(given: Mapping[str, Any]) -> int | State[BreakevenError]:
    """Take part in a partition that a flow run has cut, as `given` says it; return the number of records, or the state of a failure."""
    request = RunRequest(**{**given, "partition": date.fromisoformat(given["partition"])})
    try:
        return run_request(request, read_settings()).records
    except BreakevenError as error:
        return final_state(error)
