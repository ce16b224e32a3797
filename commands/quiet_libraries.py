"""Libraries that behave on a terminal: quiet, and with their files in the working directory, for this user alone.

Imports nothing heavy: called before Prefect and vLLM load, which read the environment as they do.
"""

import logging
import os
import secrets
import sys
import warnings
from pathlib import Path

from models.private_files import UMASK, make_folder

QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The embedded server is up in 4 s on an idle machine; on a busy one the default of 20 s is too short.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",
}
_set_here: set[str] = set()
EMBEDDED_DATABASE = "embedded.db"
DATABASE_SETTINGS = tuple(
    f"PREFECT_{part}_DATABASE_{name}"
    for part in ("SERVER", "API")
    for name in ("CONNECTION_URL", "NAME", "HOST")
)
"""By which somebody may have chosen a database for Prefect's server."""


def quiet_libraries() -> None:
    """Set what makes Prefect, vLLM and torch quiet, except where the user has set it himself; what they write is private."""
    os.umask(UMASK)
    for name, value in QUIET.items():
        if name not in os.environ:
            os.environ[name] = value
            _set_here.add(name)
    # vLLM warns while it is imported, before it sets its own level.
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"].upper())
    if not sys.warnoptions and os.environ["PYTHONWARNINGS"] == "ignore":
        warnings.simplefilter("ignore")


def loud_environment() -> dict[str, str]:
    """Return the environment as it was before, for programs that speak for themselves."""
    return {name: value for name, value in os.environ.items() if name not in _set_here}


def keep_prefect_here() -> None:
    """Keep the embedded Prefect server's files in `.breakeven/prefect`, not in the home folder.

    Someone who has a Prefect of his own, by PREFECT_HOME or PREFECT_API_URL, keeps it. The embedded server has
    a database file of its own, since `make server` uses the same folder, and two servers on one SQLite file lock
    each other out. The memo store is named as well, because Prefect 3.7 looks for it in the home folder wherever
    PREFECT_HOME points.

    The embedded server answers this process alone: it asks for an auth string that no other has. Of servers that
    somebody has set up, `make server` of this folder is shown its own.
    """
    if "PREFECT_API_URL" not in os.environ:
        home = Path(os.environ.setdefault("PREFECT_HOME", str(Path(".breakeven", "prefect").absolute())))
        if not any(name in os.environ for name in DATABASE_SETTINGS):
            embedded = f"sqlite+aiosqlite:///{home.absolute() / EMBEDDED_DATABASE}"
            os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = embedded
    if folder := os.environ.get("PREFECT_HOME"):
        make_folder(Path(folder))  # Prefect does not, and its server fails without
        os.environ.setdefault("PREFECT_MEMO_STORE_PATH", str(Path(folder, "memo_store.toml")))
    from flows.environment import prefect_api_is_set

    if prefect_api_is_set():
        from tasks.setup.auth_string import lend_auth_string

        lend_auth_string()
    else:
        _close_embedded_server()


def _close_embedded_server() -> None:
    own = os.environ.get("PREFECT_API_AUTH_STRING") or f"breakeven:{secrets.token_urlsafe(32)}"
    own = os.environ.setdefault("PREFECT_SERVER_API_AUTH_STRING", own)
    os.environ.setdefault("PREFECT_API_AUTH_STRING", own)
    os.environ.setdefault("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "http://127.0.0.1")
    if "prefect" in sys.modules:  # it has read the environment
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
