"""Where a run finds itself: the project's folder, the settings, and whether a Prefect API is set up."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BreakevenError, UsageError, remember_secrets
from models.log_records import show_what_is_logged
from models.private_files import UMASK
from models.proxies import describe_proxy_fault
from models.settings import Settings
from models.settings.check import load
from models.settings.secrets import secrets_of_environment
from tasks.display.table_layout import tell

PROJECT = Path(__file__).resolve().parent.parent


def read_settings() -> Settings:
    """Read the settings now, so that a worker need not be restarted. Raises `UsageError` in one line."""
    return load()


@contextmanager
def ends_in_one_line() -> Iterator[None]:
    """End a program of its own, such as `make deploy`, as the commands do: one line, no secret, and the exit code."""
    show_what_is_logged()
    remember_secrets(secrets_of_environment())
    try:
        yield
    except BreakevenError as error:
        tell(f"error: {error}")
        sys.exit(error.exit_code)
    except (ValueError, ImportError) as error:
        if (fault := describe_proxy_fault(error)) is None:
            raise
        tell(f"error: {fault}")
        sys.exit(UsageError.exit_code)


def prefect_api_is_set() -> bool:
    """Whether the user has set up a Prefect API: by PREFECT_API_URL, or in a file that Prefect reads.

    Imports Prefect, which takes seconds, only where such a file may name one. Of profiles only those in PREFECT_HOME
    count, as for `keep_prefect_here`.
    """
    if "PREFECT_API_URL" in os.environ:
        return True
    if not any(_may_name_an_api(*one) for one in _files_of_prefect().items()):
        return False
    from prefect.settings import get_current_settings  # noqa: PLC0415

    return get_current_settings().api.url is not None


def _files_of_prefect() -> dict[Path, str]:
    """Return where Prefect looks for settings, with what stands there if they are Prefect's and name an API."""
    files = {".env": "prefect_api_url", "prefect.toml": "url", "pyproject.toml": r"\[tool\.prefect"}
    home = os.environ.get("PREFECT_HOME")
    profiles = os.environ.get("PREFECT_PROFILES_PATH") or (home and str(Path(home, "profiles.toml")))
    if profiles:
        files[profiles] = "prefect_api_url"
    return {Path(name): pattern for name, pattern in files.items()}


def _may_name_an_api(path: Path, pattern: str) -> bool:
    try:
        return re.search(pattern, path.read_text(encoding="utf-8"), re.IGNORECASE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def enter_project(folder: str | None = None) -> dict[str, str]:
    """Pull step of the deployments: make the project's folder the working directory.

    A worker starts flow runs in an empty temporary folder, but `breakeven.toml` and the
    relative paths in the settings count from the project. For a process worker the folder is that of the installation
    which it runs, so no path is stored in the deployment, and workers may differ in it. In a container `folder` is
    where the volume lies. What libraries write from here on is for this user alone. Raises `UsageError` if there is no
    volume to write to.
    """
    os.umask(UMASK)
    entered = PROJECT if folder is None else Path(folder)
    if folder is not None and not os.access(entered, os.W_OK | os.X_OK):
        msg = f"{folder} is not there, or this user cannot write to it: the volume of pool.volume belongs there (docs/kubernetes.md)"
        raise UsageError(msg)
    os.chdir(entered)
    return {"directory": str(entered)}
