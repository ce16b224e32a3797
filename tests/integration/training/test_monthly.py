"""The monthly training on both databases: due or not, proposed or put in force, and what the report says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import rmtree

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from db import leases, trained
from db.at_work import list_at_work
from db.tables import RunRow
from models import workloads
from models.economics.training_proposal import Proposal
from models.engines.classifier.guess import Guess
from models.errors import OutputError, PartitionLocked
from models.gpu_time import GpuTime
from models.routing.policy import Policy
from models.settings import Settings, WorkloadSettings
from models.settings.training import Monthly
from models.training.adapter import AdapterJob
from models.training.hold_out import AnswersNow, Compared
from models.training.trained import TrainedKind, TrainedModel, trained_folder
from tasks.labelling.people_file import PersonsLabel, add_label, people_file
from tasks.report.inputs import read_month_inputs
from tasks.report.training_section import describe_proposal, list_news
from tasks.training.budget import most_nano
from tasks.training.monthly import Doing, Say, kinds_of, train_what_is_due, waits_for_evaluation
from tasks.training.request import TrainingRequest
from tasks.training.train import train
from tests.integration.db.ledger_lines import MACHINE, seed
from tests.integration.pipeline.books import findings, ledger, table
from tests.integration.training.harness import LABELS, TODAY, training, write_labels
from tests.ledgers import new_sqlite
from tests.trainers import FakeTrainers


@dataclass
class ScriptedClassifier:
    """Answers the first `right` texts as the labelled file does, and is sure of `sure` of them."""

    model: str
    right: int
    sure: int = 1000
    labels: tuple[str, ...] = LABELS
    closed: bool = field(default=False)

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Guess: the label of a text of the harness is told by its number."""
        truths = [LABELS[int(text.rsplit(" ", 1)[1]) % 3] for text in texts]
        wrong = {name: LABELS[(LABELS.index(name) + 1) % 3] for name in LABELS}
        return [
            Guess(truth if place < self.right else wrong[truth], 0.9 if place < self.sure else 0.1, {}, 3)
            for place, truth in enumerate(truths)
        ]

    def lap(self) -> GpuTime:
        """Take no time."""
        return GpuTime()

    def close(self) -> None:
        """Note it."""
        self.closed = True


def _doing(*right: int, sure: Sequence[int] = (1000, 1000), fake: FakeTrainers | None = None) -> Doing:
    """Train with a stand-in; of the two that are then compared the new one is loaded first."""
    waiting = list(zip(right, sure, strict=False))

    def load(_: Settings, model: TrainedModel) -> ScriptedClassifier:
        return ScriptedClassifier(model.name, *waiting.pop(0))

    def train_it(ask: TrainingRequest, settings: Settings, say: Say, now: AnswersNow | None) -> TrainedModel:
        trainers = (fake or FakeTrainers()).trainers()
        return train(ask, settings, say, today=TODAY, trainers=trainers, now=now)

    return Doing(train_it, load)


def _set(settings: Settings, folder: Path, count: int, monthly: Monthly, **more: object) -> Settings:
    labels = {"labelled_file": str(write_labels(folder, count))}
    changes = {"workloads": {"sentiment": labels}, "training": {"monthly": monthly, "min_new": 50, **more}}
    return Settings.model_validate({**dict(settings), **changes})


def _monthly(settings: Settings, doing: Doing, told: list[str] | None = None) -> list[Proposal]:
    said = [] if told is None else told
    return train_what_is_due(["sentiment"], settings, said.append, doing, TODAY)


def _state(settings: Settings, name: str) -> str:
    with ledger(settings) as session:
        found = trained.find(session, "sentiment", name)
    assert found is not None
    return found.state


def test_the_first_one_is_proposed_and_the_report_asks(settings: Settings, tmp_path: Path) -> None:
    """A candidate; the next month has nothing new, and says so."""
    asking = _set(settings, tmp_path, 60, "ask")
    (one,) = _monthly(asking, _doing())
    assert (one.outcome, one.against, one.in_force) == ("first", None, False)
    assert _state(asking, one.name) == "candidate"
    told: list[str] = []
    assert _monthly(asking, _doing(), told) == []
    assert told == ["sentiment: no classifier is trained (nothing new): 0 new answered texts, 50 are wanted"]
    assert findings(asking) == []


def test_what_is_better_is_put_in_force_where_that_is_set(settings: Settings, tmp_path: Path) -> None:
    """What was in force is retired; of the held-out texts the sentence tells those that decide."""
    old = training(settings, write_labels(tmp_path), use=True)
    (one,) = _monthly(_set(settings, tmp_path, 200, "train"), _doing(1000, 3))
    assert (one.outcome, one.in_force, one.against, one.only_old) == ("better", True, old.name, 0)
    assert one.only_new == one.of - 3
    assert (_state(settings, one.name), _state(settings, old.name)) == ("in_force", "retired")
    assert describe_proposal(one).endswith(
        f"it is in force, and `breakeven trained retire sentiment {one.name}` goes back."
    )


@pytest.mark.parametrize(("new", "old", "sure"), [(3, 3, (9, 9)), (7, 3, (9, 9)), (1000, 3, (5, 9))])
def test_what_is_no_better_or_serves_less_stays_out_of_use(
    settings: Settings, tmp_path: Path, new: int, old: int, sure: tuple[int, int]
) -> None:
    """Equal; better by four texts, which chance does as well; better, but sure of fewer."""
    current = training(settings, write_labels(tmp_path), use=True)
    (one,) = _monthly(_set(settings, tmp_path, 200, "train"), _doing(new, old, sure=sure))
    assert one.outcome == ("serves_less" if new == 1000 else "not_better")
    assert (_state(settings, one.name), _state(settings, current.name)) == ("candidate", "in_force")
    assert describe_proposal(one).endswith("nothing changes.")


def test_nothing_is_trained_when_it_is_off_or_too_little_or_the_month_is_spent(
    settings: Settings, tmp_path: Path
) -> None:
    """Nor is anything begun: there is no run."""
    assert _monthly(_set(settings, tmp_path, 60, "off"), _doing()) == []
    assert _monthly(_set(settings, tmp_path, 40, "train"), _doing()) == []
    told: list[str] = []
    assert _monthly(_set(settings, tmp_path, 60, "train", month_usd=0), _doing(), told) == []
    assert "month is spent" in told[0]
    assert table(settings, "runs") == []


def test_labels_of_the_label_page_count_as_new(settings: Settings, tmp_path: Path) -> None:
    """Forty in the file are too few, ten more of people make fifty; the next month has nothing new, also not those ten."""
    path = people_file(settings.output_dir, "sentiment")
    for number in range(100, 110):
        label = PersonsLabel(
            f"message number {number}", LABELS[number % 3], "ada", datetime.now(UTC), "r1", None
        )
        add_label(path, label)
    asking = _set(settings, tmp_path, 40, "ask")
    assert [one.outcome for one in _monthly(asking, _doing())] == ["first"]
    told: list[str] = []
    assert _monthly(asking, _doing(), told) == []
    assert "nothing new" in told[0]


def test_a_training_that_fails_is_said_and_stops_nothing(settings: Settings, tmp_path: Path) -> None:
    """The next workload has its turn."""

    def fail(*_: object) -> TrainedModel:
        msg = "the disk is full"
        raise OutputError(msg)

    told: list[str] = []
    asking = _set(settings, tmp_path, 60, "ask")
    assert train_what_is_due(["sentiment"], asking, told.append, Doing(fail), TODAY) == []
    assert told[-1] == "sentiment: not trained: the disk is full"


def test_no_workload_stops_the_training_of_another(settings: Settings, tmp_path: Path) -> None:
    """Not one with a mistake in its settings, nor one whose training ends with an error that nobody foresaw."""
    asking = _set(settings, tmp_path, 60, "ask")
    both = asking.model_copy(update={"workloads": {**asking.workloads, "own": WorkloadSettings()}})
    told: list[str] = []
    assert train_what_is_due(["own", "sentiment"], both, told.append, _doing(), TODAY)
    assert told[0].startswith("own: not trained: ")

    def fail(*_: object) -> TrainedModel:
        msg = "what a text says"
        raise ValueError(msg)

    new = _set(settings, tmp_path, 200, "ask")
    assert train_what_is_due(["sentiment"], new, told.append, Doing(fail), TODAY) == []
    assert told[-1].startswith("sentiment: not trained: ValueError at test_monthly.py")
    assert "what a text says" not in told[-1]


@pytest.mark.parametrize(
    ("policy", "kind", "mode", "waits"),
    [
        ({"cascade": "evaluated"}, "classifier", "off", True),
        ({"min_confidence": "evaluated"}, "classifier", "sync", False),
        ({"min_confidence": "evaluated"}, "adapter", "sync", True),
        ({"not_viable": "api"}, "adapter", "sync", True),
        ({"not_viable": "api"}, "adapter", "off", False),
        ({}, "adapter", "sync", False),
    ],
)
def test_what_runs_would_wait_to_be_evaluated_for_stays_a_candidate(
    policy: dict[str, object], kind: TrainedKind, mode: str, waits: bool
) -> None:
    """Put in force it is another model, of which no evaluation is: the runs would stop."""
    given = Settings.model_validate({"api_mode": mode, "workloads": {"sentiment": {"policy": policy}}})
    assert waits_for_evaluation(kind, workloads.build("sentiment", given), given) == waits


def test_it_is_proposed_where_the_policy_waits(settings: Settings, tmp_path: Path) -> None:
    """The report names the command, and the flow says why."""
    asking = _set(settings, tmp_path, 60, "train")
    own = asking.workloads["sentiment"].model_copy(update={"policy": Policy(cascade="evaluated")})
    told: list[str] = []
    (one,) = _monthly(asking.model_copy(update={"workloads": {"sentiment": own}}), _doing(), told)
    assert (one.outcome, one.in_force, _state(settings, one.name)) == ("first", False, "candidate")
    assert told[-1].startswith(f"sentiment: {one.name} stays a candidate, since the policy asks")
    assert f"`breakeven trained use sentiment {one.name}`" in describe_proposal(one)


def test_the_report_of_the_month_before_tells_it(settings: Settings, tmp_path: Path) -> None:
    """The evaluation of a month is on the first of the next one, before its report is made; months later nothing is told of it."""
    asking = _set(settings, tmp_path, 60, "ask")
    (one,) = _monthly(asking, _doing())
    with ledger(asking) as session:
        (model,) = trained.list_trained(session)
        month = model.at.date().replace(day=1)
        told = list_news(
            read_month_inputs(session, asking, month, today=date.max.replace(year=month.year + 1))
        )
        later = read_month_inputs(
            session, asking, date(month.year + 1, 6, 1), today=date(month.year + 1, 6, 9)
        )
    assert told[-1] == describe_proposal(one)
    assert "is sure of a part of what is held out" in told[-1]
    assert list_news(later) == []


def test_what_is_in_force_is_looked_at_before_anything_is_paid(settings: Settings, tmp_path: Path) -> None:
    """Its folder is gone: one line, and no training."""
    old = training(settings, write_labels(tmp_path), use=True)
    rmtree(trained_folder(settings.output_dir, "sentiment", old.name))
    told: list[str] = []
    assert _monthly(_set(settings, tmp_path, 200, "train"), _doing(1000, 3), told) == []
    assert told[-1].startswith(f"sentiment: not trained: the folder of {old.name} is gone")
    assert len(table(settings, "runs")) == 1


ADAPTERS = {"kinds": ["adapter"], "minutes": 2.0}


@pytest.mark.parametrize(
    ("compared", "outcome"),
    [(Compared(9, 1, 40), "better"), (Compared(3, 2, 40), "not_better"), (None, "not_compared")],
)
def test_an_adapter_is_held_against_the_plain_model(
    settings: Settings, tmp_path: Path, compared: Compared | None, outcome: str
) -> None:
    """On the texts that its training held out; the sentence says what answers now, and how to go back."""
    fake = FakeTrainers(compared=compared)
    (one,) = _monthly(_set(settings, tmp_path, 60, "train", **ADAPTERS), _doing(fake=fake))
    assert (one.outcome, one.kind, one.against) == (outcome, "adapter", None)
    assert _state(settings, one.name) == ("in_force" if outcome == "better" else "candidate")
    (job,) = fake.jobs
    assert isinstance(job, AdapterJob)
    asked = workloads.build("sentiment", settings).messages("")[:-1]
    assert job.now is not None
    assert job.now == AnswersNow(asked, prior=job.now.prior)
    assert sorted(job.now.prior or ()) == sorted(LABELS)
    assert (job.seconds, job.clock_seconds) == (120.0, None)
    said = describe_proposal(one)
    assert "the plain model" in said
    assert f"retire sentiment {one.name}` goes back" in said or said.endswith("nothing changes.")


def test_the_next_adapter_is_held_against_the_one_in_force(settings: Settings, tmp_path: Path) -> None:
    """Its folder is what answers now; with `ask` nothing changes before somebody says so. A classifier beside it has its own turn."""
    old = training(settings, write_labels(tmp_path), kind="adapter", use=True)
    fake = FakeTrainers(compared=Compared(9, 1, 40))
    asking = _set(settings, tmp_path, 200, "ask", kinds="adapter,classifier")
    one, other = _monthly(asking, _doing(fake=fake))
    assert (one.outcome, one.against, other.outcome) == ("better", old.name, "first")
    assert (_state(settings, one.name), _state(settings, old.name)) == ("candidate", "in_force")
    job = fake.jobs[0]
    assert isinstance(job, AdapterJob)
    assert job.now is not None
    assert job.now.adapter == trained_folder(settings.output_dir, "sentiment", old.name) / "adapter"
    assert f"{old.name}, which is in force, alone on 1" in describe_proposal(one)
    assert findings(settings) == []


def test_an_adapter_is_not_begun_whose_minutes_could_pass_the_month(
    settings: Settings, tmp_path: Path
) -> None:
    """At two dollars an hour two minutes take 6.7 cents at most: by the clock as well, where the month has a cap."""
    priced = Settings.model_validate({**dict(settings), "gpu_usd_per_hour": "2"})
    told: list[str] = []
    assert _monthly(_set(priced, tmp_path, 60, "ask", month_usd="0.06", **ADAPTERS), _doing(), told) == []
    assert "no adapter is trained (month would be passed)" in told[0]
    assert table(settings, "runs") == []
    fake = FakeTrainers()
    assert _monthly(_set(priced, tmp_path, 60, "ask", month_usd="0.07", **ADAPTERS), _doing(fake=fake))
    (job,) = fake.jobs
    assert isinstance(job, AdapterJob)
    assert job.clock_seconds == pytest.approx(120)


def test_a_workload_that_is_not_evaluated_is_looked_at_where_it_says_so(settings: Settings) -> None:
    """There is nothing to learn from for this one, which is said."""
    changes = {"workloads": {"enrichment": {"train": "adapter"}}, "training": {"monthly": "ask"}}
    told: list[str] = []
    asking = Settings.model_validate({**dict(settings), **changes})
    assert train_what_is_due([], asking, told.append, _doing(), TODAY) == []
    (line,) = told
    assert line.startswith("enrichment: not trained: there is nothing to train enrichment on")


def test_each_is_asked_behind_the_prompt_that_it_is_told(settings: Settings, tmp_path: Path) -> None:
    """An adapter with a prompt of its own is held against the plain model behind the workload's, with all its labels."""
    asking = _set(settings, tmp_path, 60, "ask", **ADAPTERS)
    own = asking.workloads["sentiment"].model_copy(update={"adapter_prompt": "Which mood?"})
    fake = FakeTrainers(compared=Compared(9, 1, 40))
    assert _monthly(asking.model_copy(update={"workloads": {"sentiment": own}}), _doing(fake=fake))
    (job,) = fake.jobs
    assert isinstance(job, AdapterJob)
    assert job.now is not None
    assert "Which mood?" in job.prompt[0].content
    assert "Which mood?" not in job.now.prompt[0].content
    assert LABELS[0] in job.now.prompt[0].content


@pytest.mark.parametrize(
    ("name", "own", "kinds"),
    [
        ("sentiment", None, ["classifier", "adapter"]),
        ("enrichment", None, ["adapter"]),
        ("enrichment", "", []),
        ("sentiment", "adapter", ["adapter"]),
    ],
)
def test_a_workload_says_itself_what_is_trained_for_it(
    settings: Settings, name: str, own: str | None, kinds: list[str]
) -> None:
    """A classifier only where labels are answered, whatever is set."""
    changes = {"workloads": {name: {"train": own}}, "training": {"kinds": "classifier,adapter"}}
    assert kinds_of(name, Settings.model_validate({**dict(settings), **changes})) == kinds


@pytest.mark.parametrize("wrong", [{"kinds": "triage"}, {"workloads": {"sentiment": {"train": "triage"}}}])
def test_triage_is_trained_by_hand_alone(wrong: dict[str, object]) -> None:
    """It learns from evaluations, and nothing holds it against what answers now; it has no minutes that could cost."""
    assert most_nano(TrainingRequest("sentiment", "triage"), MACHINE) == 0
    with pytest.raises(ValidationError, match="'classifier' or 'adapter'"):
        Settings.model_validate(wrong if "workloads" in wrong else {"training": wrong})


def test_an_adapter_waits_for_a_gpu_that_an_engine_has(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held by another living process of this machine; one that is gone stops nothing, and on a CPU both go on."""
    labels = write_labels(tmp_path)
    training(settings, labels, kind="adapter")
    with ledger(settings) as session:
        seed(session, "enrichment", TODAY)
        leases.acquire(session, "enrichment", TODAY, "another", 600, lambda _owner: False)
        session.commit()
    monkeypatch.setattr("tasks.training.gpu_free.lives", lambda owner: owner == "another")
    training(settings, labels, kind="adapter")
    monkeypatch.setattr("tasks.training.gpu_free.gpu_name", lambda: "NVIDIA L4")
    with pytest.raises(PartitionLocked, match="enrichment is being run on the GPU of this machine"):
        training(settings, labels, kind="adapter")
    monkeypatch.setattr("tasks.training.gpu_free.lives", lambda _owner: False)
    training(settings, labels, kind="adapter")


@pytest.mark.parametrize(
    ("row", "lease"),
    [
        ({"engine": "classifier"}, "enrichment"),
        ({"engine": "classifier", "purpose": "training"}, None),
        ({"shard": 2, "shards": 3}, "enrichment shard 2 of 3"),
        ({"state": "completed"}, None),
    ],
)
def test_what_is_at_work_on_the_gpu_is_found(
    tmp_path: Path, row: dict[str, object], lease: str | None
) -> None:
    """The local engine behind a classifier or triage, and a shard; not the training of a classifier."""
    with ledger(Settings(database_url=new_sqlite(tmp_path / "ledger.db"))) as session:
        keys = seed(session, "enrichment", TODAY)
        session.execute(update(RunRow).where(RunRow.id == keys.run).values(row))
        for name in ("enrichment", "enrichment training", "enrichment shard 2 of 3"):
            leases.acquire(session, name, TODAY, name, 600, lambda _owner: False)
        assert list_at_work(session) == ([] if lease is None else [(lease, lease)])
