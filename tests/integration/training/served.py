"""What a trained model is in a ledger of tests: its row in the registry with its training's run, and days that it served."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from db import ledger, partitions, reference, runs, trained
from db.tables import RunRow
from models.gpu_time import GpuTime
from models.ids import new_id
from models.run import TRAINING
from models.training.trained import TrainedModel
from tests.integration.db.ledger_lines import Keys, line, seed
from tests.trained_models import trained_model

NANO = 1_000_000_000


def at_noon(day: date) -> datetime:
    """Return the noon of a UTC day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def register(session: Session, day: date, cost_nano: int, **changes: Any) -> TrainedModel:  # noqa: ANN401  any field
    """Register what was trained on a day, with the run that took its cost."""
    workload = str(changes.pop("workload", "sentiment"))
    keys, key = seed(session, workload, day), new_id()
    version = partitions.open_version(session, workload, day, "t", rerun=True, purpose=TRAINING)
    new = runs.NewRun(version.id, workload, day, "vllm", keys.local, keys.prompt, keys.machine, "t", TRAINING)
    run = runs.start(session, new)
    runs.add(session, run, GpuTime(busy_ns=1), runs.Increments(gpu_cost_nano=cost_nano))
    session.execute(update(RunRow).where(RunRow.id == run).values(started_at=at_noon(day)))
    session.execute(update(RunRow).where(RunRow.id == keys.run).values(started_at=at_noon(day)))
    usual: dict[str, object] = {
        "id": key, "at": at_noon(day), "base": "base", "machine_ns": NANO, "cost_nano": cost_nano, "state": "in_force",
        "state_at": at_noon(day),
    }  # fmt: skip
    kind = changes.pop("kind", "classifier")
    model = trained_model(run, workload, kind, **(usual | changes))
    trained.add(session, model)
    return model


def serve(session: Session, keys: Keys, day: date, count: int, **changes: Any) -> None:  # noqa: ANN401  any field of a line
    """Write a day's lines."""
    own = [
        line(
            keys,
            f"{day}-{changes.get('engine')}-{place}-{new_id().hex}",
            at=at_noon(day) + timedelta(seconds=place),
            **changes,
        )
        for place in range(count)
    ]
    ledger.insert_lines(session, own)


def serve_trained(
    session: Session, keys: Keys, model: TrainedModel, day: date, count: int, **changes: object
) -> None:
    """Write a day's lines of a trained model."""
    classifier = model.kind == "classifier"
    provider, name = ("classifier", model.name) if classifier else ("vllm", f"{model.base}+{model.name}")
    fields = {
        "model_id": reference.ensure_model(session, provider, name),
        "engine": provider,
        "requested": provider,
    }
    serve(session, keys, day, count, **{**fields, **changes})
