"""Key, texts and answers stay out of ledger, logs, artifacts, exceptions and reprs; what must stay in stays in (I7)."""

import logging
import traceback
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from models.errors import ApiAccessError, ResidencyError
from models.requests import Request
from models.settings import Settings
from models.workloads import registry
from models.workloads.label_workload import LabelWorkload
from tasks.display.run_rows import cost_row
from tests.fakes import Reply, ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.harness import KEY, hybrid_settings
from tests.integration.hybrid.test_engine_fails import never_starts
from tests.integration.pipeline.harness import good_rows, quarantined, run, write_records
from tests.integration.pipeline.test_privacy import dump
from tests.ledgers import new_sqlite

QUESTION, ANSWER = "QuestionMarkerZebra", "AnswerMarkerGiraffe"


def answer(request: Request) -> Reply:
    """Answer with nothing that parses, in words that must not be seen."""
    del request
    return Reply(f"{ANSWER} is no label", None)


def test_nothing_is_left_where_it_does_not_belong(
    tmp_path: Path,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """After a run that fails and one that completes, with every kind of bad answer, at the loudest log level."""
    caplog.set_level(logging.DEBUG)
    kinds = [
        "content_filter",
        "nonsense",
        "wrong_schema",
        "truncated_json",
        "too_long",
        "429",
        "500",
        "400:odd",
    ]
    rows = good_rows(80, lambda number: f"{QUESTION} {kinds[number % len(kinds)]} {number}")
    rules = [Rule((kind,), match=f" {kind} ") for kind in kinds]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi([Rule(("ok",) * 20 + ("bad_key",), forever=True)]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        with pytest.raises(ApiAccessError) as caught:
            run(settings, source, ScriptedEngine(handler=answer))
    with FaultyApi(rules) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        result = run(settings, source, ScriptedEngine(handler=answer))
    assert result.published + result.quarantined == 80

    shown = "".join(capfd.readouterr()) + caplog.text + repr(cost_row(result)) + repr(result) + repr(settings)
    shown += "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    aside = repr(quarantined(settings).rows())
    for marker in (QUESTION, ANSWER, KEY):
        assert marker not in dump(settings, tmp_path)
        assert marker not in shown
        assert marker not in aside


class Confidential(LabelWorkload):
    """A workload whose records may never leave."""

    data_residency: ClassVar[Literal["any", "local"]] = "local"


@pytest.fixture
def confidential(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the confidential workload in the place of the open one."""
    monkeypatch.setitem(registry.KINDS, "label", Confidential)


DOORS: dict[str, dict[str, Any]] = {
    "api_mode sync": {"api_mode": "sync", "workloads": {}},
    "api_mode batch": {"api_mode": "batch", "workloads": {}},
    "data_residency any in the settings": {"workloads": {"sentiment": {"data_residency": "any"}}},
}


@pytest.mark.usefixtures("confidential")
@pytest.mark.parametrize("door", DOORS)
def test_no_setting_lets_a_confidential_record_out(tmp_path: Path, door: str) -> None:
    """Unsure, invalid and rejected answers stay in: published or quarantined here, and nobody was asked."""

    def bad(request: Request) -> Reply:
        if "LONG" in request.messages[-1].content:
            return Reply(rejection="too_long", detail="too long")
        return unsure("")(request)

    rows = good_rows(40, lambda number: f"{'LONG' if number % 2 else 'short'} {number}")
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, **DOORS[door])
        result = run(settings, source, ScriptedEngine(handler=bad))
        assert api.seen == []
    assert (result.published, result.quarantined, result.escalated) == (20, 20, 0)


@pytest.mark.usefixtures("confidential")
@pytest.mark.parametrize(
    "policy",
    [{"engine_fails": "api"}, {"min_confidence": 0.9}, {"triage": True}, {"complex_over_chars": 1}],
    ids=str,
)
def test_a_policy_that_would_send_confidential_records_is_refused(
    tmp_path: Path, policy: dict[str, object]
) -> None:
    """One clear line before anything starts; also where the engine cannot start."""
    source = write_records(tmp_path / "in.jsonl", good_rows(10))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, policy)
        with pytest.raises(ResidencyError) as caught:
            run(settings, source, never_starts)
        assert api.seen == []
    assert "\n" not in str(caught.value)


def test_settings_alone_can_keep_a_workload_in(tmp_path: Path) -> None:
    """A workload that may go out is kept in by one word in the settings."""
    source = write_records(tmp_path / "in.jsonl", good_rows(20))
    with FaultyApi() as api:
        url = new_sqlite(tmp_path / "ledger.db")
        settings = Settings.model_validate(
            hybrid_settings(tmp_path, url, api.url).model_dump()
            | {"database_url": url, "api_key": KEY}
            | {"workloads": {"sentiment": {"data_residency": "local"}}}
        )
        result = run(settings, source, ScriptedEngine(handler=unsure("")))
        assert api.seen == []
    assert (result.published, result.escalated) == (20, 0)
