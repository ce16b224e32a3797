"""Whole trainings with stand-ins for what trains, on both databases: data, folder, ledger, registry, and every way to end."""

import os
import signal
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from db import trained
from db.summary import sum_usage
from models import workloads
from models.errors import Interrupted, OutputError, PartitionLocked, UsageError
from models.requests import Message
from models.settings import Settings, WorkloadSettings
from models.training.adapter import AdapterJob
from models.training.classifier import ClassifierJob
from models.training.trained import trained_folder
from tasks.training.describe import describe_trained
from tasks.training.registry import use
from tasks.training.working_folder import UNREGISTERED
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.harness import settings_for
from tests.integration.training.harness import LABELS, training, write_labels
from tests.trainers import FakeTrainers, Stop


def test_a_training_is_in_registry_ledger_and_its_folder(settings: Settings, tmp_path: Path) -> None:
    """What comes of it is a candidate, costs what its time costs, and the ledger adds up; nobody else can read its files."""
    fake = FakeTrainers()
    found = training(settings, write_labels(tmp_path), fake)
    with ledger(settings) as session:
        assert trained.list_trained(session) == [found]
        assert trained.in_force(session, "sentiment", "classifier") is None
        (row,) = sum_usage(session, ["purpose", "model", "engine"], purpose="training")
    assert findings(settings) == []
    (line,) = check_sums(settings)
    (run,) = table(settings, "runs")
    assert (run.state, run.purpose, run.engine, str(run.partition)) == (
        "completed",
        "training",
        "classifier",
        "2026-11-20",
    )
    assert (run.gpu_cost_nano, run.unallocated_nano) == (line.cost_nano, 0)
    assert line.cost_nano == found.cost_nano > 0
    assert (row["model"], row["engine"], row["records"]) == (found.name, "classifier", 1)
    assert found.machine_ns == run.busy_ns
    folder = trained_folder(settings.output_dir, "sentiment", found.name)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent, folder.parent.parent)}
    assert modes == {0o700}
    assert {path.name for path in folder.iterdir()} == {"head.json"}
    (job,) = fake.jobs
    assert isinstance(job, ClassifierJob)
    assert set(job.labels) == set(LABELS)
    assert (found.examples, found.holdout) == (len(job.train), len(job.holdout))


def test_what_is_held_out_is_not_trained_on_and_a_text_is_on_one_side(
    settings: Settings, tmp_path: Path
) -> None:
    """Also where it stands in the file twice, with other blanks, and whatever the seed."""
    more = [(f"  message   number {number} ", LABELS[number % 3]) for number in range(60)]
    sides = []
    for seed in (0, 1):
        fake = FakeTrainers()
        training(settings, write_labels(tmp_path, more=more), fake, seed=seed)
        (job,) = fake.jobs
        held_out = {" ".join(one.text.split()) for one in job.holdout}
        learnt = {" ".join(one.text.split()) for one in job.train}
        assert not held_out & learnt
        assert len(held_out) + len(learnt) == len(job.holdout) + len(job.train) == 60
        sides.append(held_out)
    assert sides[0] == sides[1]


def test_conflicts_and_labels_outside_the_set_are_counted_and_said(
    settings: Settings, tmp_path: Path
) -> None:
    """The most frequent answer is taken; a tie and what the workload does not know are left out; none of it stops the training."""
    more = [
        ("torn", "positive"),
        ("torn", "negative"),
        ("mostly", "positive"),
        ("mostly", "positive"),
        ("mostly", "neutral"),
        ("strange", "furious"),
    ]
    told: list[str] = []
    fake = FakeTrainers()
    found = training(settings, write_labels(tmp_path, more=more), fake, told)
    (job,) = fake.jobs
    by_text = {one.text: one.answer for one in (*job.train, *job.holdout)}
    assert by_text["mostly"] == "positive"
    assert not {"torn", "strange"} & set(by_text)
    said = "; ".join(told)
    assert "1 text answered in different ways" in said
    assert "1 text left out, since no answer is more frequent than another" in said
    assert "1 answer left out, which the workload cannot give" in said
    assert '"outside": 1' in found.figures
    assert "furious" not in found.figures


def test_the_same_data_have_the_same_digest_and_others_another(settings: Settings, tmp_path: Path) -> None:
    """The order of a file and what it is called decide nothing."""
    first = training(settings, write_labels(tmp_path))
    lines = (tmp_path / "labelled.jsonl").read_text(encoding="utf-8").splitlines()
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(reversed(lines)) + "\n", encoding="utf-8")
    assert training(settings, other).data_digest == first.data_digest
    assert training(settings, write_labels(tmp_path, count=61)).data_digest != first.data_digest


def test_nothing_of_a_text_or_a_label_is_in_the_ledger(settings: Settings, tmp_path: Path) -> None:
    """Registry and runs hold digests and counts; of all their cells none holds a text or a label."""
    training(settings, write_labels(tmp_path, more=[("very private words", "positive")]))
    cells = " ".join(
        str(cell)
        for name in ("trained_models", "runs", "ledger_lines", "parts")
        for row in table(settings, name)
        for cell in row
    )
    assert "private" not in cells
    assert "message number" not in cells
    assert not any(label in cells for label in LABELS)


def test_a_training_that_fails_is_closed_and_costs_its_time(settings: Settings, tmp_path: Path) -> None:
    """Its run says why, the lease is free, and no folder and no row of the registry is left."""

    def fail(_stop: Stop) -> None:
        msg = "the disk is full"
        raise OutputError(msg)

    with pytest.raises(OutputError, match="the disk is full"):
        training(settings, write_labels(tmp_path), FakeTrainers(fail))
    (run,) = table(settings, "runs")
    assert (run.state, run.error) == ("failed", "the disk is full")
    assert run.unallocated_nano == run.gpu_cost_nano > 0
    assert table(settings, "trained_models") == []
    assert findings(settings) == []
    assert training(settings, write_labels(tmp_path)).state == "candidate"
    check_sums(settings)


def test_a_signal_stops_a_training(settings: Settings, tmp_path: Path) -> None:
    """What trains sees it by `stop`; the run is interrupted, and the exit code tells the signal."""

    def stopped(stop: Stop) -> None:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        msg = "stopped"
        raise Interrupted(msg, 0)

    with pytest.raises(Interrupted) as end:
        training(settings, write_labels(tmp_path), FakeTrainers(stopped))
    assert end.value.exit_code == 130
    (run,) = table(settings, "runs")
    assert run.state == "interrupted"
    assert findings(settings) == []


def test_two_at_once_are_one_after_the_other(settings: Settings, tmp_path: Path) -> None:
    """The second one says that there is a first, also for another kind, and the first goes on."""
    labels = write_labels(tmp_path)

    def second(_stop: Stop) -> None:
        with pytest.raises(PartitionLocked, match="sentiment is being trained already"):
            training(settings, labels, kind="adapter")

    training(settings, labels, FakeTrainers(second))
    assert [run.state for run in table(settings, "runs")] == ["completed"]


def test_an_adapter_keeps_what_was_begun_and_gets_its_name_by_one_rename(
    settings: Settings, tmp_path: Path
) -> None:
    """A training that was stopped leaves its folder, with which the next one goes on."""

    def stopped(_stop: Stop) -> None:
        msg = "stopped"
        raise OutputError(msg)

    labels = write_labels(tmp_path)
    begun = settings.output_dir / "trained" / "sentiment" / ".adapter"
    with pytest.raises(OutputError):
        training(settings, labels, FakeTrainers(stopped), kind="adapter")
    (begun / "checkpoint").write_text("half", encoding="utf-8")
    fake = FakeTrainers()
    found = training(settings, labels, fake, kind="adapter", minutes=2.0, use=True)
    assert found.state == "in_force"
    assert found.base == "SmolLM2-135M-Instruct"
    assert not begun.exists()
    folder = trained_folder(settings.output_dir, "sentiment", found.name)
    assert (folder / "checkpoint").exists()
    (job,) = fake.jobs
    assert getattr(job, "seconds") == 120  # noqa: B009  an adapter's
    (line,) = check_sums(settings)
    assert line.engine == "vllm"
    assert findings(settings) == []


@pytest.mark.parametrize("lost", [KeyboardInterrupt, OutputError])
def test_what_ends_before_the_ledger_knows_it_is_removed_by_the_next_training(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: type[BaseException]
) -> None:
    """Its folder has its name already, and is marked; nothing else is touched, not even what no ledger knows."""
    labels, everything = write_labels(tmp_path), settings.output_dir / "trained" / "sentiment"
    known = training(settings, labels, kind="adapter")
    (
        trained_folder(settings.output_dir, "sentiment", known.name) / UNREGISTERED
    ).touch()  # killed a moment later
    (everything / "classifier-ofothers").mkdir()

    def lose(*_: object) -> None:
        raise lost

    with monkeypatch.context() as patched:
        patched.setattr(trained, "add", lose)
        with pytest.raises(lost):
            training(settings, labels, kind="adapter")
    before = {path.name for path in everything.iterdir()}
    assert len(before) == 3
    kept = training(settings, labels)
    assert {path.name for path in everything.iterdir()} == {known.name, "classifier-ofothers", kept.name}
    assert list(everything.rglob(UNREGISTERED)) == []
    assert findings(settings) == []


def test_an_adapter_is_trained_under_its_own_prompt(settings: Settings, tmp_path: Path) -> None:
    """Registry, run and line name that prompt; a classifier belongs to the workload's all the same."""
    own = settings.model_copy(update={"workloads": {"sentiment": WorkloadSettings(adapter_prompt="Mood?")}})
    fake, labels, built = FakeTrainers(), write_labels(tmp_path), workloads.build("sentiment", own)
    adapter, classifier = training(own, labels, fake, kind="adapter"), training(own, labels, fake)
    job = fake.jobs[0]
    assert isinstance(job, AdapterJob)
    assert job.prompt == (Message("system", "Mood?"),)
    assert adapter.prompt_fingerprint == job.fingerprint == built.adapter_fingerprint
    assert classifier.prompt_fingerprint == built.fingerprint
    prompts = {row.id: (row.version, row.fingerprint) for row in table(settings, "prompts")}
    wanted = {adapter.run_id: built.adapter_prompt, classifier.run_id: built.local_prompt}
    for name, key in (("runs", "id"), ("ledger_lines", "run_id")):
        assert {getattr(row, key): prompts[row.prompt_id] for row in table(settings, name)} == wanted
    assert f"{adapter.name} of sentiment is in force" in use(own, "sentiment", adapter.name)
    with pytest.raises(UsageError, match="belongs to another prompt"):
        use(settings, "sentiment", adapter.name)


def test_a_classifier_that_is_never_sure_has_no_threshold(settings: Settings, tmp_path: Path) -> None:
    """A number would be taken for one that a confidence can reach."""
    found = training(settings, write_labels(tmp_path), FakeTrainers(threshold=1.0))
    assert found.threshold is None
    assert "never sure enough to be asked" in describe_trained(found)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.write_text("", encoding="utf-8"), "holds no"),
        (lambda path: path.write_text('{"text": "a", "other": "b"}\n', encoding="utf-8"), "no column label"),
        (lambda path: path.unlink(), "does not exist"),
        (
            lambda path: path.write_text('{"text": "a", "label": "furious"}\n', encoding="utf-8"),
            "nothing to train",
        ),
    ],
)
def test_a_file_that_teaches_nothing_is_one_line(
    tmp_path: Path, database_url: str, change: Callable[[Path], object], says: str
) -> None:
    """It is found before anything is begun: there is no run."""
    settings, path = settings_for(tmp_path, database_url), write_labels(tmp_path)
    change(path)
    with pytest.raises(UsageError, match=says):
        training(settings, path)
    assert table(settings, "runs") == []


def test_without_labels_it_says_where_to_get_some(settings: Settings) -> None:
    """No file is named, and nobody has labelled anything."""
    with pytest.raises(UsageError, match="give --labels FILE"):
        training(settings, None)
    with pytest.raises(UsageError, match="nothing of sentiment was answered by an API"):
        training(settings, None, teacher="api")


@pytest.mark.parametrize(
    ("hour", "usd", "seconds", "says"),
    [
        ("2", "0.10", 180.0, "sentiment: $0.10 buys 3 min of this machine at $2.00 an hour"),
        ("0", "0.10", None, "sentiment: an hour of this machine costs nothing by the settings"),
        ("2", None, None, None),
    ],
)
def test_dollars_are_time_of_the_machine(
    settings: Settings, tmp_path: Path, hour: str, usd: str | None, seconds: float | None, says: str | None
) -> None:
    """The minutes hold beside them; dollars bound no machine that costs nothing, which a line says."""
    own = Settings.model_validate({**dict(settings), "gpu_usd_per_hour": hour})
    fake, told = FakeTrainers(), list[str]()
    training(
        own, write_labels(tmp_path), fake, told, kind="adapter", usd=None if usd is None else Decimal(usd)
    )
    (job,) = fake.jobs
    assert isinstance(job, AdapterJob)
    assert (job.seconds, job.clock_seconds) == (600.0, seconds)
    said = [line for line in told if "this machine" in line]
    assert len(said) == (says is not None)
    assert all(line.startswith(str(says)) for line in said)
    with pytest.raises(UsageError, match="--usd 0 leaves no time"):
        training(own, write_labels(tmp_path), fake, kind="adapter", usd=Decimal(0))


def test_four_bits_are_for_a_gpu_that_has_what_they_need(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, and without the package, a line says what to do before anything is begun; a classifier needs none of it."""
    own, labels = (
        Settings.model_validate({**dict(settings), "training": {"four_bits": True}, "gpu_usd_per_hour": 1}),
        write_labels(tmp_path),
    )
    with pytest.raises(UsageError, match="is for a GPU, and this machine has none: set it to false"):
        training(own, labels, kind="adapter")
    monkeypatch.setattr("tasks.training.jobs.gpu_name", lambda: "NVIDIA L4")
    with pytest.raises(UsageError, match="bitsandbytes, which is not installed: run `make four-bits`"):
        training(own, labels, kind="adapter")
    assert not settings.output_dir.exists()
    monkeypatch.setattr("tasks.training.jobs.find_spec", lambda _name: object())
    fake = FakeTrainers()
    training(own, labels, fake)
    training(own, labels, fake, kind="adapter")
    job = fake.jobs[-1]
    assert isinstance(job, AdapterJob)
    assert (job.four_bits, job.on_gpu) == (True, True)
