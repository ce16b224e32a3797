"""Texts of records and answers stay out of the ledger, the logs and what is shown of a run (I7)."""

import logging
from pathlib import Path

import pytest

from db.base import Base
from models.errors import EngineDied
from models.requests import Request
from models.settings import Settings
from tasks.display.run_rows import cost_row
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import WORKLOAD, any_share, quarantined, run, target, write_records

QUESTION, ANSWER = "QuestionMarkerZebra", "AnswerMarkerGiraffe"


def answer(request: Request) -> Reply:
    """Answer well, in a way that does not parse, or not at all; each answer has a marker of its own."""
    kind = int(prompt(request).rsplit(maxsplit=1)[1]) % 3
    if kind == 0:
        return Reply(f"{ANSWER} is no label", None)
    return Reply(rejection="refused", detail="the engine says no") if kind == 1 else plausible(request)


def dump(settings: Settings, tmp_path: Path) -> str:
    """Return everything that the ledger holds: the bytes of SQLite's files, and every row of every table."""
    rows = [repr(row._mapping) for name in Base.metadata.tables for row in table(settings, name)]
    files = [path.read_bytes().decode("latin-1") for path in tmp_path.glob("ledger.db*")]
    return "\n".join([*rows, *files])


def test_no_text_is_left_where_it_does_not_belong(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a failed run and a completed one, with bad rows, rejections and invalid answers in both."""
    caplog.set_level(logging.DEBUG)
    settings = any_share(settings)
    rows: list[object] = [{"id": f"r{number}", "text": f"{QUESTION} {number}"} for number in range(90)]
    rows += [
        {"id": "bad", "text": [QUESTION]},
        f'{{"id": "{QUESTION}'.encode(),
        {"id": "twin", "text": f"{QUESTION} 5"},
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(handler=answer, dies_after=50))
    result = run(settings, source, ScriptedEngine(handler=answer))
    assert (result.published, result.quarantined) == (31, 62)

    shown = "".join(capfd.readouterr()) + caplog.text + repr(cost_row(result)) + repr(result)
    aside = repr(quarantined(settings).rows())
    for marker in (QUESTION, ANSWER):
        assert marker not in dump(settings, tmp_path)
        assert marker not in shown
        assert marker not in aside
    assert ANSWER.encode() not in (target(settings) / "records.parquet").read_bytes()
    assert f"{WORKLOAD}" in dump(settings, tmp_path)  # the dump does hold what it should
