"""One evaluation from its file of labels to what it found, kept in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import blake2b
from importlib.metadata import version as version_of
from pathlib import Path

from db import evaluations
from models import workloads
from models.engines.classifier.engine import load_classifier
from models.errors import UsageError
from models.evaluation.cascade import GateScores
from models.evaluation.figures import KEEP, Arm, ArmName, Evaluation
from models.ids import new_id
from models.months import month_of
from models.settings import Settings
from models.training.trained import TrainedModel
from models.workloads.base import Workload
from tasks.evaluation.arms import (
    Answers,
    Asking,
    ClassifierLoader,
    arm_settings,
    choose_arms,
    collect_answers,
)
from tasks.evaluation.compare import EvaluationRule, assemble_evaluation
from tasks.evaluation.judge import check_judge, judge_answers
from tasks.evaluation.measures import answers_in_order, check_measure, measure_answers, measure_of
from tasks.evaluation.stored_json import as_json
from tasks.evaluation.trained_here import asking_classifier, classifier_settings, find_trained
from tasks.evaluation.triage_scores import score_by_triage
from tasks.labelling.labelled_file import LabelledFile, read_labelled, write_snapshot
from tasks.labelling.people_file import PEOPLE
from tasks.labelling.people_labels import read_people
from tasks.planning.adapter_in_force import use_adapter
from tasks.runtime.atomic_files import check_writable
from tasks.runtime.ledger_access import with_patience, writing_ledger
from tasks.runtime.shared_engine import EngineFactory, load_engine
from tasks.storage.output_folders import evaluations_folder
from tasks.storage.small_marks import SmallMarks


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What is to be evaluated: a workload's engines, on the labelled records of a file.

    `labels` None: the file that the workload's settings name. `limit` draws so many records by `seed`. `keep`: the wished part of the API
    model's accuracy. `rerun` asks again what this month's evaluation has answered. `judge`: the API model says which of two
    answers is better. `second_labels`: the column of a second labeller. `classifier`: the name of a trained one; None: that in force, else
    the newest candidate, if there is one.
    """

    workload: str
    labels: str | None = None
    label_column: str | None = None
    limit: int | None = None
    adapter: Path | None = None
    keep: float = KEEP
    seed: int = 0
    rerun: bool = False
    judge: bool = False
    second_labels: str | None = None
    classifier: str | None = None


def evaluate(
    ask: EvaluationRequest,
    settings: Settings,
    say: Callable[[str], None] = lambda _: None,
    *,
    today: date | None = None,
    factory: EngineFactory = load_engine,
    load: ClassifierLoader = load_classifier,
) -> Evaluation:
    """Evaluate a workload and store what was found.

    `say` is told in a line what comes next; `factory` loads the local engine, `load` a classifier. Raises `UsageError` before anything is asked, the
    errors of a run later, when what was answered is kept.
    """
    _check_keep(ask.keep)
    if ask.adapter is None:  # else the small model is the base of the one that is asked for
        settings = use_adapter(settings, ask.workload)
    month = month_of(today or datetime.now(UTC).date())
    workload = workloads.build(ask.workload, settings)
    here = find_trained(settings, ask.workload, ask.classifier)
    file = _read(ask, workload, settings, held_out_only=here.anything)
    check_measure(workload, file)
    names, missing = choose_arms(settings, ask.workload, ask.adapter)
    if ask.judge:
        check_judge(workload, has_api="api" in names)
    check_writable(settings.output_dir, settings.group_access)
    asking = Asking(month, ask.rerun, factory, load)
    every = _ask_each(names, ask, settings, file, say, asking, here.classifier)
    without = () if missing is None else (missing,)
    asked = EvaluationRule(datetime.now(UTC), month, ask.seed, ask.keep, without)
    built = workloads.build(ask.workload, arm_settings(settings, ask.workload, "small", ask.adapter))
    gate = _ask_triage(built, file, every, settings, asking, say)
    found = assemble_evaluation(built, file, every, asked, gate)
    if ask.judge:
        say(f"{ask.workload}: pairs of answers by the judge, each in both orders")
        found = replace(found, judgement=judge_answers(built, file, every, settings, asking))
    store(found, settings)
    _keep_marks(built, file, every, settings)
    return found


def _check_keep(keep: float) -> None:
    if not 0 < keep <= 1:
        msg = f"the part of the API model's accuracy to keep lies above 0 and up to 1, not at {keep}"
        raise UsageError(msg)


def _ask_each(
    names: Sequence[ArmName],
    ask: EvaluationRequest,
    settings: Settings,
    file: LabelledFile,
    say: Callable[[str], None],
    asking: Asking,
    classifier: TrainedModel | None,
) -> list[Answers]:
    """Let each engine answer the records, one engine after the other: the classifier first, if there is one."""
    if file.left_for_training:
        say(f"{ask.workload}: {file.left_for_training} texts of the file may be trained on and are left out")
    keys = blake2b("".join(one.key for one in file.records).encode(), digest_size=8).hexdigest()
    snapshot = evaluations_folder(settings.output_dir, ask.workload) / f"records-{keys}.parquet"
    write_snapshot(file, snapshot)
    every = []
    if classifier is not None:
        say(f"{ask.workload}: {len(file.records)} records by {classifier.name}")
        texts = {one.key: one.text for one in file.records}
        own = classifier_settings(settings, classifier)
        loading = asking_classifier(asking, settings, classifier, texts)
        every.append(collect_answers("classifier", ask.workload, snapshot, own, loading))
    for name in names:
        arm = arm_settings(settings, ask.workload, name, ask.adapter)
        say(f"{ask.workload}: {len(file.records)} records by {name}")
        every.append(collect_answers(name, ask.workload, snapshot, arm, asking))
    snapshot.unlink(missing_ok=True)
    return every


def _read(
    ask: EvaluationRequest, workload: Workload, settings: Settings, *, held_out_only: bool
) -> LabelledFile:
    """Read the labelled records: those of a file, or what people said on the label page."""
    path = _path(ask, settings)
    if path == PEOPLE:
        if ask.label_column or ask.second_labels:
            msg = "--labels people has no columns: leave out --label-column and --second-labels"
            raise UsageError(msg)
        return read_people(workload, settings, limit=ask.limit, seed=ask.seed, held_out_only=held_out_only)
    return read_labelled(
        path,
        workload=workload,
        label_column=ask.label_column,
        limit=ask.limit,
        seed=ask.seed,
        second_column=ask.second_labels,
        held_out_only=held_out_only,
    )


def _path(ask: EvaluationRequest, settings: Settings) -> str:
    path = ask.labels or settings.workload(ask.workload).labelled_file
    if path is None:
        name = ask.workload
        msg = (
            f"no labelled records: give --labels FILE, or set BREAKEVEN_WORKLOADS__{name.upper()}__LABELLED_FILE; "
            f"`breakeven evaluate {name} --sample 100` draws records to label, --labels people are those of `breakeven label {name}`"
        )
        raise UsageError(msg)
    return str(path)


def _ask_triage(
    workload: Workload,
    file: LabelledFile,
    every: Sequence[Answers],
    settings: Settings,
    asking: Asking,
    say: Callable[[str], None],
) -> GateScores | None:
    """Ask a trained triage of the small model's errors, where there is an API to which a record could go past it."""
    by_name = {one.name: one for one in every}
    if "api" not in by_name or measure_of(workload, file) in {"none", "chrf"}:
        return None
    return score_by_triage(
        settings, file, by_name["small"], workload.name, workload.fingerprint, asking.load, say
    )


def _keep_marks(workload: Workload, file: LabelledFile, every: Sequence[Answers], settings: Settings) -> None:
    """Keep which records the small model answered rightly, where a record is right or wrong: triage is trained on it."""
    small = next(one for one in every if one.name == "small")
    if measure_of(workload, file) in {"none", "chrf"}:
        return
    right = measure_answers(workload, file, answers_in_order(file, small.by_key)).right
    if right is not None:
        marks = {one.key: ok for one, ok in zip(file.records, right, strict=True)}
        SmallMarks.of(settings.output_dir, workload.name).add(small.model, workload.fingerprint, marks)


def store(found: Evaluation, settings: Settings) -> None:
    """Store what an evaluation found. Raises `DatabaseUnavailable`."""
    small, api, verdict = found.arm("small"), found.arm("api"), found.verdict
    chosen = None if found.threshold is None else found.threshold.chosen
    interval = None if verdict is None else verdict.interval
    row = evaluations.Stored(
        id=new_id(),
        at=found.at,
        workload=found.workload,
        model=small.model if small is not None else "",
        api_model=None if api is None else api.model,
        prompt_version=found.prompt_version,
        prompt_fingerprint=found.prompt_fingerprint,
        labels_digest=found.labels_digest,
        records=found.records,
        viability=found.viability,
        accuracy=_accuracy(small),
        api_accuracy=_accuracy(api),
        ratio=None if verdict is None else verdict.ratio,
        ratio_low=None if interval is None else interval.low,
        ratio_high=None if interval is None else interval.high,
        threshold=None if chosen is None else chosen.threshold,
        software=version_of("breakeven"),
        figures=as_json(found),
    )

    with writing_ledger(settings, create=False) as make_session:

        def write() -> None:
            with make_session.begin() as session:
                evaluations.add(session, row)

        with_patience(settings.database_patience_seconds, write)


def _accuracy(arm: Arm | None) -> float | None:
    """Return the share of right answers; None where no answer is right or wrong: a mean chrF is no accuracy."""
    return None if arm is None or arm.right is None else arm.right.value
