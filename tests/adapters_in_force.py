"""An adapter in a ledger as if it had been trained: its row, its run, and folders that stand for its weights."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from db import partitions, reference, runs, trained
from models import workloads
from models.catalogue.rates import engine_machine
from models.default_model import model_name
from models.ids import new_id
from models.settings import Settings
from models.training.trained import TrainedModel, trained_folder
from models.training.weights_note import ADAPTER, MERGED, WeightsNote
from tasks.runtime.ledger_access import writing_ledger

WEIGHTS = "0123456789abcdef"


def put_adapter_in_force(
    settings: Settings, workload: str, weights: Path | None = None, **changed: object
) -> TrainedModel:
    """Register an adapter of a workload as it is set now, lay its weights there (or what stands for some), and put it in force."""
    now, day, own = datetime.now(UTC), date(2026, 10, 1), settings.for_workload(workload)
    built = workloads.build(workload, own)
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        version = partitions.open_version(
            session, workload, day, f"training {now.isoformat()}", rerun=True, purpose="training"
        )
        prompt = reference.ensure_prompt(session, workload, built.prompt_version, built.fingerprint)
        model_id = reference.ensure_model(session, "vllm", model_name(own))
        machine = reference.ensure_infrastructure(session, engine_machine(settings, None))
        run = runs.NewRun(version.id, workload, day, "vllm", model_id, prompt, machine, purpose="training")
        run_id = runs.start(session, run)
        runs.finish(session, run_id, "completed")
        model = TrainedModel(
            id=new_id(),
            at=now,
            workload=workload,
            kind="adapter",
            base=model_name(own),
            prompt_version=built.prompt_version,
            prompt_fingerprint=built.fingerprint,
            labels_digest=None,
            data_digest="d1",
            weights_digest=WEIGHTS,
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
            threshold=None,
            served_share=None,
            state="candidate",
            state_at=now,
            software="test",
            figures="{}",
        )
        model = replace(model, **changed)  # type: ignore[arg-type]  # the test names fields
        trained.add(session, model)
        trained.set_state(session, model.id, "in_force")
    folder = trained_folder(settings.output_dir, workload, model.name)
    if weights is None:
        write_weights(folder, model_name(own))
    else:
        folder.parent.mkdir(parents=True)
        weights.rename(folder)
    return model


def write_weights(folder: Path, base: str) -> None:
    """Write what stands for an adapter and for the merged model."""
    for name, main in ((ADAPTER, "adapter_config.json"), (MERGED, "config.json")):
        (folder / name).mkdir(parents=True)
        (folder / name / main).write_text('{"r": 16}')
        (folder / name / "adapter_model.safetensors").write_bytes(b"weights")
        WeightsNote(base, WEIGHTS).write(folder / name)


def retire_adapter(settings: Settings, model: TrainedModel) -> None:
    """Put an adapter out of force."""
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        trained.set_state(session, model.id, "retired")
