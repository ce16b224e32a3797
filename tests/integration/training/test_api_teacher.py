"""Training on what an API answered: published answers and audits joined with their texts, and consent, asked once."""

import json
from pathlib import Path

import pytest

from models.errors import OutputError, UsageError
from models.run import AUDIT
from models.settings import Settings
from models.workloads.registry import build
from tasks.labelling.labelled_file import write_records
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tasks.training.consent import check_consent, models_to_ask
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import api_label, settings_of
from tests.integration.pipeline.harness import DAY, no_engine, run, target
from tests.integration.pipeline.harness import write_records as write_input
from tests.integration.training.harness import training, write_labels
from tests.trainers import FakeTrainers

COUNT = 60


def text(number: int) -> str:
    """Return the text of a record."""
    return f"message number {number}"


@pytest.fixture
def answered(tmp_path: Path, database_url: str) -> Settings:
    """Publish a partition of which an API answered every record, under settings that find its input again."""
    source = write_input(tmp_path / "in.jsonl", [{"id": f"r{n}", "text": text(n)} for n in range(COUNT)])
    with FaultyApi() as api:
        settings = settings_of(
            tmp_path, database_url, api.url, workloads={"sentiment": {"input": str(source)}}
        )
        with shared_engine(settings, no_engine):
            run_request(RunRequest("sentiment", DAY, engine="openai"), settings)
    return settings


def test_published_answers_of_an_api_teach(answered: Settings) -> None:
    """Each answer is joined with the text that it answers, as the input has it; the registry names who taught."""
    fake = FakeTrainers()
    told: list[str] = []
    found = training(answered, None, fake, told, teacher="api", consent=True)
    (job,) = fake.jobs
    examples = (*job.train, *job.holdout)
    assert {one.text: one.answer for one in examples} == {text(n): api_label(text(n)) for n in range(COUNT)}
    assert {one.source for one in examples} == {"api"}
    assert found.teacher == "api"
    assert json.loads(found.figures)["teachers"] == ["test-model"]
    assert json.loads(found.figures)["measured_by_people"] is False
    assert f"({COUNT} answered by the API)" in "; ".join(told)


def test_answers_of_the_local_engine_teach_nothing(tmp_path: Path, database_url: str) -> None:
    """What it answers is what is to become better."""
    source = write_input(tmp_path / "in.jsonl", [{"id": f"r{n}", "text": text(n)} for n in range(COUNT)])
    settings = settings_of(
        tmp_path, database_url, "http://127.0.0.1:9", workloads={"sentiment": {"input": str(source)}}
    )
    run(settings, source, ScriptedEngine())
    with pytest.raises(UsageError, match="nothing of sentiment was answered by an API"):
        training(settings, None, teacher="api", consent=True)


def test_a_text_that_is_gone_or_changed_is_counted(answered: Settings, tmp_path: Path) -> None:
    """An answer stands for the text that it was given; of another one it says nothing."""
    rows = [{"id": f"r{n}", "text": text(n) if n % 3 else f"changed {n}"} for n in range(COUNT - 10)]
    write_input(tmp_path / "in.jsonl", list(rows))
    fake = FakeTrainers()
    told: list[str] = []
    training(answered, None, fake, told, teacher="api", consent=True)
    (job,) = fake.jobs
    kept = len(job.train) + len(job.holdout)
    assert kept == sum(1 for n in range(COUNT - 10) if n % 3)
    assert f"{COUNT - kept} answers left out, whose text the input does not have any more" in "; ".join(told)


def test_a_published_file_or_an_input_that_is_gone_is_passed_over(answered: Settings, tmp_path: Path) -> None:
    """What else there is is trained on; where nothing is left, one line says so."""
    (tmp_path / "in.jsonl").unlink()
    labels = write_labels(tmp_path)
    assert training(answered, labels, teacher="both", consent=True).teacher == "both"
    (target(answered) / "records.parquet").unlink()
    with pytest.raises(UsageError, match="nothing of sentiment was answered"):
        training(answered, None, teacher="api", consent=True)


def test_people_count_before_the_api(answered: Settings, tmp_path: Path) -> None:
    """Of a text that has both a label and an answer, the label is learnt."""
    labels = tmp_path / "own.jsonl"
    rows = [{"text": text(n), "label": "neutral"} for n in range(20)]
    labels.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    fake = FakeTrainers()
    training(answered, labels, fake, teacher="both", consent=True)
    (job,) = fake.jobs
    by_text = {one.text: one for one in (*job.train, *job.holdout)}
    assert all(by_text[text(n)].answer == "neutral" for n in range(20))
    assert all(by_text[text(n)].source == "api" for n in range(20, COUNT))


def test_audits_teach_as_well(answered: Settings, tmp_path: Path) -> None:
    """What an API answered in an audit is joined with the text of that day."""
    fake = FakeTrainers()
    rows = [{"id": f"r{n}", "text": text(n)} for n in range(COUNT + 5)]
    write_input(tmp_path / "in.jsonl", list(rows))
    snapshot = tmp_path / "audit.parquet"
    write_records({f"r{n}": text(n) for n in range(COUNT, COUNT + 5)}, snapshot)
    with FaultyApi() as api:
        settings = answered.model_copy(update={"api_base_url": api.url})
        request = RunRequest(
            "sentiment", DAY, str(snapshot), engine="openai", purpose=AUDIT, as_texts=True, refresh=True
        )
        run_request(request, settings)
    training(answered, None, fake, teacher="api", consent=True)
    (job,) = fake.jobs
    audited = [one for one in (*job.train, *job.holdout) if one.source == "audit"]
    assert sorted(one.text for one in audited) == sorted(text(n) for n in range(COUNT, COUNT + 5))
    assert all(one.answer == api_label(one.text) for one in audited)


def test_consent_is_asked_for_once_and_for_each_model(answered: Settings) -> None:
    """Without it nothing is begun; given once it is kept, for this model alone."""
    workload = build("sentiment", answered)
    assert models_to_ask(workload, answered, "labels") == []
    assert models_to_ask(workload, answered, "both") == ["test-model"]
    with pytest.raises(UsageError, match="nobody has said yet that answers of test-model may be trained on"):
        training(answered, None, teacher="api")
    training(answered, None, teacher="api", consent=True)
    assert models_to_ask(workload, answered, "api") == []
    training(answered, None, teacher="api")
    with pytest.raises(UsageError, match="another-model"):
        check_consent(answered, ["test-model", "another-model"], given=False)


def test_a_damaged_note_of_consent_is_one_line(answered: Settings) -> None:
    """It says what to do."""
    check_consent(answered, ["test-model"], given=True)
    path = answered.output_dir / "trained" / "consent.json"
    path.write_text("[", encoding="utf-8")
    with pytest.raises(OutputError, match="delete it, and you are asked again"):
        training(answered, None, teacher="api", consent=True)
