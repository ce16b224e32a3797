"""The deployment `sentiment` with the scripted engine, for workers that tests start.

A worker imports this module in the process of each flow run. Texts with the word `slow` take their time.
"""

import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from flows.surroundings import read_settings
from flows.workloads import WorkloadFlow, build
from models.engines.base import Request
from tasks.engine import shared_engine
from tests.fakes import Reply, ScriptedEngine, plausible, prompt

CALLS = "SCRIPTED_CALLS"
SLOW_SECONDS = 0.05


def answer(request: Request) -> Reply:
    """Answer, slowly where the text says so."""
    if "slow" in prompt(request):
        time.sleep(SLOW_SECONDS)
    return plausible(request)


def scripted(flow: WorkloadFlow) -> WorkloadFlow:
    """Put a flow under a scripted engine, which it then finds as the shared one."""
    inner: Callable[..., Any] = flow.fn

    @wraps(inner)
    def run(*positional: Any, **named: Any) -> Any:  # noqa: ANN401  the flow's own
        calls = Path(os.environ[CALLS])
        with shared_engine(read_settings(), lambda _: ScriptedEngine(handler=answer, calls=calls)):
            return inner(*positional, **named)

    flow.fn = run
    return flow


sentiment = scripted(build("sentiment"))
