"""Strata of a sample: published labels, else thirds by length."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine
from tests.integration.evaluation.drawn_samples import DAY, draw, in_csv, numbered
from tests.integration.evaluation.labelled_files import (
    write_rows,
)
from tests.integration.pipeline import harness


def test_thirds_by_length(tmp_path: Path) -> None:
    """Without published labels, short, medium and long texts are drawn in proportion; a text counts once."""
    rows = [*numbered(60, 3), *numbered(60, 50), *numbered(60, 400), *numbered(60, 3)]
    drawn = draw(tmp_path, write_rows(tmp_path / "in.jsonl", rows), 31)
    assert {one.name: (one.texts, one.drawn) for one in drawn.strata} == {
        "short: up to 3 characters": (60, 10),
        "medium: up to 50 characters": (60, 10),
        "long: more than 50 characters": (60, 11),
    }
    texts = [row["text"] for row in in_csv(tmp_path / "out.csv")]
    assert Counter(map(len, texts)) == {3: 10, 50: 10, 400: 11}
    assert len(set(texts)) == 31


def test_published_labels_are_strata(tmp_path: Path, database_url: str) -> None:
    """What a run published decides, the newest partition first; texts that no run has seen go by their length."""
    settings = harness.settings_for(tmp_path, database_url, workloads={"sentiment": {"timestamp_column": ""}})
    answered = write_rows(tmp_path / "answered.jsonl", harness.good_rows(90))  # type: ignore[arg-type]
    harness.run(settings, answered)
    labels = harness.published(settings)
    source = write_rows(tmp_path / "in.jsonl", [*harness.good_rows(90), *numbered(30)])  # type: ignore[list-item]
    drawn = draw(tmp_path, source, 40, settings=settings)
    expected = {
        f"answered {label}": count for label, count in labels.get_column("label").value_counts().iter_rows()
    }
    assert {one.name: one.texts for one in drawn.strata} == {**expected, "short: up to 3 characters": 30}
    assert drawn.written == 40
    given = dict(labels.select("id", "label").iter_rows())
    names = (f"answered {given[row['id']]}" if row["id"] in given else "short: up to 3 characters"
             for row in in_csv(drawn.path))  # fmt: skip
    assert Counter(names) == {one.name: one.drawn for one in drawn.strata}
    assert all(abs(one.drawn - one.texts / 3) < 1 for one in drawn.strata)


def test_the_newest_published_label_counts(tmp_path: Path) -> None:
    """A text that two partitions answered differently has the label of the later one."""
    settings = harness.settings_for(
        tmp_path, f"sqlite:///{tmp_path / 'l.db'}", workloads={"sentiment": {"timestamp_column": ""}}
    )
    source = write_rows(tmp_path / "in.jsonl", numbered(5))
    _publish(settings, source, DAY + timedelta(days=1), "positive")
    _publish(settings, source, DAY, "negative")
    drawn = draw(tmp_path, source, 5, settings=settings)
    assert [(one.name, one.texts) for one in drawn.strata] == [("answered positive", 5)]


def _publish(settings: Settings, source: Path, day: date, label: str) -> None:
    """Run a partition whose records are all answered with one label."""
    engine = ScriptedEngine(handler=lambda _: Reply(label, label, confidence=1.0))
    with shared_engine(settings, lambda _: engine):
        assert run_request(RunRequest("sentiment", day, str(source)), settings).state == "completed"


def test_a_published_file_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its texts go by their length, and a warning says which file it is."""
    settings = harness.settings_for(
        tmp_path, f"sqlite:///{tmp_path / 'l.db'}", workloads={"sentiment": {"timestamp_column": ""}}
    )
    source = write_rows(tmp_path / "in.jsonl", numbered(5))
    _publish(settings, source, DAY, "positive")
    (harness.target(settings) / "records.parquet").unlink()
    drawn = draw(tmp_path, source, 5, settings=settings)
    assert [one.name for one in drawn.strata] == ["short: up to 3 characters"]
    assert "records.parquet is passed over" in caplog.text
