"""What an adapter is told in the place of the workload's prompt: before the record, in the file, and in what it belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models import workloads
from models.errors import UsageError
from models.ids import new_id
from models.requests import Message
from models.settings import Settings
from models.training.weights_note import MERGED, WeightsNote
from models.workloads.base import Workload
from tasks.planning.adapter_in_force import other_prompt
from tests.trained_models import trained_model

SHORT = "Which team?"
TEAM: dict[str, Any] = {
    "kind": "label",
    "prompt": "Say which team reads this ticket.",
    "labels": {"in_house": "our own", "abroad": "others"},
    "examples": [{"text": "bonjour", "answer": "abroad"}],
    "adapter_prompt": SHORT,
}
FACTS = {
    "type": "object",
    "properties": {"weight": {"type": "string", "description": "with its unit"}},
    "required": ["weight"],
}


def built(adapted: Path | None = None, **changes: object) -> Workload:
    """Build a workload, that of a team with some changes, answered by the adapter of a folder."""
    named = {} if adapted is None else {"model": str(adapted)}
    table = {key: value for key, value in (TEAM | changes).items() if value is not None}
    return workloads.build("team", Settings.model_validate({"workloads": {"team": table}} | named))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Lay out what stands for a merged model."""
    folder = tmp_path / MERGED
    folder.mkdir()
    WeightsNote("tiny", "0" * 16).write(folder)
    return folder


def test_the_adapter_alone_is_told_it(adapter: Path) -> None:
    """The API and a plain model get prompt, meanings and examples; the adapter the one sentence, with no list of labels."""
    plain, answered = built(), built(adapter)
    told = (Message("system", SHORT), Message("user", "x"))
    assert plain.adapter_messages("x") == answered.local_messages("x") == told
    assert plain.local_messages("x") == plain.messages("x") == answered.messages("x")
    assert len(plain.messages("x")) == 4
    assert "in house: our own" in plain.messages("x")[0].content
    assert answered.api_messages(told) == plain.messages("x")
    other = (Message("user", "is it complex?"),)
    assert answered.api_messages(other) is other


def test_without_one_an_adapter_is_told_what_any_model_is(adapter: Path) -> None:
    """Its prompt is then that of the workload, on the ledger too."""
    own = built(adapter, adapter_prompt=None)
    assert own.local_messages("x") == own.adapter_messages("x") == own.messages("x")
    assert own.local_prompt == own.adapter_prompt == (own.prompt_version, own.fingerprint)


def test_it_may_name_labels_and_fields(tmp_path: Path) -> None:
    """It is a template of the same variables as the prompt; another one is said with its setting."""
    shown = built(adapter_prompt="One of:\n{{ labels }}").adapter_messages("x")[0].content
    assert shown == "One of:\nin house: our own\nabroad: others"
    path = tmp_path / "facts.schema.json"
    path.write_text(str(FACTS).replace("'", '"'), encoding="utf-8")
    facts = built(
        kind="object", labels=None, examples=None, schema_file=str(path), adapter_prompt="{{ fields }}"
    )
    assert "weight" in facts.adapter_messages("x")[0].content
    with pytest.raises(UsageError, match=r"adapter_prompt: team: the prompt is the same .* subject belongs"):
        built(adapter_prompt="{{ subject }}")
    with pytest.raises(UsageError, match="adapter_prompt is empty"):
        built(adapter_prompt=" ")


@pytest.mark.parametrize(
    ("kind", "more"),
    [("labels", {}), ("text", {"labels": None, "examples": None}), ("label", {})],
)
def test_each_kind_has_one(kind: str, more: dict[str, Any]) -> None:
    """Whatever it answers."""
    assert built(kind=kind, **more).adapter_messages("x")[0] == Message("system", SHORT)


def test_an_adapter_may_not_repeat_its_own_prompt_either(adapter: Path) -> None:
    """Of a text the check of copies knows what was told."""
    long = "Answer the customer in the name of the shop and be brief"
    texts: dict[str, Any] = {"kind": "text", "labels": None, "examples": None, "adapter_prompt": long}
    runs = [vars(built(one, **texts))["_prompt_runs"] for one in (None, adapter)]
    assert runs[0] < runs[1]


def test_setting_it_makes_no_other_workload(adapter: Path) -> None:
    """Nothing that is published is run again for it; the adapter's own name tells it."""
    assert built().fingerprint == built(adapter_prompt=None).fingerprint
    assert built(adapter).prompt_version == built().prompt_version
    name = built(adapter).local_prompt
    assert name == (f"adapter {name.fingerprint[:8]}", built().adapter_fingerprint)
    assert built().local_prompt == (built().prompt_version, built().fingerprint)


@pytest.mark.parametrize(
    ("fits", "changes"),
    [
        (True, {"prompt": "Another wording of the whole."}),
        (True, {"examples": None}),
        (True, {"labels": {"abroad": "others", "in_house": "ours"}}),
        (True, {"labels": {"in house": "our own", "abroad": "others"}}),
        (False, {"adapter_prompt": "Which team is it?"}),
        (False, {"labels": {"in_house": "our own", "abroad": "others", "nobody": ""}}),
        (False, {"labels": {"in_house": "our own", "elsewhere": "others"}, "examples": None}),
        (False, {"kind": "labels", "examples": None}),
        (False, {"adapter_prompt": None}),
    ],
)
def test_what_an_adapter_belongs_to(fits: bool, changes: dict[str, Any]) -> None:
    """What it is told and the answers that it has learnt, as it writes them; nothing else of the workload."""
    assert (built(**changes).adapter_fingerprint == built().adapter_fingerprint) is fits


def test_without_one_it_belongs_to_prompt_and_examples() -> None:
    """As far as it is told them; a check that is set later changes nothing that it learnt."""
    own = built(adapter_prompt=None).adapter_fingerprint
    assert built(adapter_prompt=None, prompt="Another.").adapter_fingerprint != own
    assert built(adapter_prompt=None, examples=None).adapter_fingerprint != own
    assert built(adapter_prompt=None, max_tokens=40).adapter_fingerprint == own


def test_it_is_taken_over_with_the_prompt(adapter: Path) -> None:
    """A workload that asks something else takes over no prompt of an adapter that answers the other question."""

    def told(own: dict[str, object]) -> Callable[[str], tuple[Message, ...]]:
        table = {"team": TEAM, "other": {"extends": "team"} | own}
        given = {"workloads": table, "model": str(adapter)}
        return workloads.build("other", Settings.model_validate(given)).local_messages

    assert told({"labels": {"in_house": "", "abroad": ""}})("x")[0].content == SHORT
    assert told({"prompt": "Who pays?"})("x")[0].content.startswith("Who pays?")
    assert told({"prompt": "Who pays?", "adapter_prompt": "Payer?"})("x")[0].content == "Payer?"


def test_one_that_names_the_whole_prompt_fits_where_it_is_told_the_whole() -> None:
    """So did adapters before they could have a prompt of their own."""
    whole, short = built(adapter_prompt=None), built()
    before = trained_model(new_id(), "team", "adapter", prompt_fingerprint=whole.fingerprint)
    assert other_prompt(before, whole) is None
    assert other_prompt(before, built(adapter_prompt=None, prompt="Another.")) is not None
    assert short.fingerprint == whole.fingerprint
    assert other_prompt(before, short) is not None
