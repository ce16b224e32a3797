"""What tests of trials need: a workload of one's own, an input, and engines that answer as they are told."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from models.requests import Request
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import SharedEngine, shared_engine
from tasks.workload.diff import Diff, DiffRequest, plan_diff, run_diff
from tasks.workload.trial import Trial, TrialRequest, plan_trial, run_trial, settings_of_trial
from tests.fakes import Handler, Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.harness import DAY, settings_for, write_records

NAME = "departments"
LABELS = ("billing", "delivery", "other")
PROMPT = "Which department should read this message?"


def own_settings(folder: Path, database_url: str, **more: Any) -> Settings:  # noqa: ANN401  fields of the workload
    """Make the settings of a workload `departments` over an input that is there."""
    own = {"kind": "label", "prompt": PROMPT, "labels": list(LABELS), "input": str(folder / "in.jsonl")}
    return settings_for(folder, database_url, workloads={NAME: own | more})


def write_messages(folder: Path, texts: Mapping[str, str | None]) -> Path:
    """Write the messages of a day, by their ids."""
    rows: list[object] = [
        {"id": key, "text": text, "timestamp": f"{DAY}T08:00:00Z"} for key, text in texts.items()
    ]
    return write_records(folder / "in.jsonl", rows)


def answers(said: Mapping[str, str]) -> Handler:
    """Make a handler that answers these texts with these words, and all others with a label."""

    def answer(request: Request) -> Reply:
        word = said.get(prompt(request))
        return plausible(request) if word is None else Reply(word, word)

    return answer


def engine(settings: Settings, handler: Handler = plausible) -> AbstractContextManager[SharedEngine]:
    """Give the scripted engine to what is run inside the block."""
    return shared_engine(settings, lambda _: ScriptedEngine(handler=handler))


def publish(settings: Settings, handler: Handler = plausible) -> None:
    """Publish the day."""
    with engine(settings, handler):
        assert run_request(RunRequest(NAME, DAY, rerun=True), settings).state == "completed"


def try_out(settings: Settings, handler: Handler = plausible, **more: Any) -> Trial:  # noqa: ANN401  fields of a request
    """Try some records."""
    ask = TrialRequest(NAME, **more)
    changed = settings_of_trial(settings, ask.engine)
    with engine(changed, handler):
        return run_trial(plan_trial(ask, changed), changed)


def compare(settings: Settings, handler: Handler = plausible, **more: Any) -> Diff:  # noqa: ANN401  fields of a request
    """Compare with what is published."""
    ask = DiffRequest(NAME, **more)
    changed = settings_of_trial(settings, ask.engine)
    with engine(changed, handler), plan_diff(ask, changed) as plan:
        return run_diff(plan, changed)
