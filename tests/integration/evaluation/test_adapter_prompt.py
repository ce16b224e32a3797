"""An evaluation asks an adapter with the prompt that is its own, whether it is in force or named, and everybody else with the whole."""

from pathlib import Path

import pytest

from models import workloads
from models.engines.base import LocalEngine
from models.errors import UsageError
from models.requests import Message, Request
from models.settings import Settings, WorkloadSettings
from tasks.evaluation.run import EvaluationRequest, evaluate
from tests.adapters_in_force import put_adapter_in_force, write_weights
from tests.fakes import Reply, ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import (
    TODAY,
    labelled,
    right_unless,
    settings_of,
    write_labelled,
)
from tests.ledgers import new_sqlite

NAME = "sentiment"
SHORT = (Message("system", "How does it sound?"),)
OWN = {NAME: WorkloadSettings(adapter_prompt=SHORT[0].content)}


class Engines:
    """Loads scripted engines and notes by model what each was told before the records."""

    def __init__(self) -> None:
        self.told: dict[bool, set[tuple[Message, ...]]] = {}

    def load(self, settings: Settings) -> LocalEngine:
        """Load one; an adapter is on it, or merged, or not."""
        adapted = settings.lora_adapter is not None or str(settings.model).endswith("merged")
        told = self.told.setdefault(adapted, set())

        def answer(request: Request) -> Reply:
            told.add(request.messages[:-1])
            return right_unless(lambda number: number % 4 == 0)(request)

        return ScriptedEngine(handler=answer)


def test_the_small_model_is_the_adapter_in_force_under_its_own_prompt(tmp_path: Path) -> None:
    """The API is sent the whole, and the verdict belongs to the workload's prompt, under which runs look it up."""
    engines = Engines()
    with FaultyApi() as api:
        settings = settings_of(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, workloads=OWN)
        model, built = put_adapter_in_force(settings, NAME), workloads.build(NAME, settings)
        source = write_labelled(tmp_path, labelled(60))
        found = evaluate(EvaluationRequest(NAME, str(source)), settings, today=TODAY, factory=engines.load)
    assert engines.told == {True: {SHORT}}
    assert {seen.body["messages"][0]["content"] for seen in api.seen} == {built.messages("x")[0].content}
    small = found.arm("small")
    assert small is not None
    assert small.model == f"{model.base}+{model.name}"
    assert found.prompt_fingerprint == built.fingerprint


def test_one_that_is_named_is_asked_with_it_and_its_base_is_not(tmp_path: Path) -> None:
    """Of another prompt it is refused before anything is asked."""
    settings = settings_of(tmp_path, new_sqlite(tmp_path / "ledger.db"), "", api_mode="off", workloads=OWN)
    built, engines = workloads.build(NAME, settings), Engines()
    write_weights(tmp_path / "mine", "tests/scripted", built.adapter_fingerprint)
    source = write_labelled(tmp_path, labelled(30))
    ask = EvaluationRequest(NAME, str(source), adapter=tmp_path / "mine" / "adapter")
    evaluate(ask, settings, today=TODAY, factory=engines.load)
    assert engines.told == {False: {built.messages("x")[:-1]}, True: {SHORT}}
    engines.told.clear()
    other = settings.model_copy(update={"workloads": {NAME: WorkloadSettings(adapter_prompt="Mood?")}})
    with pytest.raises(UsageError, match="was trained for sentiment under another prompt"):
        evaluate(ask, other, today=TODAY, factory=engines.load)
    assert engines.told == {}
