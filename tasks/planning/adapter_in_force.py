"""The adapter that was trained for a workload and is in force: it answers in the place of the plain model."""

import logging
from collections.abc import Iterable
from pathlib import Path

from db import trained
from models import workloads
from models.default_model import model_name, trained_weights, uses_server
from models.engines.loads import name_model
from models.errors import UsageError
from models.machine import gpu_name
from models.run import PRODUCTION, TRIAL, Purpose
from models.settings import Settings, WorkloadSettings
from models.training.trained import TrainedModel, digest_of_labels, trained_folder
from models.training.weights_note import ADAPTER, MERGED, read_note
from models.workloads.answer_kind import known_labels
from models.workloads.base import Workload
from tasks.runtime.ledger_access import ledger_if_any

log = logging.getLogger(__name__)


def use_adapter(
    settings: Settings, name: str, purpose: Purpose = PRODUCTION, *, loaded: bool = True
) -> Settings:
    """Return the settings under which a workload is answered: with its adapter in force, where there is one.

    On a CPU the merged model takes the plain one's place, on a GPU the adapter is put on it. Evaluations choose themselves what
    they ask. Raises `UsageError` in one line for an adapter that belongs to another prompt or base, or is gone: the plain model
    would answer otherwise than what was put in force. Not `loaded`: where only what it is called is wanted, none of this matters.
    """
    own = settings.for_workload(name)
    if purpose not in {PRODUCTION, TRIAL} or name not in workloads.names(settings):
        return own
    found = _in_force(settings, name)
    if found is None:
        return own
    if own.lora_adapter is not None:
        log.warning(
            "%s: its settings name an adapter, so %s, which is in force, is not used", name, found.name
        )
        return own
    fault = _fault(found, own)
    if fault is not None and loaded:
        again = f"train again with `breakeven train {name} --kind adapter`, or go on without it: `breakeven trained retire {name} {found.name}`"
        msg = f"{found.name} of {name} is in force, but {fault}: {again}"
        raise UsageError(msg)
    return own if fault is not None else _put_on(own, name, _weights(found, own))


def expect_adapters(settings: Settings, names: Iterable[str]) -> Settings:
    """Return settings that name each workload's adapter in force, so that one load of a GPU has room for them all."""
    if gpu_name() is None:
        return settings
    for name in names:
        used = use_adapter(settings, name, loaded=False)
        if used.lora_adapter is not None:
            own = name_model(used, settings.workloads.get(name, WorkloadSettings()))
            settings = settings.model_copy(update={"workloads": {**settings.workloads, name: own}})
    return settings


def weights_facts(workload: Workload, settings: Settings) -> tuple[object, ...]:
    """Return what of trained weights, and of the prompt that is theirs, decides a partition's content, for its fingerprint; nothing of other models."""
    note, own = trained_weights(settings), workload.local_prompt.fingerprint
    prompt = () if own == workload.fingerprint else ("adapter prompt", own)
    return () if note is None else ("trained", note.weights, *prompt)


def check_prompt(workload: Workload, settings: Settings) -> None:
    """See that the trained weights that these settings name were trained under the prompt that they would be asked with.

    Raises `UsageError` in one line. `use_adapter` has looked already at those in force; here are those that a command or a setting names.
    """
    note = trained_weights(settings)
    if note is None or note.prompt in {"", workload.adapter_fingerprint}:
        return
    named = settings.lora_adapter or settings.model
    msg = (
        f"{named} was trained for {workload.name} under another prompt, or for other labels, than it has now: go back to them, or train again "
        f"with `breakeven train {workload.name} --kind adapter`"
    )
    raise UsageError(msg)


def other_prompt(found: TrainedModel, workload: Workload) -> str | None:
    """Say in which way an adapter belongs to another prompt than its workload has, None where it is this one.

    One that was trained before adapters could have a prompt of their own names the workload's: it fits where it is told the same.
    """
    told_the_whole = workload.adapter_messages("") == workload.messages("")
    fitting = {workload.adapter_fingerprint, *((workload.fingerprint,) if told_the_whole else ())}
    if found.prompt_fingerprint in fitting:
        return None
    labels = known_labels(workload)
    if labels and found.labels_digest not in {None, digest_of_labels(labels)}:
        return f"it answers other labels than {workload.name} has now"
    return f"it belongs to another prompt ({found.prompt_version})"


def _in_force(settings: Settings, name: str) -> TrainedModel | None:
    with ledger_if_any(settings, update=True) as session:
        return None if session is None else trained.in_force(session, name, "adapter")


def _fault(found: TrainedModel, own: Settings) -> str | None:
    """Say why an adapter cannot answer as it was trained to, None where it can."""
    if uses_server(own):
        return "a server answers with weights of its own"
    if model_name(own) != found.base:
        return f"it was trained on {found.base}, and the model is {model_name(own)} now"
    if (other := other_prompt(found, workloads.build(found.workload, own))) is not None:
        return other
    folder = _weights(found, own)
    note = read_note(folder)
    if note is None or not (folder / _MAIN_FILE[folder.name]).is_file():
        return f"{folder} is gone"
    if note.weights != found.weights_digest:
        return f"{folder} holds other weights than were trained"
    return None


_MAIN_FILE = {ADAPTER: "adapter_config.json", MERGED: "config.json"}


def _weights(found: TrainedModel, own: Settings) -> Path:
    """Return the folder of the weights that this machine serves."""
    folder = trained_folder(own.output_dir, found.workload, found.name).absolute()
    return folder / (MERGED if gpu_name() is None else ADAPTER)


def _put_on(own: Settings, name: str, folder: Path) -> Settings:
    """Return settings that load these weights, also where a workload's settings are looked up again."""
    change = {"lora_adapter": folder} if folder.name == ADAPTER else {"model": str(folder)} | _PLAIN
    changed = own.model_copy(update=change)
    table = name_model(changed, own.workloads.get(name, WorkloadSettings()))
    return changed.model_copy(update={"workloads": {**own.workloads, name: table}})


_PLAIN = {"model_revision": None, "quantization": None}
"""What belongs to the base's own weights, and not to the merged ones."""
