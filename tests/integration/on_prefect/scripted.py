"""Our flows with the scripted engine, for workers that tests start.

A worker imports this module in the process of each flow run. Texts with the word `slow` take their time, and those with
`gate PATH` wait until there is such a file.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from prefect import Flow

from flows import backfill as backfill_flow
from flows import nightly as nightly_flow
from flows import ray_tasks
from flows.environment import read_settings
from flows.workloads import build
from models.requests import Request
from models.settings import Settings
from tasks.run import publish
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine, plausible, prompt

CALLS = "SCRIPTED_CALLS"
LOAD_SECONDS, PUBLISH_SECONDS = "SCRIPTED_LOAD_SECONDS", "SCRIPTED_PUBLISH_SECONDS"
LOADING, PUBLISHING = "scripted: loading", "scripted: publishing"
LINE = "the scripted engine answers"
SLOW_SECONDS = 0.05
GATE = re.compile(r"gate (\S+)")
MERGE = "merge"  # what `tasks.publish` calls to write the files

AnyFlow = TypeVar("AnyFlow", bound=Flow[..., Any])


def answer(request: Request) -> Reply:
    """Answer, slowly where the text says so, and not before the gate is open that it names."""
    while (gate := GATE.search(prompt(request))) and not Path(gate[1]).exists():
        time.sleep(SLOW_SECONDS)
    if "slow" in prompt(request):
        time.sleep(SLOW_SECONDS)
    return plausible(request)


def load(_: Settings) -> ScriptedEngine:
    """Load the scripted engine in as many seconds as the environment says."""
    note(LOADING)
    seconds = float(os.environ.get(LOAD_SECONDS, "0"))
    return ScriptedEngine(handler=answer, calls=Path(os.environ[CALLS]), load_seconds=seconds)


def note(what: str) -> None:
    """Write a line into the file of calls, which outlives this process and its output."""
    with Path(os.environ[CALLS]).open("a", encoding="utf-8") as file:
        file.write(f"{what}\n")


TAKE = "take_shards"  # what a node of a Ray cluster is asked to do
on_a_node: Callable[[Mapping[str, Any]], object] = getattr(ray_tasks, TAKE)


def take_shards(given: Mapping[str, Any]) -> object:
    """Do what a node does, with the scripted engine."""
    with shared_engine(read_settings(), load):
        return on_a_node(given)


def scripted(flow: AnyFlow) -> AnyFlow:
    """Put a flow under a scripted engine, which it then finds as the shared one."""
    inner: Callable[..., Any] = flow.fn
    merge: Callable[..., Any] = getattr(publish, MERGE)

    def slow_merge(*positional: Any, **named: Any) -> Any:  # noqa: ANN401  the function's own
        note(PUBLISHING)
        time.sleep(float(os.environ.get(PUBLISH_SECONDS, "0")))
        return merge(*positional, **named)

    @wraps(inner)
    def run(*positional: Any, **named: Any) -> Any:  # noqa: ANN401  the flow's own
        logging.getLogger("tasks.scripted").warning(LINE)
        setattr(publish, MERGE, slow_merge)
        setattr(ray_tasks, TAKE, take_shards)
        with shared_engine(read_settings(), load):
            return inner(*positional, **named)

    flow.fn = run
    return flow


sentiment = scripted(build("sentiment"))
nightly = scripted(nightly_flow.build())
backfill = scripted(backfill_flow.build())
