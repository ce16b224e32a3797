"""The end of a training: its folder gets its name by one rename, then one transaction puts all of it into the ledger.

What ends between the two leaves a folder that is marked, which the next training removes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version as version_of

from sqlalchemy.orm import Session

from db import partitions, parts, runs, trained
from db.ledger import insert_lines
from models.errors import OutputError
from models.gpu_time import GpuTime, gpu_cost_nano
from models.ids import new_id
from models.ledger.line import EngineName, LedgerLine
from models.settings import Settings
from models.training.adapter import TrainedAdapter
from models.training.calibrated import NEVER
from models.training.classifier import TrainedClassifier
from models.training.trained import TrainedModel, digest_of_labels, trained_folder
from models.training.triage import TrainedTriage
from models.workloads.answer_kind import known_labels
from tasks.training.examples import TrainingData
from tasks.training.open_training import OpenTraining
from tasks.training.request import TrainingRequest
from tasks.training.working_folder import WorkingFolder, keep

Result = TrainedClassifier | TrainedAdapter | TrainedTriage


def finish(
    opened: OpenTraining,
    folder: WorkingFolder,
    found: Result,
    data: TrainingData,
    ask: TrainingRequest,
    settings: Settings,
) -> TrainedModel:
    """Name the folder, and in one transaction write line, part, version, registry and the end of the run.

    Raises `OutputError`, and the errors of a write.
    """
    target = trained_folder(settings.output_dir, ask.workload, opened.name)
    if target.exists():
        msg = f"{target} is there already: nothing trained is written over"
        raise OutputError(msg)
    folder.become(target)
    machine_ns = opened.note_time()
    model = _registered(opened, found, data, ask, machine_ns)

    def change(session: Session) -> TrainedModel:
        _write_accounting(session, opened, model, str(target))
        trained.add(session, model)
        if ask.use:
            trained.set_state(session, model.id, "in_force")
        runs.finish(session, opened.run_id, "completed")
        return _find(session, model) or model

    written = opened.ledger.write(change, lambda session: _find(session, model), release=True)
    keep(target)
    return written


def _find(session: Session, model: TrainedModel) -> TrainedModel | None:
    return trained.find(session, model.workload, str(model.id))


def _write_accounting(session: Session, opened: OpenTraining, model: TrainedModel, path: str) -> None:
    """Let one line carry the machine time, as the one record that this run has: the trained model."""
    insert_lines(session, [_line(opened, model)])
    more = runs.Increments(unallocated_nano=-model.cost_nano, records=1, published=1)
    runs.add(session, opened.run_id, GpuTime(), more)
    parts.register(session, parts.Part(new_id(), opened.version_id, opened.run_id, model.name, 1, 0, 0))
    partitions.publish(session, opened.version_id, path, records=1, quarantined=0)


def _line(opened: OpenTraining, model: TrainedModel) -> LedgerLine:
    engine: EngineName = "vllm" if model.kind == "adapter" else "classifier"
    return LedgerLine(
        id=new_id(),
        run_id=opened.run_id,
        record_key=model.name,
        attempt=1,
        at=model.at,
        requested=engine,
        engine=engine,
        reason=None,
        outcome="ok",
        prompt_id=opened.prompt_id,
        model_id=opened.model_id,
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        estimated=False,
        gpu_ns=model.machine_ns,
        cost_nano=model.cost_nano,
        price_id=None,
        infrastructure_id=opened.infrastructure_id,
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        counterfactual_price_id=None,
        request_hash=_hash(model.data_digest),
        answer_hash=_hash(model.weights_digest),
        reuses=None,
    )


def _hash(digest: str) -> bytes:
    return blake2b(digest.encode(), digest_size=16).digest()


def _registered(
    opened: OpenTraining, found: Result, data: TrainingData, ask: TrainingRequest, machine_ns: int
) -> TrainedModel:
    workload, rate = opened.plan.workload, opened.plan.machine.nano_usd_per_hour
    share, now = found.accuracy, datetime.now(UTC)
    interval = None if share is None else share.interval
    classifier = found if isinstance(found, TrainedClassifier) else None
    labels = known_labels(workload)
    return TrainedModel(
        id=opened.id,
        at=now,
        workload=workload.name,
        kind=ask.kind,
        base=opened.plan.base if classifier is None else classifier.base,
        prompt_version=opened.plan.prompt.version,
        prompt_fingerprint=opened.plan.belongs_to,
        labels_digest=digest_of_labels(labels) if labels else None,
        data_digest=data.data.digest,
        weights_digest=found.weights_digest,
        teacher=ask.teacher,
        examples=len(data.data.train),
        holdout=len(data.data.holdout),
        seed=ask.seed,
        machine_ns=machine_ns,
        cost_nano=gpu_cost_nano(machine_ns, rate),
        run_id=opened.run_id,
        accuracy=None if share is None else share.value,
        accuracy_low=None if interval is None else interval.low,
        accuracy_high=None if interval is None else interval.high,
        threshold=None if classifier is None or classifier.threshold >= NEVER else classifier.threshold,
        served_share=None if classifier is None else classifier.served.value,
        state="candidate",
        state_at=now,
        software=version_of("breakeven"),
        figures=json.dumps(figures(found, data), sort_keys=True),
    )


def figures(found: Result, data: TrainingData) -> Mapping[str, object]:
    """Return what is told of a training beside its row: counts of its data, and what its kind measures. No label, no text."""
    counts = data.data
    told: dict[str, object] = {
        "sources": counts.sources,
        "repeated": counts.repeated,
        "conflicts": counts.conflicts,
        "undecided": counts.undecided,
        "outside": counts.outside,
        "not_measured": counts.not_measured,
        "lost": data.lost,
        "teachers": list(data.models),
        "measured": None if found.accuracy is None else found.accuracy.of,
        "measured_by_people": counts.measured_by_people,
    }
    if isinstance(found, TrainedClassifier):
        served = {"count": found.served.count, "of": found.served.of, "right": found.served_right.count}
        return {**told, "served": served, "calibration_error": found.calibration_error}
    if isinstance(found, TrainedTriage):
        own = {"right": found.right, "passed": found.passed, "passed_wrong": found.passed_wrong}
        return {
            **told,
            **{name: {"count": one.count, "of": one.of} for name, one in own.items()},
            "calibration_error": found.calibration_error,
        }
    steps = {name: getattr(found, name) for name in ("steps", "seen", "first_loss", "last_loss")}
    compared = {} if found.compared is None else {"compared": asdict(found.compared)}
    return {**told, **steps, **compared}
