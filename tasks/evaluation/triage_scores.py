"""What a trained triage says of the records of an evaluation, and what asking it takes: a gate before the small model."""

from collections.abc import Callable

from db import trained
from models.catalogue.rates import infrastructure
from models.errors import UsageError
from models.evaluation.cascade import GateScores
from models.gpu_time import NS_PER_SECOND, gpu_cost_nano
from models.machine import gpu_name
from models.settings import Settings
from models.training.trained import TrainedModel
from models.training.triage import DIFFICULTIES, SIMPLE
from tasks.evaluation.arms import Answers, ClassifierLoader
from tasks.evaluation.trained_here import folder_of
from tasks.labelling.labelled_file import LabelledFile
from tasks.runtime.ledger_access import ledger_if_any


def score_by_triage(
    settings: Settings,
    file: LabelledFile,
    small: Answers,
    workload: str,
    prompt: str,
    load: ClassifierLoader,
    say: Callable[[str], None],
) -> GateScores | None:
    """Ask the triage of this small model and prompt: the one in force, else the newest candidate; None where there is none.

    Its time is measured and priced at the machine's rate; it takes a second or two, and is no run of the ledger. Raises `UsageError` for one whose folder holds no triage.
    """
    model = _find(settings, workload, small.model, prompt)
    if model is None:
        return None
    say(f"{workload}: {len(file.records)} records by {model.name}")
    loaded = load(folder_of(settings, model), model.name, settings.cache_dir)
    try:
        if set(loaded.labels) != set(DIFFICULTIES):
            msg = f"{folder_of(settings, model)} holds no triage: train another with `breakeven train {workload} --kind triage`"
            raise UsageError(msg)
        loaded.lap()
        guesses = loaded.classify([one.text for one in file.records])
        busy = loaded.lap().busy_ns
    finally:
        loaded.close()
    each = max(1, len(guesses))
    nano = gpu_cost_nano(busy, infrastructure(settings, gpu_name()).nano_usd_per_hour)
    scores = tuple(one.probabilities[SIMPLE] for one in guesses)
    return GateScores(model.name, scores, nano / each, busy / NS_PER_SECOND / each)


def _find(settings: Settings, workload: str, base: str, prompt: str) -> TrainedModel | None:
    with ledger_if_any(settings, update=True) as session:
        every = [] if session is None else trained.list_trained(session, workload)
    fitting = [
        one
        for one in every
        if one.kind == "triage"
        and one.state != "retired"
        and (one.base, one.prompt_fingerprint) == (base, prompt)
        and folder_of(settings, one).is_dir()
    ]
    return min(fitting, key=lambda one: one.state != "in_force", default=None)  # the newest come first
