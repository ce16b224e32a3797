"""Keeps the libraries' own logs off a terminal. Imports nothing heavy: called before Prefect and vLLM load."""

import os
import sys
import warnings

QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",
}


def quiet_libraries() -> None:
    """Set what makes Prefect, vLLM and torch quiet, except where the user has set it himself."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions and os.environ["PYTHONWARNINGS"] == "ignore":
        warnings.simplefilter("ignore")
