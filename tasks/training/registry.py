"""The registry of trained models: listed, put in force, retired."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

from sqlalchemy.orm import Session

from db import trained, trained_use
from db.rows import to_readable
from models import workloads
from models.default_model import model_name
from models.economics.training_payback import TrainedUse
from models.errors import UsageError, visible
from models.nearest import unknown_name
from models.settings import Settings
from models.training.trained import TrainedModel, digest_of_labels, trained_folder
from models.workloads.answer_kind import known_labels
from models.workloads.base import Workload
from tasks.display.formats import TableFormat
from tasks.display.tables import write_rows
from tasks.ledger.queries import asking_ledger
from tasks.planning.adapter_in_force import other_prompt, use_adapter
from tasks.runtime.ledger_access import writing_ledger
from tasks.training.jobs import base_name

COLUMNS = (
    *("workload", "name", "kind", "state", "at", "base", "teacher", "examples", "holdout", "accuracy"),
    *(
        "accuracy_low",
        "accuracy_high",
        "threshold",
        "served_share",
        "served",
        "saved_usd",
        "paid_back",
        "seed",
        "minutes",
        "cost_usd",
        "state_at",
    ),
    *("prompt_version", "prompt_fingerprint", "labels_digest", "data_digest", "weights_digest", "run_id"),
    *("software", "figures"),
)
TABLE = (
    *("workload", "name", "state", "at", "base", "teacher", "examples", "holdout", "accuracy"),
    *("accuracy_low", "accuracy_high", "threshold", "served_share", "minutes", "cost_usd"),
    *("served", "saved_usd", "paid_back"),
)
SPARE = (
    *(
        "accuracy_low",
        "accuracy_high",
        "holdout",
        "threshold",
        "teacher",
        "base",
        "minutes",
        "at",
        "examples",
        "served",
        "saved_usd",
    ),
)
"""What a table can miss where it would be too wide, the first to go first."""


def show_trained(settings: Settings, workload: str | None, output_format: TableFormat) -> None:
    """Print the trained models of a workload, None for all, the newest first. For people, shares have three digits."""
    with asking_ledger(settings, workload) as session:
        uses = {one.name: one for one in trained_use.read_uses(session, date.max)}
        rows = [_row(one, uses[one.name]) for one in trained.list_trained(session, workload)]
    if output_format == "table":
        rows = [
            {name: f"{it:.3f}" if isinstance(it, float) else it for name, it in row.items()} for row in rows
        ]
    columns = TABLE if output_format == "table" else COLUMNS
    write_rows(rows, columns, output_format, spare=SPARE)


def _row(model: TrainedModel, use: TrainedUse) -> dict[str, object]:
    since = {"served": use.records, "saved_nano": use.saved_nano, "paid_back": use.paid_back}
    row: Mapping[str, object] = {**asdict(model), "name": model.name, **since}
    return {**to_readable(row), "minutes": round(model.machine_ns / 60e9, 2)}


def use(settings: Settings, workload: str, name: str) -> str:
    """Put a trained model in force; return what is said of it. Raises `UsageError` where it does not fit the workload as it is now."""
    built = workloads.build(workload, settings.for_workload(workload))
    with writing_ledger(settings, create=False) as make_session, make_session.begin() as session:
        model = _find(session, workload, name)
        check_fits(model, built, settings)
        if model.state == "in_force":
            return f"{model.name} of {workload} is in force already"
        before = trained.in_force(session, workload, model.kind)
        trained.set_state(session, model.id, "in_force")
    instead = "" if before is None else f" in the place of {before.name}"
    return f"{model.name} of {workload} is in force{instead}; `breakeven trained retire {workload}` takes it out again"


def retire(settings: Settings, workload: str, name: str | None) -> str:
    """Take a trained model out of use, None: all of the workload that are in force; return what is said of it. Raises `UsageError`."""
    with writing_ledger(settings, create=False) as make_session, make_session.begin() as session:
        every = trained.list_trained(session, workload)
        if not every:
            raise _nothing(session, settings, workload)
        asked = [_find(session, workload, name)] if name is not None else every
        found = [
            one for one in asked if one.state == "in_force" or (name is not None and one.state != "retired")
        ]
        for one in found:
            trained.set_state(session, one.id, "retired")
    if not found and name is None:
        return f"nothing that was trained for {workload} is in force"
    if not found:
        return f"{name} of {workload} is retired already"
    names = " and ".join(one.name for one in found)
    return f"{names} of {workload} retired: runs go on without; `breakeven trained use {workload} NAME` goes back"


def check_fits(model: TrainedModel, workload: Workload, settings: Settings) -> None:
    """See that a trained model is there and belongs to the workload as it is now. Raises `UsageError` in one line."""
    again = f"train it again with `breakeven train {workload.name} --kind {model.kind}`"
    folder = trained_folder(settings.output_dir, workload.name, model.name)
    if not folder.is_dir():
        msg = f"the folder of {model.name} is gone ({folder}): put it back, or {again}"
        raise UsageError(msg)
    if model.kind == "classifier" and model.labels_digest != digest_of_labels(known_labels(workload)):
        msg = f"{model.name} knows other labels than {workload.name} has now: {again}"
        raise UsageError(msg)
    if model.kind == "adapter" and model.base != base_name(settings.for_workload(workload.name)):
        msg = f"{model.name} was trained on {model.base}, and the model of {workload.name} is another one now: {again}"
        raise UsageError(msg)
    if model.kind == "triage":
        _check_triage(model, settings, again)
    if model.kind == "adapter" and (other := other_prompt(model, workload)) is not None:
        msg = f"{model.name} does not fit {workload.name}: {other}; {again}"
        raise UsageError(msg)


def _check_triage(model: TrainedModel, settings: Settings, again: str) -> None:
    """See that what answers now, an adapter where one is in force, is what a triage learnt the errors of. Raises `UsageError`."""
    name, own = model.workload, use_adapter(settings, model.workload)
    if model.base != (now := model_name(own)):
        msg = f"{model.name} learnt the errors of {model.base}, and {name} is answered by {now} now: {again}"
        raise UsageError(msg)
    if model.prompt_fingerprint != workloads.build(name, own).fingerprint:
        msg = f"{model.name} belongs to another prompt ({model.prompt_version}) than {name} has now: {again}"
        raise UsageError(msg)


def _find(session: Session, workload: str, name: str) -> TrainedModel:
    found = trained.find(session, workload, name)
    if found is not None:
        return found
    every = [one.name for one in trained.list_trained(session, workload)]
    if not every:
        raise _untrained(workload)
    raise UsageError(visible(unknown_name(f"trained model of {workload}", name, every)))


def _nothing(session: Session, settings: Settings, workload: str) -> UsageError:
    known = sorted({*workloads.names(settings), *(one.workload for one in trained.list_trained(session))})
    return (
        _untrained(workload) if workload in known else UsageError(unknown_name("workload", workload, known))
    )


def _untrained(workload: str) -> UsageError:
    return UsageError(f"nothing was trained for {workload} yet: `breakeven train {workload}` does")
