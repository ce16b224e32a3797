"""Triage is trained on what evaluations and audits say of the small model, for its model and prompt alone."""

import json
from pathlib import Path

import pytest

from db import audits
from db.audits import AuditedRecord
from models.default_model import model_name
from models.errors import UsageError
from models.evaluation.audit_counts import Judge
from models.settings import Settings
from models.training.examples import side_of
from models.training.trained import TrainedModel
from models.training.triage import COMPLEX, DIFFICULTIES, SIMPLE, TriageJob
from tasks.planning.adapter_in_force import use_adapter
from tasks.training.registry import retire, use
from tasks.training.request import TrainingRequest
from tasks.training.train import train
from tests.adapters_in_force import put_adapter_in_force
from tests.classifiers import ScriptedTriage, put_triage_in_force
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import serve
from tests.integration.evaluation.evaluating import (
    labelled,
    number_of,
    right_unless,
    run_evaluation,
    settings_of,
    write_labelled,
)
from tests.integration.evaluation.trained_here import register
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.harness import DAY, published
from tests.trainers import FakeTrainers

URL = "http://127.0.0.1:9"
COUNT = 120


def triage(settings: Settings, fake: FakeTrainers | None = None, **ask: object) -> TrainedModel:
    """Train triage for sentiment in this process."""
    request = TrainingRequest("sentiment", "triage", **ask)  # type: ignore[arg-type]  # its fields
    return train(request, settings, trainers=(fake or FakeTrainers()).trainers())


def evaluated(folder: Path, database_url: str, wrong: int = 4) -> tuple[Settings, Path]:
    """Evaluate without an API a small model that is wrong on every so manieth record; 0: on none."""
    settings = settings_of(folder, database_url, URL, api_mode="off")
    source = write_labelled(folder, labelled(COUNT))
    engine = ScriptedEngine(handler=right_unless(lambda number: bool(wrong) and number % wrong == 0))
    run_evaluation(settings, source, engine)
    return settings, source


def test_an_evaluation_says_record_by_record(tmp_path: Path, database_url: str) -> None:
    """Each text is on its own side, with what the small model made of it; the registry has the model, the ledger the time."""
    settings, source = evaluated(tmp_path, database_url)
    fake = FakeTrainers()
    found = triage(settings, fake, labels=str(source))
    (job,) = fake.jobs
    assert isinstance(job, TriageJob)
    assert {one.text: one.answer for one in (*job.train, *job.holdout)} == {
        row["text"]: COMPLEX if number % 4 == 0 else SIMPLE for number, row in enumerate(labelled(COUNT))
    }
    assert {side_of(one.text) for one in job.train} == {"train"}
    assert {side_of(one.text) for one in job.holdout} == {"holdout"}
    assert (found.kind, found.base, found.threshold) == ("triage", "tests/scripted", None)
    line = next(one for one in check_sums(settings) if one.record_key == found.name)
    assert (line.engine, line.cost_nano) == ("classifier", found.cost_nano)
    assert found.cost_nano > 0
    assert findings(settings) == []
    assert "is in force" in use(settings, "sentiment", found.name)


def test_a_later_evaluation_does_not_take_away_what_is_learnt_from(tmp_path: Path, database_url: str) -> None:
    """Once something is trained only held-out texts are evaluated: what was said of the others stays."""
    settings, source = evaluated(tmp_path, database_url)
    triage(settings, labels=str(source))
    run_evaluation(settings, source)
    fake = FakeTrainers()
    triage(settings, fake, labels=str(source))
    (job,) = fake.jobs
    assert len(job.train) + len(job.holdout) == COUNT


def test_an_evaluation_compares_it(tmp_path: Path, database_url: str) -> None:
    """A trained one of this model and prompt is asked of the held-out texts, and kept in the cascade; another's is not."""
    source = write_labelled(tmp_path, labelled(COUNT))
    loaded: list[ScriptedTriage] = []

    def load(_folder: Path, name: str, _cache: Path) -> ScriptedTriage:
        loaded.append(ScriptedTriage(model=name, labels=DIFFICULTIES, delay=0.01))
        return loaded[-1]

    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        assert run_evaluation(settings, source, load=load).cascade is not None
        found = triage(settings, labels=str(source))
        other = put_triage_in_force(settings, base="tests/another")
        cascade = run_evaluation(settings, source, load=load).cascade
    assert cascade is not None
    assert cascade.triage is not None
    assert cascade.triage.model == found.name != other.name
    assert cascade.triage.seconds_per_thousand > 0
    (one,) = loaded
    assert {side_of(text) for text in one.asked} == {"holdout"}
    assert one.closed
    stored = json.loads(table(settings, "evaluations")[-1].figures)
    assert stored["cascade"]["triage"]["model"] == found.name


def test_what_cannot_be_learnt_is_one_line(tmp_path: Path, database_url: str) -> None:
    """No evaluation yet, one that was of another prompt, one class only, too few, texts that are gone, held-out ones alone; nothing is begun."""
    settings = settings_of(tmp_path, database_url, URL, api_mode="off")
    with pytest.raises(
        UsageError, match=r"nothing says yet where tests/scripted is right on sentiment.*breakeven evaluate"
    ):
        triage(settings)
    settings, source = evaluated(tmp_path, database_url, wrong=0)
    with pytest.raises(UsageError, match=r"is right on all .* nothing to tell apart, no triage is needed"):
        triage(settings, labels=str(source))
    run_evaluation(settings, source, ScriptedEngine(handler=right_unless(lambda n: n % 40 == 0)), rerun=True)
    with pytest.raises(UsageError, match=r"are too few: .* wrong on [1-4], and triage needs 5 of each"):
        triage(settings, labels=str(source))
    other = settings.model_copy(update={"model": "tests/another"})
    with pytest.raises(UsageError, match="nothing says yet where tests/another is right"):
        triage(other, labels=str(source))
    elsewhere = write_labelled(tmp_path, labelled(5, start=900), "elsewhere.jsonl")
    with pytest.raises(UsageError, match="nothing says yet"):
        triage(settings, labels=str(elsewhere))
    register(settings, kind="adapter", state="candidate")
    run_evaluation(other, source)
    for labels, missing in ((source, "examples leave nothing"), (elsewhere, "nothing says yet")):
        with pytest.raises(
            UsageError, match=rf"{missing}.* evaluations ask held-out texts alone .* or audit what it served"
        ) as caught:
            triage(other, labels=str(labels))
        assert "breakeven evaluate" not in str(caught.value)
    assert {row.purpose for row in table(settings, "runs")} == {"evaluation_small"}


def test_audits_teach_it_too(tmp_path: Path, database_url: str) -> None:
    """With the teacher `api` what the API said in audits, with `labels` what people did; a text that changed since teaches nothing, nor does what they left open."""
    source = tmp_path / "in.jsonl"
    own = {"sentiment": {"input": str(source)}}
    settings = settings_of(tmp_path, database_url, URL, workloads=own)
    serve(settings, tmp_path)
    keys = published(settings)["record_key"].to_list()
    (run,) = table(settings, "runs")
    open_ = next(key for key in reversed(keys) if number_of(key.replace("r", "r ")) % 5)
    halves: tuple[tuple[Judge, list[str]], ...] = (("api", keys[:100]), ("people", keys[100:]))
    for judge, chosen in halves:
        rows = [
            AuditedRecord(
                key,
                "vllm",
                run.model_id,
                run.prompt_id,
                run.id,
                number_of(key.replace("r", "r ")) % 5 > 0 if key != open_ else None,
                judge,
            )
            for key in chosen
        ]
        with ledger(settings) as session:
            audits.replace_audits(session, "sentiment", DAY, rows, judge)
    changed = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    changed[150]["text"] = "something else"
    source.write_text("\n".join(map(json.dumps, changed)) + "\n", encoding="utf-8")
    counts = {}
    for teacher in ("api", "labels", "both"):
        fake = FakeTrainers()
        triage(settings, fake, teacher=teacher, consent=True)
        (job,) = fake.jobs
        every = (*job.train, *job.holdout)
        counts[teacher] = len(every)
        assert all((one.answer == COMPLEX) == (number_of(one.text) % 5 == 0) for one in every)
    assert counts["api"] == 100
    assert 97 <= counts["labels"] <= 98
    assert counts["both"] == 198


def test_under_another_prompt_or_model_it_is_refused(tmp_path: Path, database_url: str) -> None:
    """It learnt the errors of one model under one prompt."""
    settings, source = evaluated(tmp_path, database_url)
    found = triage(settings, labels=str(source), use=True)
    assert found.state == "in_force"
    retire(settings, "sentiment", None)
    other = settings.model_copy(update={"model": "tests/another"})
    with pytest.raises(
        UsageError,
        match="learnt the errors of tests/scripted, and sentiment is answered by tests/another now",
    ):
        use(other, "sentiment", found.name)
    own = settings.workload("sentiment").model_copy(update={"prompt": "Another question?"})
    prompted = settings.model_copy(update={"workloads": {"sentiment": own}})
    with pytest.raises(UsageError, match="belongs to another prompt"):
        use(prompted, "sentiment", found.name)


def test_one_that_learnt_an_adapters_errors_is_put_in_force_beside_it(
    tmp_path: Path, database_url: str
) -> None:
    """Also of a model whose prior is known, which is not divided out of what the adapter says."""
    settings = settings_of(tmp_path, database_url, URL, model=None)
    adapter = put_adapter_in_force(settings, "sentiment")
    adapted = use_adapter(settings, "sentiment")
    found = put_triage_in_force(adapted, base=model_name(adapted))
    retire(settings, "sentiment", found.name)
    assert "is in force" in use(settings, "sentiment", found.name)
    retire(settings, "sentiment", adapter.name)
    with pytest.raises(UsageError, match="learnt the errors of"):
        use(settings, "sentiment", found.name)
