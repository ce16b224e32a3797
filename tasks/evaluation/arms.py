"""The engines of an evaluation: each answers the same records, by the code of a usual run, into the ledger.

Each has a partition of its own, the month of the evaluation, that stands beside production: a killed
evaluation goes on where it stopped, and within a month nothing is asked that was answered before.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from db import evaluations
from db.evaluations import EvaluationSpend
from db.partitions import find_published
from models import workloads
from models.default_model import model_name, uses_server
from models.engines.api.permit import ApiPermit
from models.engines.classifier.engine import Classifier, load_classifier
from models.engines.loads import name_model
from models.engines.vllm.options import check_adapter
from models.errors import BreakevenError, OutputError, UsageError
from models.evaluation.figures import ArmName
from models.requests import JsonValue
from models.run import Purpose, RunResult
from models.settings import Settings, WorkloadSettings
from models.workloads.answer_kind import published_answer
from models.workloads.base import Workload
from models.workloads.observed import ANSWER
from tasks.display.run_rows import describe_counts
from tasks.evaluation.answered import check_answered
from tasks.planning.adapter_in_force import check_prompt
from tasks.planning.checks import api_plan
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.ledger_access import ledger_if_any
from tasks.runtime.shared_engine import EngineFactory, load_engine, shared_engine

PURPOSES: Mapping[ArmName, Purpose] = {
    "small": "evaluation_small",
    "api": "evaluation_api",
    "adapter": "evaluation_adapter",
    "classifier": "evaluation_classifier",
}
ClassifierLoader = Callable[[Path, str, Path], Classifier]
"""Loads a classifier from its folder, by its name; the last folder is the cache."""


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """What an engine answered to one record: its own text, what would be published of it, and how sure it was.

    `value`: the label, the list of labels, the object or the text.
    """

    text: str = field(repr=False)
    value: JsonValue = field(repr=False)
    confidence: float | None

    def engine_object(self) -> Mapping[str, JsonValue]:
        """Return the object as the engine gave it, before anything was taken out of it; empty where it gave none."""
        try:
            found = json.loads(self.text, strict=False)  # as the engine reads it
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Answers:
    """One engine's valid answers, by record key, and what they took."""

    name: ArmName
    model: str
    by_key: Mapping[str, ArmAnswer]
    spent: EvaluationSpend


def choose_arms(
    settings: Settings, workload: str, adapter: Path | None
) -> tuple[Sequence[ArmName], str | None]:
    """Return the engines to compare, and why the API is not among them if it is not.

    Raises `UsageError` for an API that is switched on but not set up, an adapter that is none or of another prompt, and one for a server.
    """
    own: list[ArmName] = ["small"]
    if adapter is not None:
        if uses_server(settings):
            msg = "a server has its own adapters: serve this one there, and set BREAKEVEN_MODEL to its name"
            raise UsageError(msg)
        check_adapter(adapter)
        asked = arm_settings(settings, workload, "adapter", adapter)
        check_prompt(workloads.build(workload, asked), asked)
        own.append("adapter")
    if settings.api_mode == "off":
        return own, "No API is set up (api_mode), so there is no model to compare with."
    built = workloads.build(workload, settings)
    if ApiPermit.of(built) is None:
        return own, f"The records of {workload} must not leave (data_residency), so no API model was asked."
    api_plan(built, arm_settings(settings, workload, "api", adapter))
    return [*own, "api"], None


def arm_settings(settings: Settings, workload: str, name: ArmName, adapter: Path | None) -> Settings:
    """Return the settings under which one engine alone answers the records of a snapshot."""
    answering = settings.for_workload(workload)
    if adapter is not None:
        chosen = adapter.resolve() if name == "adapter" else None
        answering = answering.model_copy(update={"lora_adapter": chosen})
    own = name_model(answering, settings.workloads.get(workload, WorkloadSettings()))
    changes: dict[str, object] = {
        "workloads": {**settings.workloads, workload: own},
        "api_mode": "sync" if name == "api" else "off",
    }
    return answering.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class Asking:
    """How an evaluation asks: its month, whether it asks again what was answered, and what loads the local engine and a classifier."""

    month: date
    rerun: bool = False
    factory: EngineFactory = load_engine
    load: ClassifierLoader = load_classifier


def collect_answers(
    name: ArmName, workload: str, snapshot: Path, settings: Settings, asking: Asking
) -> Answers:
    """Let one engine answer the records of a snapshot, as far as they are not answered yet.

    `settings` are those of `arm_settings`. Raises the errors of a run, and `BreakevenError` if records of it
    wait: what was answered is kept.
    """
    return answer_records(workload, PURPOSES[name], snapshot, settings, asking, name)


def answer_records(
    workload: str, purpose: Purpose, snapshot: Path, settings: Settings, asking: Asking, name: ArmName = "api"
) -> Answers:
    """Answer the records of a snapshot for a purpose. Raises as `collect_answers` does."""
    request = RunRequest(
        workload,
        asking.month,
        str(snapshot),
        rerun=asking.rerun,
        refresh=not asking.rerun,
        engine="openai" if name == "api" else "vllm",
        purpose=purpose,
    )
    with shared_engine(settings, asking.factory, [workload]):
        result = run_request(request, settings)
    if result.state == "waiting":
        raise _waits(result)
    model = settings.api_model if name == "api" else model_name(settings)
    path = Path(result.output or "")
    answers = read_answers(path, workloads.build(workload, settings))
    if name == "api":
        check_answered(workload, model, path, len(answers))
    return Answers(name, model, answers, _spent(settings, workload, asking.month, purpose))


def _waits(result: RunResult) -> BreakevenError:
    return BreakevenError(
        f"records of the evaluation of {result.workload} wait for the API ({describe_counts(result.waiting)}): what was "
        "answered is kept, the same command goes on with the rest"
    )


def read_answers(path: Path, workload: Workload) -> dict[str, ArmAnswer]:
    """Read what an engine's run of a workload published. Raises `OutputError`."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read the answers {path}: {str(error).splitlines()[0]}; --rerun asks for them again"
        raise OutputError(msg) from error
    return {
        row["record_key"]: ArmAnswer(row[ANSWER], published_answer(workload, row), row["confidence"])
        for row in frame.iter_rows(named=True)
    }


def _spent(settings: Settings, workload: str, month: date, purpose: Purpose) -> EvaluationSpend:
    with ledger_if_any(settings) as session:
        if session is not None:
            version = find_published(session, workload, month, purpose)
            if version is not None:
                return evaluations.sum_spend(session, version.id)
    msg = f"the ledger does not know the evaluation of {workload} any more: run it again"
    raise BreakevenError(msg)
