"""Prefect's own command, given the auth string of `make server`: what `make worker` and `make collector` start."""

import os
import sys

import httpx2
from prefect.cli import app
from prefect.settings import get_current_settings

from flows.environment import ends_in_one_line
from models.engines.api.fetch import fetch
from models.errors import UsageError
from models.private_files import UMASK
from tasks.setup.auth_string import lend_auth_string

SECONDS_TO_ANSWER = 30.0


def require_server() -> None:
    """Raise `UsageError` where no Prefect API answers: a worker would end with a traceback."""
    url = get_current_settings().api.url
    if url is None:
        return
    try:
        fetch(f"{url}/health", seconds=SECONDS_TO_ANSWER)
    except httpx2.HTTPError as error:
        msg = f"no Prefect API answers at {url} ({type(error).__name__}): start one with `make server`, or correct PREFECT_API_URL"
        raise UsageError(msg) from error


def main() -> None:
    """Run `prefect` with the arguments of this command."""
    os.umask(UMASK)
    with ends_in_one_line():
        require_server()
        lend_auth_string()
    sys.argv = ["prefect", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
