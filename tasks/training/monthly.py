"""The monthly training: where there is enough new, a model is trained, held against what answers now, and put in force or proposed."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from db import trained
from db.month_beside import sum_beside
from models import workloads
from models.catalogue.rates import infrastructure
from models.economics.pricing import nano_to_usd, usd_to_nano
from models.economics.training_proposal import MonthsMoney, Proposal, judge, judge_first, why_not_due
from models.engines.classifier.engine import Classifier, load_classifier
from models.errors import BreakevenError, Interrupted, UsageError, defect
from models.machine import gpu_name
from models.months import month_of, next_month
from models.routing.rules import asks_evaluation, keep_local
from models.settings import Settings
from models.training.answers import as_answer
from models.training.classifier import mark_guesses
from models.training.examples import Example
from models.training.hold_out import AnswersNow, Compared
from models.training.new_examples import count_new
from models.training.trained import Teacher, TrainedKind, TrainedModel, trained_folder
from models.workloads.answer_kind import answers_labels
from models.workloads.base import Workload
from tasks.labelling.people_labels import people_examples
from tasks.runtime.ledger_access import ledger_if_any, writing_ledger
from tasks.training.budget import most_nano
from tasks.training.consent import models_to_ask
from tasks.training.examples import gather
from tasks.training.jobs import answers_now, check_kind
from tasks.training.registry import check_fits
from tasks.training.request import TrainingRequest
from tasks.training.train import train

Say = Callable[[str], None]
Train = Callable[[TrainingRequest, Settings, Say, AnswersNow | None], TrainedModel]


@dataclass(frozen=True, slots=True)
class Doing:
    """What trains, and what loads a classifier of the workload."""

    train: Train = lambda ask, settings, say, now: train(ask, settings, say, now=now)
    load: Callable[[Settings, TrainedModel], Classifier] = lambda settings, model: load_classifier(
        trained_folder(settings.output_dir, model.workload, model.name), model.name, settings.cache_dir
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger says before a training: what was trained of this kind, the newest first, what of it is in force, and what the month's trainings cost."""

    trained: Sequence[TrainedModel]
    in_force: TrainedModel | None
    spent_nano: int


OURS = Doing()


def train_what_is_due(
    names: Sequence[str], settings: Settings, say: Say, doing: Doing = OURS, today: date | None = None
) -> list[Proposal]:
    """Train what the settings name for each of these workloads that has enough new to learn from; say what is done and left.

    `names`: those that were evaluated; beside them each is looked at whose own settings say what is trained for it.
    By the setting `training.monthly`: nothing, a candidate, or one that is put in force where it is better by more than chance. A
    training that fails is said and stops no other. Raises `Interrupted`.
    """
    if settings.training.monthly == "off":
        return []
    found: list[Proposal] = []
    asked = (name for name in sorted(settings.workloads) if settings.workloads[name].train)
    for name in dict.fromkeys((*names, *asked)):
        with _said(name, say):
            own = settings.for_workload(name)
            for kind in kinds_of(name, own):
                with _said(name, say):
                    one = _train_if_due(name, kind, own, say, doing, today or datetime.now(UTC).date())
                    found += [] if one is None else [one]
    return found


@contextmanager
def _said(name: str, say: Say) -> Iterator[None]:
    """Say what stops a training, and go on behind the block. Raises `Interrupted`."""
    try:
        yield
    except Interrupted:
        raise
    except BreakevenError as error:
        say(f"{name}: not trained: {error}")
    except Exception as error:  # noqa: BLE001  the evaluations stand, and the others have their turn
        say(f"{name}: not trained: {defect(error)}")


def kinds_of(name: str, settings: Settings) -> Sequence[TrainedKind]:
    """Return what is trained for a workload each month: what its own settings name, else the general ones; a classifier only of labels."""
    own = settings.workload(name).train
    wanted = settings.training.kinds if own is None else own
    if "classifier" in wanted and not answers_labels(workloads.build(name, settings)):
        return [kind for kind in wanted if kind != "classifier"]
    return list(dict.fromkeys(wanted))


def waits_for_evaluation(kind: TrainedKind, workload: Workload, settings: Settings) -> bool:
    """Whether runs would stop, were this put in force before it is evaluated: what the policy looks up is of another model then."""
    policy = workload.routing
    if policy.cascade == "evaluated":
        return True
    sends = settings.api_mode != "off" and workload.residency == "any"
    return kind == "adapter" and asks_evaluation(policy if sends else keep_local(policy))


def _train_if_due(
    name: str, kind: TrainedKind, settings: Settings, say: Say, doing: Doing, today: date
) -> Proposal | None:
    workload, wanted = workloads.build(name, settings), settings.training
    teacher: Teacher = "labels" if models_to_ask(workload, settings, "both") else "both"
    ask = TrainingRequest(name, kind, wanted.minutes, teacher)
    check_kind(ask, workload, settings)
    if kind == "adapter" and settings.lora_adapter is not None:
        msg = "its settings name a lora_adapter, which runs use before any that is trained here: take one of the two out"
        raise UsageError(msg)
    data, known = gather(workload, settings, ask, people_examples), _look_up(name, kind, settings, today)
    new = count_new(data.data.sources, known.trained)
    if known.trained and known.trained[0].data_digest == data.data.digest:
        new = 0
    money = _money(ask, known, settings)
    wanting = why_not_due(wanted.monthly, new, wanted.min_new, money)
    if wanting is not None:
        say(
            f"{name}: no {kind} is trained ({wanting.replace('_', ' ')}): {new:,} new answered texts, {wanted.min_new:,} are wanted"
        )
        return None
    if (current := known.in_force) is not None:  # what it is held against, before anything is paid for
        check_fits(current, workload, settings)
    if (
        money.most is not None and money.next
    ):  # by the clock as well: a busy machine makes processor minutes long
        ask = replace(ask, usd=nano_to_usd(money.next))
    now = answers_now(current, workload, settings) if kind == "adapter" else None
    model = doing.train(ask, settings, say, now)
    proposal = _compare(model, current, data.data.holdout, settings, doing)
    if wanted.monthly == "train" and proposal.outcome in {"better", "first"}:
        proposal = replace(proposal, in_force=_may_be_put_in_force(model, workload, settings, say))
    with writing_ledger(settings) as make_session, make_session.begin() as session:
        trained.add_figures(session, model.id, {"monthly": asdict(proposal)})
        if proposal.in_force:
            trained.set_state(session, model.id, "in_force")
    return proposal


def _may_be_put_in_force(model: TrainedModel, workload: Workload, settings: Settings, say: Say) -> bool:
    if not waits_for_evaluation(model.kind, workload, settings):
        return True
    say(
        f"{workload.name}: {model.name} stays a candidate, since the policy asks for an evaluation of what is in force: "
        f"`breakeven trained use {workload.name} {model.name}`, then `breakeven evaluate {workload.name} --labels FILE` before the next run"
    )
    return False


def _money(ask: TrainingRequest, known: _Known, settings: Settings) -> MonthsMoney:
    most = settings.training.month_usd
    if most is None:
        return MonthsMoney()
    machine = infrastructure(settings, gpu_name())
    return MonthsMoney(known.spent_nano, most_nano(ask, machine), usd_to_nano(most))


def _look_up(name: str, kind: TrainedKind, settings: Settings, today: date) -> _Known:
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return _Known((), None, 0)
        first = month_of(today)
        spent = sum_beside(session, first, next_month(first)).get(first)
        return _Known(
            [one for one in trained.list_trained(session, name) if one.kind == kind],
            trained.in_force(session, name, kind),
            0 if spent is None else spent.training_nano,
        )


def _compare(
    new: TrainedModel, old: TrainedModel | None, holdout: Sequence[Example], settings: Settings, doing: Doing
) -> Proposal:
    """Hold both against the same held-out texts, which neither was trained on."""
    if new.kind == "adapter":  # its training held it against what answers now
        return _judge_adapter(new, old)
    if old is None:
        return Proposal(new.workload, new.name, judge_first(new.served_share or 0.0), of=new.holdout)
    (right, served), (right_before, served_before) = (
        _measure(one, holdout, settings, doing) for one in (new, old)
    )
    counts = Compared.count(right, right_before)
    outcome = judge(counts.only_new, counts.only_old, served, served_before)
    return Proposal(new.workload, new.name, outcome, against=old.name, **asdict(counts))


def _judge_adapter(new: TrainedModel, old: TrainedModel | None) -> Proposal:
    counts = json.loads(new.figures).get("compared")
    against = None if old is None else old.name
    if counts is None:
        return Proposal(new.workload, new.name, "not_compared", against=against, kind="adapter")
    outcome = judge(counts["only_new"], counts["only_old"])
    return Proposal(new.workload, new.name, outcome, against=against, kind="adapter", **counts)


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
