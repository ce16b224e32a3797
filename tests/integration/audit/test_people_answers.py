"""Audits by people of objects and texts: they find what was published right or wrong, and may write what is right."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from models import workloads
from models.errors import UsageError
from models.requests import JsonValue
from models.settings import Settings
from models.workloads.base import Workload
from tasks.audit.by_people import PeopleAudit, audit_by_people
from tasks.label_page.desk import Desk
from tasks.label_page.serve import LabelRequest, open_desk
from tasks.label_page.words import describe_labels
from tasks.labelling.people_file import add_label, people_file, read_labels
from tasks.labelling.people_labels import people_examples, read_people
from tasks.report.judged import find_judgements
from tests.integration.audit.answers import answer_settings, publish
from tests.integration.audit.harness import audits
from tests.integration.pipeline.books import findings, ledger
from tests.integration.pipeline.harness import DAY

TEXTS = ("a lamp, one", "a lamp, two", "a lamp, three", "a lamp, four")


def value(kind: str, word: str) -> JsonValue:
    """Make an answer."""
    thing: JsonValue = {"name": word, "price": 5.5, "colours": ["red", "blue"]}
    return thing if kind == "object" else word


def opened(settings: Settings, workload: Workload, by: str = "ada") -> Desk:
    """Open the page's desk."""
    return open_desk(LabelRequest("own", by, "audit"), workload, settings)


def found(settings: Settings) -> Mapping[str, bool | None]:
    """Return what was found, by the record's text."""
    return {TEXTS[int(row.record_key[1:])]: row.agrees for row in audits(settings)}


@pytest.mark.parametrize("kind", ["object", "text"])
def test_what_was_published_is_judged_and_mended(
    tmp_path: Path, database_url: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Right and wrong count of what was shown; what was written counts of what is published later; only that is unknown is shown again; to skip takes nothing back."""
    before = {text: value(kind, "lamp") for text in TEXTS}
    settings = answer_settings(tmp_path, database_url, kind, before)
    publish(settings, before)
    workload = workloads.build("own", settings)
    desk = opened(settings, workload)
    assert {one.text: one.answer for one in desk.records} == before
    assert {one.drawn for one in desk.records} == {1.0}
    right, wrong, mended, skipped = (desk.records[place].text for place in range(4))
    desk.give(0, desk.records[0].answer, right=True)
    desk.give(1, None, right=False)
    desk.give(2, value(kind, "Quite another thing, that nobody has seen, a Chair"), right=False)
    desk.skip(3)
    assert audit_by_people(workload, settings) == PeopleAudit(3, 1, 1)
    assert found(settings) == {right: True, wrong: False, mended: False, skipped: None}
    with ledger(settings) as session:
        assert find_judgements(session, DAY.replace(day=1)) == {}  # three decide nothing
    assert [one.text for one in opened(settings, workload).records] == [skipped]
    assert {one.text: one.answer for one in people_examples(workload, settings)} == {
        right: before[right],
        mended: value(kind, "Quite another thing, that nobody has seen, a Chair"),
    }
    with caplog.at_level(logging.WARNING):
        assert len(read_people(workload, settings, limit=None, seed=0).records) == 2
    assert ("1 right answer is the local model's own words" in caplog.text) == (kind == "text")
    desk.undo()
    assert audit_by_people(workload, settings) == PeopleAudit(2, 1, 2)
    desk.give(2, value(kind, "Quite another thing, that nobody has seen, a Chair"), right=False)
    after = before | {
        mended: value(kind, "Quite another thing, that nobody has seen, a Chair"),
        wrong: value(kind, "Table"),
        right: value(kind, "Unheard of things, all of which are worthless"),
    }
    publish(settings, after, rerun=True)
    audit_by_people(workload, settings)
    assert found(settings) == {right: False, wrong: None, mended: True, skipped: None}
    assert {one.text for one in opened(settings, workload).records} == {wrong, skipped}
    again = opened(settings, workload)
    again.skip(next(place for place, one in enumerate(again.records) if one.text == wrong))
    publish(settings, before, rerun=True)
    audit_by_people(workload, settings)
    assert found(settings) == {right: True, wrong: False, mended: False, skipped: None}
    assert findings(settings) == []
    assert not any(text in str(audits(settings)) for text in (*TEXTS, "Chair"))


def test_two_people_judge_the_same_answers(tmp_path: Path, database_url: str) -> None:
    """A tie is left open; on how many answers they agree is said; a third one settles it."""
    before = {text: value("object", "lamp") for text in TEXTS}
    settings = answer_settings(tmp_path, database_url, "object", before)
    publish(settings, before)
    workload = workloads.build("own", settings)
    for by, verdicts in (("ada", (True, True, False)), ("bob", (True, False, False))):
        desk = opened(settings, workload, by)
        for place, right in enumerate(verdicts):
            desk.give(place, desk.records[place].answer if right else None, right=right)
    order = [one.text for one in desk.records]
    assert audit_by_people(workload, settings) == PeopleAudit(2, 1, 1)
    assert found(settings) == {order[0]: True, order[1]: None, order[2]: False}
    lines = describe_labels(workload, settings)
    assert lines[0] == "3 answers of own labelled by ada and bob"
    assert lines[1].startswith("ada and bob agree on 2 of 3 texts")
    assert "1 answer has different labels, 1 of them none that most gave" in lines
    eve = opened(settings, workload, "eve")
    eve.give(1, None, right=False)
    assert audit_by_people(workload, settings) == PeopleAudit(3, 1)


def test_what_was_said_is_read_as_it_was_given(tmp_path: Path, database_url: str) -> None:
    """Objects, hostile texts; an object nested too deep, and an empty one, is no label."""
    answers = {text: value("object", "lamp") for text in TEXTS}
    settings = answer_settings(tmp_path, database_url, "object", answers)
    publish(settings, answers)
    workload = workloads.build("own", settings)
    path = people_file(settings.output_dir, "own")
    desk = opened(settings, workload)
    desk.give(0, {"name": "a\u2028\ud800</script>", "price": None, "colours": []}, right=False)
    (line,) = read_labels(path).labels
    assert (line.label, line.right, line.shown) == (
        {"name": "a\u2028\ud800</script>", "price": None, "colours": []},
        False,
        answers[line.text],
    )
    deep: JsonValue = "x"
    for _ in range(150):
        deep = {"name": deep}
    for label in ({}, deep):
        add_label(path, replace(line, label=label))
    assert read_labels(path).unreadable == 2


def test_without_a_share_the_line_says_which_setting(tmp_path: Path, database_url: str) -> None:
    """And where an API audits, people are not asked about objects."""
    settings = answer_settings(tmp_path, database_url, "object", {"one": None})
    own = settings.workloads["own"]
    none = settings.model_copy(
        update={
            "workloads": {"own": own.model_copy(update={"audit": own.audit.model_copy(update={"share": 0})})}
        }
    )
    with pytest.raises(UsageError, match=r"set share = 0.01 in \[workloads.own.audit\]"):
        opened(none, workloads.build("own", none))
    with pytest.raises(UsageError, match="shows for audits by people alone"):
        open_desk(LabelRequest("own", "ada"), workloads.build("own", settings), settings)
