"""The monthly training: where there is enough new, a classifier is trained, held against that in force, and put in force or proposed."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from db import trained
from db.month_beside import sum_beside
from models import workloads
from models.economics.pricing import usd_to_nano
from models.economics.training_proposal import Proposal, judge, judge_first, why_not_due
from models.engines.classifier.engine import Classifier, load_classifier
from models.errors import BreakevenError, Interrupted
from models.months import month_of, next_month
from models.settings import Settings
from models.training.answers import as_answer
from models.training.classifier import mark_guesses
from models.training.examples import Example
from models.training.new_examples import count_new
from models.training.trained import TrainedModel, trained_folder
from models.workloads.answer_kind import answers_labels
from tasks.labelling.people_labels import people_examples
from tasks.runtime.ledger_access import ledger_if_any, writing_ledger
from tasks.training.consent import models_to_ask
from tasks.training.examples import gather
from tasks.training.registry import check_fits
from tasks.training.request import TrainingRequest
from tasks.training.train import train

Say = Callable[[str], None]
Train = Callable[[TrainingRequest, Settings, Say], TrainedModel]


@dataclass(frozen=True, slots=True)
class Doing:
    """What trains, and what loads a classifier of the workload."""

    train: Train = train
    load: Callable[[Settings, TrainedModel], Classifier] = lambda settings, model: load_classifier(
        trained_folder(settings.output_dir, model.workload, model.name), model.name, settings.cache_dir
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger says before a training: the classifiers, the newest first, that in force, and what the month's trainings cost."""

    trained: Sequence[TrainedModel]
    in_force: TrainedModel | None
    spent_nano: int


OURS = Doing()


def train_what_is_due(
    names: Sequence[str], settings: Settings, say: Say, doing: Doing = OURS, today: date | None = None
) -> list[Proposal]:
    """Train a classifier for each of these workloads that answers labels and has enough new to learn from; say what is done and left.

    By the setting `training.monthly`: nothing, a candidate, or one that is put in force where it is better by more than chance. A workload
    whose training fails is said and stops no other. Raises `Interrupted`.
    """
    if settings.training.monthly == "off":
        return []
    found: list[Proposal] = []
    for name in names:
        try:
            one = _train_if_due(
                name, settings.for_workload(name), say, doing, today or datetime.now(UTC).date()
            )
        except Interrupted:
            raise
        except BreakevenError as error:
            say(f"{name}: not trained: {error}")
        else:
            found += [] if one is None else [one]
    return found


def _train_if_due(name: str, settings: Settings, say: Say, doing: Doing, today: date) -> Proposal | None:
    workload, wanted = workloads.build(name, settings), settings.training
    if not answers_labels(workload):
        return None
    ask = TrainingRequest(name, teacher="labels" if models_to_ask(workload, settings, "both") else "both")
    data, known = gather(workload, settings, ask, people_examples), _look_up(name, settings, today)
    new = count_new(data.data.sources, known.trained)
    if known.trained and known.trained[0].data_digest == data.data.digest:
        new = 0
    most = None if wanted.month_usd is None else usd_to_nano(wanted.month_usd)
    wanting = why_not_due(wanted.monthly, new, wanted.min_new, known.spent_nano, most)
    if wanting is not None:
        say(
            f"{name}: nothing is trained ({wanting.replace('_', ' ')}): {new:,} new answered texts, {wanted.min_new:,} are wanted"
        )
        return None
    if (current := known.in_force) is not None:  # what it is held against, before anything is paid for
        check_fits(current, workload, settings)
    model = doing.train(ask, settings, say)
    proposal = _compare(model, current, data.data.holdout, settings, doing)
    if wanted.monthly == "train" and proposal.outcome in {"better", "first"}:
        proposal = replace(proposal, in_force=True)
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        trained.add_figures(session, model.id, {"monthly": asdict(proposal)})
        if proposal.in_force:
            trained.set_state(session, model.id, "in_force")
    return proposal


def _look_up(name: str, settings: Settings, today: date) -> _Known:
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return _Known((), None, 0)
        first = month_of(today)
        spent = sum_beside(session, first, next_month(first)).get(first)
        mine = [one for one in trained.list_trained(session, name) if one.kind == "classifier"]
        return _Known(
            mine,
            trained.in_force(session, name, "classifier"),
            0 if spent is None else spent.training_nano,
        )


def _compare(
    new: TrainedModel, old: TrainedModel | None, holdout: Sequence[Example], settings: Settings, doing: Doing
) -> Proposal:
    """Hold both against the same held-out texts, which neither was trained on."""
    if old is None:
        return Proposal(new.workload, new.name, judge_first(new.served_share or 0.0), of=new.holdout)
    (right, served), (right_before, served_before) = (
        _measure(one, holdout, settings, doing) for one in (new, old)
    )
    pairs = list(zip(right, right_before, strict=True))
    only_new = sum(now and not before for now, before in pairs)
    only_old = sum(before and not now for now, before in pairs)
    outcome = judge(only_new, only_old, served, served_before)
    return Proposal(new.workload, new.name, outcome, False, old.name, only_new, only_old, len(holdout))


def _measure(
    model: TrainedModel, holdout: Sequence[Example], settings: Settings, doing: Doing
) -> tuple[list[bool], int]:
    """Return which texts it answers right, and of how many it is sure."""
    loaded = doing.load(settings, model)
    try:
        guesses = loaded.classify([one.text for one in holdout])
    finally:
        loaded.close()
    least = 1.0 if model.threshold is None else model.threshold
    right, served = mark_guesses(guesses, [as_answer(one.answer) for one in holdout], least)
    return right, sum(served)
