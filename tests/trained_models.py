"""Trained models as the registry has them, without a training."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from db import partitions, reference, runs, trained
from models.catalogue.rates import engine_machine
from models.ids import new_id
from models.settings import Settings
from models.training.trained import TrainedKind, TrainedModel
from tasks.runtime.ledger_access import writing_ledger


def trained_model(run_id: UUID, workload: str, kind: TrainedKind, **changed: object) -> TrainedModel:
    """Make a candidate that a run trained; `changed`: fields that are not the usual ones."""
    now, sure = datetime.now(UTC), kind == "classifier"
    model = TrainedModel(
        id=new_id(),
        at=now,
        workload=workload,
        kind=kind,
        base="tiny",
        prompt_version="1",
        prompt_fingerprint="0" * 16,
        labels_digest=None,
        data_digest="d1",
        weights_digest="ab12",
        teacher="labels",
        examples=80,
        holdout=20,
        seed=0,
        machine_ns=0,
        cost_nano=0,
        run_id=run_id,
        accuracy=0.9,
        accuracy_low=0.8,
        accuracy_high=0.95,
        threshold=0.8 if sure else None,
        served_share=0.6 if sure else None,
        state="candidate",
        state_at=now,
        software="test",
        figures="{}",
    )
    return replace(model, **changed)  # type: ignore[arg-type]  # the test names fields


def put_trained_in_force(
    settings: Settings, workload: str, kind: TrainedKind, **changed: object
) -> TrainedModel:
    """Write a training's run and what came of it into a ledger, and put it in force."""
    now, day = datetime.now(UTC), date(2026, 10, 1)
    made = trained_model(new_id(), workload, kind, **changed)
    provider = "vllm" if kind == "adapter" else "classifier"
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        version = partitions.open_version(
            session, workload, day, f"training {now.isoformat()}", rerun=True, purpose="training"
        )
        prompt = reference.ensure_prompt(session, workload, made.prompt_version, made.prompt_fingerprint)
        model_id = reference.ensure_model(session, provider, made.base)
        machine = reference.ensure_infrastructure(session, engine_machine(settings, None))
        run = runs.NewRun(version.id, workload, day, provider, model_id, prompt, machine, purpose="training")
        model = replace(made, run_id=runs.start(session, run))
        runs.finish(session, model.run_id, "completed")
        trained.add(session, model)
        trained.set_state(session, model.id, "in_force")
    return model


def retire(settings: Settings, model: TrainedModel) -> None:
    """Put a trained model out of force."""
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        trained.set_state(session, model.id, "retired")
