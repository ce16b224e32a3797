"""What is handed to those who train: the job of a classifier or of an adapter, made of a workload, its settings and the data."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from models.default_model import is_default, is_prepared, model_dir, model_name, uses_server
from models.engines.vllm.chat_template import read_template
from models.errors import UsageError
from models.machine import gpu_name
from models.requests import Message
from models.settings import Settings
from models.training.adapter import AdapterJob
from models.training.classifier import ClassifierJob
from models.training.hold_out import AnswersNow
from models.training.trained import TrainedModel, trained_folder
from models.training.triage import TriageJob
from models.training.weights_note import ADAPTER
from models.workloads.answer_kind import answers_labels, known_labels, written_answer
from models.workloads.base import Workload
from models.workloads.label_workload import LabelWorkload
from tasks.training.examples import TrainingData
from tasks.training.request import TrainingRequest

_PROBE = "\x00"
"""A text that no prompt holds."""


def check_kind(ask: TrainingRequest, workload: Workload, settings: Settings) -> None:
    """See that what is asked for can be trained for this workload, before anything is read. Raises `UsageError`."""
    if ask.kind == "classifier":
        if not answers_labels(workload):
            msg = f"a classifier answers labels, and {workload.name} answers {workload.kind}: train an adapter (--kind adapter)"
            raise UsageError(msg)
        return
    if ask.kind == "triage":
        return
    if ask.minutes <= 0:
        msg = f"--minutes {ask.minutes:g} leaves no time to train: give more than 0"
        raise UsageError(msg)
    if ask.usd is not None and ask.usd <= 0:
        msg = f"--usd {ask.usd} leaves no time to train: give more than 0"
        raise UsageError(msg)
    if uses_server(settings):
        msg = "a server has its own adapters: train them where it runs, or train a classifier (--kind classifier)"
        raise UsageError(msg)
    if settings.training.four_bits:
        check_four_bits()
    base_folder(settings)
    prompt_before(workload)


def check_four_bits() -> None:
    """See that this machine can hold a base in 4 bits. Raises `UsageError`."""
    if gpu_name() is None:
        msg = "four_bits of [training] is for a GPU, and this machine has none: set it to false"
        raise UsageError(msg)
    if find_spec("bitsandbytes") is None:
        msg = "four_bits of [training] needs bitsandbytes, which is not installed: run `make four-bits`, or set it to false"
        raise UsageError(msg)


def base_name(settings: Settings) -> str:
    """Name the workload's own language model, without an adapter."""
    return model_name(settings.model_copy(update={"lora_adapter": None}))


def base_folder(settings: Settings) -> Path:
    """Return the folder of the workload's own language model, or its name on the Hub. Raises `UsageError` for a folder that is none."""
    if is_default(settings):
        if not is_prepared(settings.cache_dir):
            msg = "the default model is not there yet, which the adapter is trained on: run `make setup`"
            raise UsageError(msg)
        return model_dir(settings.cache_dir)
    path = Path(settings.model or "")
    if (path.is_absolute() or path.exists()) and not (path / "config.json").is_file():
        msg = f"{path} is no folder of a model, which the adapter is trained on: set model to one, or put it back"
        raise UsageError(msg)
    return path


def prompt_before(workload: Workload) -> tuple[Message, ...]:
    """Return the messages before a record's text that an adapter is told. Raises `UsageError` for a prompt that does not end with the text alone."""
    return _before(workload, workload.adapter_messages(_PROBE))


def _before(workload: Workload, asked: Sequence[Message]) -> tuple[Message, ...]:
    *before, last = asked
    if last != Message("user", _PROBE):
        msg = f"an adapter needs a prompt that ends with the record's text alone, and that of {workload.name} does not"
        raise UsageError(msg)
    return tuple(before)


def answers_now(in_force: TrainedModel | None, workload: Workload, settings: Settings) -> AnswersNow:
    """Return what answers a workload now: its adapter in force, else the plain model with its prior, each behind the prompt that it is told."""
    if in_force is None:
        prior = workload.prior if isinstance(workload, LabelWorkload) else None
        weights = None if prior is None else prior.weights
        return AnswersNow(_before(workload, workload.messages(_PROBE)), prior=weights)
    folder = trained_folder(settings.output_dir, workload.name, in_force.name)
    return AnswersNow(prompt_before(workload), folder / ADAPTER)


def make_job(
    ask: TrainingRequest,
    workload: Workload,
    settings: Settings,
    data: TrainingData,
    folder: Path,
    clock_seconds: float | None = None,
    now: AnswersNow | None = None,
) -> ClassifierJob | AdapterJob | TriageJob:
    """Make the job of a training that `check_kind` found nothing wrong with.

    Of an adapter `clock_seconds` are the most by the clock, and `now` is what it is held against.
    """
    if ask.kind == "classifier":
        return ClassifierJob(
            kind="label" if workload.kind == "label" else "labels",
            labels=known_labels(workload),
            train=data.data.train,
            holdout=data.data.holdout,
            folder=folder,
            cache_dir=settings.cache_dir,
            seed=ask.seed,
        )
    if ask.kind == "triage":
        return TriageJob(data.data.train, data.data.holdout, folder, settings.cache_dir, ask.seed)
    return AdapterJob(
        base=base_folder(settings),
        prompt=prompt_before(workload),
        render=partial(written_answer, workload),
        train=data.data.train,
        holdout=data.data.holdout,
        folder=folder,
        seconds=60 * ask.minutes,
        clock_seconds=clock_seconds,
        now=now,
        four_bits=settings.training.four_bits,
        on_gpu=gpu_name() is not None,
        seed=ask.seed,
        template=read_template(settings.chat_template),
        template_arguments=settings.chat_template_kwargs,
        fingerprint=workload.adapter_fingerprint,
    )
