"""Where a flow run finds itself: the project's folder and the settings."""

import os
from pathlib import Path

from pydantic import ValidationError

from models.errors import UsageError
from models.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent


def read_settings() -> Settings:
    """Read the settings now, so that a worker need not be restarted. Raises `UsageError` in one line."""
    try:
        return Settings()
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        msg = f"settings are not valid: {'; '.join(faults)}"
        raise UsageError(msg) from error


def enter_project() -> dict[str, str]:
    """Pull step of the deployments: make the project's folder the working directory.

    A process worker starts flow runs in an empty temporary folder, but `breakeven.toml` and the
    relative paths in the settings count from the project. The folder is that of the installation
    which the worker runs, so no path is stored in the deployment, and workers may differ in it.
    """
    os.chdir(PROJECT)
    return {"directory": str(PROJECT)}
