"""`workload diff`: the present answers against the published ones, on a seeded sample whose texts are still the same."""

from pathlib import Path

import pytest

from models.errors import InputError, UsageError
from tests.integration.pipeline.books import findings, table
from tests.integration.pipeline.harness import published
from tests.integration.workload.trials import (
    LABELS,
    NAME,
    PROMPT,
    answers,
    compare,
    own_settings,
    publish,
    write_messages,
)

MESSAGES: dict[str, str | None] = {f"m{number}": f"message number {number}" for number in range(40)}
SURE = answers({text: LABELS[0] for text in MESSAGES.values() if text})


def test_equal_changed_and_invalid_are_counted(tmp_path: Path, database_url: str) -> None:
    """Three records whose label is another one now, two without a valid one; what is published stays as it is."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    publish(settings, SURE)
    before = published(settings, NAME)
    now = {text: LABELS[0] for text in MESSAGES.values() if text}
    now |= {f"message number {number}": LABELS[1] for number in range(3)}
    now |= {f"message number {number}": "nonsense" for number in (7, 8)}
    found = compare(
        own_settings(tmp_path, database_url, prompt=f"{PROMPT} One word."), answers(now), sample=100
    )
    (column,) = found.columns
    assert (column.column, column.equal, column.changed, column.now_invalid) == ("label", 35, 3, 2)
    changed = {one.record: (one.published, one.now) for one in found.changes if one.column == "label"}
    assert changed == {f"2026-11-01 m{number}": (LABELS[0], LABELS[1]) for number in range(3)}
    invalid = [one for one in found.changes if one.column != "label"]
    assert [one.now for one in invalid] == [
        "invalid_output: label must be one of billing, delivery, other"
    ] * 2
    assert published(settings, NAME).equals(before)
    assert {run.purpose for run in table(settings, "runs")} == {"production", "trial"}
    assert findings(settings) == []


def test_a_sample_is_drawn_by_its_seed(tmp_path: Path, database_url: str) -> None:
    """The same seed draws the same records, and a smaller sample is part of a larger one; nothing is asked twice."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    publish(settings)
    ten, again, twenty, other = (
        compare(settings, sample=size, seed=seed) for size, seed in ((10, 0), (10, 0), (20, 0), (10, 1))
    )
    assert ten.same
    assert ten.drawn == again.drawn
    assert again.result.state == "skipped"
    ids = [{one.id for one in found.drawn.records} for found in (ten, twenty, other)]
    assert ids[0] < ids[1]
    assert twenty.result.requests == 10
    assert ids[2] != ids[0]
    assert (ten.drawn.of, ten.drawn.lost) == (40, 0)


def test_texts_that_have_changed_are_left_out(tmp_path: Path, database_url: str) -> None:
    """A record that the input has with another text, or not any more, is compared with nothing and counted."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    publish(settings)
    left = {key: text for key, text in MESSAGES.items() if key != "m1"}
    write_messages(tmp_path, left | {"m0": "another text"})
    found = compare(settings, sample=40)
    assert (len(found.drawn.records), found.drawn.lost) == (38, 2)
    write_messages(tmp_path, {"x": "nothing of it"})
    with pytest.raises(InputError, match="none of 40 drawn records"):
        compare(settings, sample=40)


def test_other_columns_are_named(tmp_path: Path, database_url: str) -> None:
    """A workload that answers in other columns than it did: no value is compared, and the columns are named."""
    write_messages(tmp_path, MESSAGES)
    publish(own_settings(tmp_path, database_url))
    several = own_settings(tmp_path, database_url, kind="labels")
    handler = answers({})
    found = compare(several, handler, sample=5)
    assert (found.columns, found.only_now, found.only_published) == ((), ("labels",), ("label",))
    assert not found.same


def test_nothing_published_is_one_line(tmp_path: Path, database_url: str) -> None:
    """There is nothing to compare with, and the line says what to do instead."""
    write_messages(tmp_path, MESSAGES)
    with pytest.raises(UsageError, match="nothing of departments is published"):
        compare(own_settings(tmp_path, database_url))
