"""What people said, from the file to those who use it: newest of each, majority, what was cut, evaluation and training."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models import workloads
from models.errors import InputError, OutputError, UsageError
from models.requests import JsonValue
from models.settings import Settings
from tasks.label_page.choose import AUDIT, PUBLISHED, RecordToLabel, choose_records
from tasks.label_page.desk import Desk
from tasks.label_page.serve import LabelRequest, open_desk
from tasks.label_page.words import describe_labels
from tasks.labelling.people_file import PersonsLabel, add_label, newest_of_each, people_file, read_labels
from tasks.labelling.people_labels import agreements, judge_texts, newest_labels, people_examples, read_people
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import COUNT, WRONG, audit, audit_settings, serve
from tests.integration.evaluation.evaluating import labelled, run_evaluation, settings_of
from tests.integration.pipeline.harness import WORKLOAD, settings_for
from tests.integration.training.harness import LABELS, texts, training
from tests.trainers import FakeTrainers

AT = datetime(2026, 11, 20, tzinfo=UTC)


def said(text: str, label: JsonValue, by: str = "ada", minute: int = 0) -> PersonsLabel:
    """Make a label."""
    return PersonsLabel(text, label, by, AT + timedelta(minutes=minute), "r1", None)


def keep(settings: Settings, *labels: PersonsLabel) -> Path:
    """Write labels of sentiment."""
    path = people_file(settings.output_dir, WORKLOAD)
    for one in labels:
        add_label(path, one)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """Make settings of a folder without a ledger."""
    return settings_for(tmp_path, f"sqlite:///{tmp_path / 'none.db'}")


def test_a_label_is_read_as_it_was_given(bare: Settings) -> None:
    """Texts of any characters, several labels, none of them, and what was taken back."""
    every = [
        said("a\nb\u2028c \ud800 é", "positive"),
        said("two", ["a", "b"]),
        said("three", []),
        replace(said("four", None), partition="2026-11-01"),
    ]
    path = keep(bare, *every)
    assert read_labels(path).labels == tuple(every)
    assert newest_of_each(every) == every[:3]


def test_a_line_that_was_cut_is_passed_over_and_said(
    bare: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it was cut, what was given before and after it counts."""
    path = keep(bare, said("one", "positive"), said("two", "neutral"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first + 1, len(whole) - 1, 17):
        path.write_bytes(whole[:cut])
        assert [one.text for one in read_labels(path).labels] == ["one"]
        add_label(path, said("three", "negative"))
        found = read_labels(path)
        assert ([one.text for one in found.labels], found.unreadable) == (["one", "three"], 1)
    newest_labels(workloads.build(WORKLOAD, bare), bare)
    assert "1 line of" in caplog.text
    assert "one" not in caplog.text.split("labels.jsonl")[0]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "null", "1", '{"text": 1}', '{"text": "a", "label": {}, "by": "b", "at": "2026-01-01"}'],
)
def test_what_is_no_label_is_counted(bare: Settings, line: str) -> None:
    """Somebody may have edited the file."""
    path = keep(bare, said("one", "positive"))
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert read_labels(path).unreadable == 1


def test_a_label_that_cannot_be_kept_leaves_the_file_as_it_was(
    bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a full disk no half of a line stays; the record is shown again."""
    path = keep(bare, said("one", "positive"))
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    desk = Desk([RecordToLabel("two", "r2", None, "")], path, "ada")
    with pytest.raises(OutputError, match="No space left"):
        desk.give(0, "neutral")
    assert path.read_bytes() == before
    assert desk.next() == 0


def test_a_link_in_the_place_of_the_file_is_refused(bare: Settings, tmp_path: Path) -> None:
    """Nobody has labels written elsewhere."""
    path = people_file(bare.output_dir, WORKLOAD)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        add_label(path, said("one", "positive"))
    assert not (tmp_path / "elsewhere").exists()


def test_the_newest_of_each_and_what_most_say(bare: Settings) -> None:
    """Blanks make no other text; a tie is no answer; agreement is counted on what both labelled; a skip takes nothing back."""
    workload = workloads.build(WORKLOAD, bare)
    keep(
        bare,
        *(said(text, "positive") for text in ("one", "two", "three", "four")),
        said(" one ", "neutral", minute=1),
        said("one", "neutral", "bob"),
        said("two", "negative", "bob"),
        said("three", "negative", "bob"),
        said("three", "negative", "eve"),
        said("four", None, minute=2),
        replace(said("three", None, minute=3), skipped=True),
        replace(said("six", None), skipped=True),
        said("five", "unheard of"),
    )
    judged = {one.text: one for one in judge_texts(workload, newest_labels(workload, bare))}
    assert {text: one.answer for text, one in judged.items()} == {
        " one ": "neutral",
        "two": None,
        "three": "negative",
    }
    assert [one.is_disputed for one in judged.values()] == [False, True, True]
    same = agreements(list(judged.values()))["ada", "bob"].same
    assert (same.count, same.of) == (1, 3)
    lines = describe_labels(workload, bare)
    assert lines[0] == "3 texts of sentiment labelled by ada, bob and eve"
    assert lines[1].startswith("ada and bob agree on 1 of 3 texts; Cohen's kappa ")
    assert "2 texts have different labels, 1 of them none that most gave" in lines


def test_an_evaluation_takes_them(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`--labels people`: what most say of each text; a tie and the choice of the least sure are said."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        rows = labelled(30)
        keep(settings, *(said(str(row["text"]), str(row["label"])) for row in rows))
        keep(settings, *(said(str(row["text"]), str(row["label"]), "bob") for row in rows[:10]))
        other = next(name for name in LABELS if name != rows[0]["label"])
        keep(settings, said(str(rows[0]["text"]), other, "bob", 1))
        keep(
            settings,
            replace(said(str(rows[1]["text"]), str(rows[1]["label"]), "bob"), partition="2026-11-01"),
        )
        with caplog.at_level(logging.WARNING):
            found = run_evaluation(settings, Path("people"))
        assert found.records == 29
        assert "1 text is left out of the evaluation: labellers disagree" in caplog.text
        assert "1 labelled text is one of published records" in caplog.text
        with pytest.raises(UsageError, match="has no columns"):
            run_evaluation(settings, Path("people"), label_column="label")


def test_nobody_has_labelled(bare: Settings) -> None:
    """One line names the command."""
    with pytest.raises(InputError, match="breakeven label sentiment"):
        read_people(workloads.build(WORKLOAD, bare), bare, limit=None, seed=0)


def test_a_training_takes_them(tmp_path: Path, database_url: str) -> None:
    """Without a labelled file; each text once, its majority as its answer."""
    settings = settings_for(tmp_path, database_url)
    every = [said(text, LABELS[number % 3]) for number, text in enumerate(texts(60))]
    keep(settings, *every, said(texts(1)[0], LABELS[1], "bob"))
    workload = workloads.build(WORKLOAD, settings)
    assert sum(1 for _ in people_examples(workload, settings)) == 61
    fake = FakeTrainers()
    found = training(settings, None, fake)
    assert found.examples + found.holdout == 59  # a tie is left out
    assert training(settings, Path("people"), fake, seed=1).examples == found.examples


def test_records_come_disputed_first_then_the_least_sure(tmp_path: Path, database_url: str) -> None:
    """Of published partitions, each text once, without what this person has labelled; of audits only what was audited."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url, own={"input": str(tmp_path / "in.jsonl")})
        serve(settings, tmp_path)
        audit(settings, tmp_path, share=0.25)
    workload = workloads.build(WORKLOAD, settings)
    every = choose_records(workload, settings, PUBLISHED, 10 * COUNT, lambda _: False)
    audited = choose_records(workload, settings, AUDIT, 10 * COUNT, lambda _: False)
    assert len(every) == COUNT
    disputed = [one for one in every if one.why == "an audit found another answer"]
    assert disputed == every[: len(disputed)] == audited[: len(disputed)]
    assert all(int(one.record_key[1:]) % WRONG == 0 for one in disputed)
    assert 0 < len(disputed) < len(audited) < COUNT
    keep(settings, said(every[0].text, "positive"), said(every[1].text, "positive", "bob"))
    desk = open_desk(LabelRequest(WORKLOAD, "ada", limit=3), workload, settings)
    assert list(desk.records) == every[1:4]
    only = tmp_path / "one.jsonl"
    only.write_text(f'{{"id": "1", "text": "{every[0].text}"}}\n')
    with pytest.raises(UsageError, match="you have labelled all 1 texts"):
        open_desk(LabelRequest(WORKLOAD, "ada", str(only)), workload, settings)
