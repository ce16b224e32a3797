"""Gathers what a workload can be trained on: labelled files, people's labels, and what an API answered of its records."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from models.errors import UsageError
from models.requests import JsonValue
from models.settings import Settings
from models.training.dataset import Dataset, merge
from models.training.examples import Example
from models.workloads.answer_kind import can_answer, known_labels
from models.workloads.base import Workload
from tasks.labelling.labelled_file import each_answer
from tasks.labelling.people_file import PEOPLE
from tasks.training.api_answers import Gathered, gather_api_answers
from tasks.training.request import TrainingRequest

PeoplesLabels = Callable[[Workload, Settings], Iterable[Example]]
"""Reads the labels that people gave on the label page."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What there is to train on. `models`: those whose answers are among it; `lost`: answers whose text the input does not have any more."""

    data: Dataset
    models: tuple[str, ...] = ()
    lost: int = 0


def gather(
    workload: Workload, settings: Settings, ask: TrainingRequest, people: PeoplesLabels
) -> TrainingData:
    """Gather all examples of the teachers that are asked for.

    An answer that the workload cannot give is left out and counted. Raises `InputError` for a labelled file that cannot be read, and
    `UsageError` where there is nothing to train on or to measure on.
    """
    sieve = _Sieve(workload)
    found: list[Example] = []
    if ask.teacher != "api":
        found += sieve.fitting(_labelled(workload, settings, ask))
        found += sieve.fitting(people(workload, settings))
    answers = Gathered() if ask.teacher == "labels" else gather_api_answers(workload, settings)
    found += sieve.fitting(answers.examples)
    data = merge(found, sieve.outside)
    if not data.train or not data.holdout:
        raise _too_few(workload, ask, data)
    return TrainingData(data, answers.models, answers.lost)


@dataclass(slots=True)
class _Sieve:
    """Lets through what the workload can answer, and counts what it cannot."""

    workload: Workload
    outside: int = field(default=0, init=False)

    def fitting(self, examples: Iterable[Example]) -> Iterator[Example]:
        for one in examples:
            if not can_answer(self.workload, one.answer):
                self.outside += 1
            elif isinstance(one.answer, list):  # in the order of the label set, so that equal sets are equal
                given = one.answer
                yield replace(one, answer=[name for name in known_labels(self.workload) if name in given])
            else:
                yield one


def _labelled(workload: Workload, settings: Settings, ask: TrainingRequest) -> Iterator[Example]:
    path = ask.labels or settings.workload(workload.name).labelled_file
    if path is None or path == PEOPLE:  # whose labels are gathered anyway
        return
    for text, reference in each_answer(str(path), workload):
        yield Example(text, _answer(workload, reference.text or ""), "labels")


def _answer(workload: Workload, text: str) -> JsonValue:
    """Return a right answer of a labelled file as the workload would give it; of several texts that are right the first."""
    if workload.kind == "label":
        return text
    value = json.loads(text)
    if workload.kind == "text":
        return value[0] if value else None
    return value  # type: ignore[no-any-return]  # JSON


def _too_few(workload: Workload, ask: TrainingRequest, data: Dataset) -> UsageError:
    name = workload.name
    outside = f" ({data.outside:,} answers are none that {name} can give)" if data.outside else ""
    ways = {
        "labels": f"give --labels FILE, label some with `breakeven label {name}`, or train on an API's answers with --teacher api",
        "api": f"nothing of {name} was answered by an API and published, with its text still in the input: use --teacher labels",
        "both": f"give --labels FILE, or publish what an API answers of {name}",
    }
    if not data.train and not data.holdout:
        return UsageError(f"there is nothing to train {name} on{outside}: {ways[ask.teacher]}")
    missing = "to measure on" if data.train else "to train on"
    have = len(data.train) + len(data.holdout)
    return UsageError(
        f"{have:,} answered texts of {name} leave nothing {missing} (one in five is held out){outside}: {ways[ask.teacher]}"
    )
