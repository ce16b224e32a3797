"""A training that never ends, in a process of its own, to be killed: `python -m tests.integration.training.endless SETTINGS LABELS`."""

import json
import sys
import time
from pathlib import Path

from models.settings import Settings
from models.training.adapter import AdapterJob, TrainedAdapter
from tasks.training import open_training
from tasks.training.train import Trainers
from tests.integration.training.harness import training
from tests.trainers import FakeTrainers, Say, Stop


class Endless(FakeTrainers):
    """Leaves a checkpoint and trains for ever, whoever asks it to stop."""

    def trainers(self) -> Trainers:
        """Return them as the product takes them."""
        return Trainers(self.classifier, self.for_ever)

    def for_ever(self, job: AdapterJob, say: Say, stop: Stop) -> TrainedAdapter:  # noqa: ARG002  a trainer's
        """Write a checkpoint, and go on."""
        (job.folder / "checkpoint").write_text("half", encoding="utf-8")
        while True:
            time.sleep(0.05)


if __name__ == "__main__":
    open_training.SECONDS_BETWEEN_NOTES = 0.05
    values = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    training(Settings.model_validate(values), Path(sys.argv[2]), Endless(), kind="adapter")
