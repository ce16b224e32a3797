"""A workload whose files change while a backfill of it runs: what is done stays, the rest is not mixed with it."""

from itertools import chain
from pathlib import Path

import pytest

from models.backfill import to_do
from models.settings import Settings, WorkloadSettings
from tasks.backfill.run_steps import failure_line
from tasks.backfill.survey import survey
from tests.integration.backfill.harness import Engines, actions, ask_for, backfill, days_of, do, write_days
from tests.integration.pipeline.harness import WORKLOAD, write_records


@pytest.mark.parametrize(
    ("setting", "before", "after"),
    [
        ("prompt_file", "How is it?", "How, is it?"),
        ("labels_file", "good\nbad\n", "good\nbad\nneither\n"),
        (
            "examples_file",
            '{"text": "fine", "answer": "positive"}\n',
            '{"text": "fine", "answer": "neutral"}\n',
        ),
    ],
)
def test_a_file_that_changes_is_a_clear_line(
    settings: Settings, tmp_path: Path, setting: str, before: str, after: str
) -> None:
    """Whichever file it is; the same command then does all as it is now."""
    days = days_of(5, 5, 5)
    source = write_days(tmp_path / "in.jsonl", days)
    file = tmp_path / "file"
    file.write_text(before, encoding="utf-8")
    own = WorkloadSettings.model_validate({setting: file})
    settings = settings.model_copy(update={"workloads": {WORKLOAD: own}})
    ask, engines = ask_for(source, days), Engines()
    first, *rest = to_do(survey(ask, settings))
    assert [one.state for one in do(ask, [first], settings, engines)] == ["done"]
    file.write_text(after, encoding="utf-8")
    outcomes = do(ask, rest, settings, engines)
    assert [one.state for one in outcomes] == ["failed", "failed"]
    line = failure_line(outcomes)
    assert line.count("is not what it was when this was quoted") == 1
    assert "sentiment 2026-11-02, 2026-11-03 (" in line
    assert len(engines.asked) == 5
    assert actions(ask, settings) == ["replace", "run", "run"]
    assert [one.state for one in backfill(ask, settings)] == ["done"] * 3


def test_a_cause_that_days_share_is_told_once(settings: Settings, tmp_path: Path) -> None:
    """Rows without a date are too many for each day alike: one cause, with the days that it keeps from being published."""
    days = days_of(5, 5, 5)
    rows = [*chain.from_iterable(days.values()), *[{"id": f"x{at}", "text": "x"} for at in range(30)]]
    source = write_records(tmp_path / "in.jsonl", list(rows))
    outcomes = backfill(ask_for(source, days), settings)
    assert [one.state for one in outcomes] == ["failed"] * 3
    line = failure_line(outcomes)
    assert "sentiment 2026-11-01, 2026-11-02, 2026-11-03 (30 of 45 rows of the whole input would be" in line
    assert line.count("max_quarantined_share") == 1
