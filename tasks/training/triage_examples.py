"""Gathers where the small model was right and where it was wrong: from evaluations, record by record, and from audits in production."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from db import trained
from db.partitions import list_published
from db.small_audits import list_audited_small
from models.default_model import model_name
from models.errors import InputError, UsageError
from models.records import Record
from models.run import PRODUCTION
from models.settings import Settings
from models.training.dataset import Dataset, merge
from models.training.examples import Example, Source
from models.training.triage import COMPLEX, SIMPLE, check_examples
from models.workloads.answer_kind import answers_labels
from models.workloads.base import Workload
from tasks.labelling.label_rows import text_key
from tasks.labelling.labelled_file import each_record
from tasks.labelling.people_file import PEOPLE
from tasks.labelling.people_labels import newest_labels
from tasks.planning.read_again import read_again
from tasks.reading.input_cache import InputCache
from tasks.runtime.ledger_access import ledger_if_any
from tasks.storage.merge_parts import TEXT_HASH
from tasks.storage.small_marks import SmallMarks
from tasks.training.api_answers import teaching_models
from tasks.training.examples import TrainingData
from tasks.training.request import TrainingRequest

log = logging.getLogger(__name__)

_Found = Mapping[str, list[tuple[Source, bool]]]
"""By record key, who judged the small model's answer, and whether it was right."""


def gather_triage(workload: Workload, settings: Settings, ask: TrainingRequest) -> TrainingData:
    """Gather examples of the small model as it answers now, by model and prompt; `settings` have its adapter in force.

    `labels`: what evaluations on labelled files and people's audits say. `api`: audits by the API. `both`: all. Raises `UsageError` in one line where nothing says
    where it is right, where it is always right (or wrong), and where there is too little.
    """
    name, model = workload.name, model_name(settings)
    gathered = _Gathering(workload, settings, model)
    examples: list[Example] = []
    if ask.teacher != "api":
        examples += gathered.from_evaluations(ask.labels or settings.workload(name).labelled_file)
    examples += gathered.from_audits(ask.teacher)
    data = merge(examples)
    if not data.train or not data.holdout:
        raise _too_little(name, model, data, settings)
    check_examples(name, model, data.train)
    return TrainingData(data, gathered.judges(), gathered.lost)


def _too_little(name: str, model: str, data: Dataset, settings: Settings) -> UsageError:
    """Say what is to be done where a side has no example. Once anything was trained, evaluations ask held-out texts alone, which teach nothing."""
    have = len(data.train) + len(data.holdout)
    missing = (
        "nothing says yet"
        if not have
        else f"{have:,} examples leave nothing to train on, or to measure on, of"
    )
    with ledger_if_any(settings, update=True) as session:
        held_out_only = session is not None and bool(trained.list_trained(session, name))
    remedy = (
        f"`breakeven evaluate {name} --labels FILE` first (the same file for --labels here), or audit what it served (docs/audit.md)"
        if data.train or not held_out_only
        else f"evaluations ask held-out texts alone since something was trained for {name}: give the file of one before that for --labels, or audit what it served (docs/audit.md)"
    )
    return UsageError(
        f"{missing} where {model} is right on {name} with this prompt: {remedy} and use --teacher both"
    )


@dataclass(slots=True)
class _Gathering:
    """Joins what is known of records with their texts. `lost`: judged records whose text nobody has any more."""

    workload: Workload
    settings: Settings
    model: str
    lost: int = field(default=0, init=False)
    _by_api: bool = field(default=False, init=False)

    def judges(self) -> tuple[str, ...]:
        """Return the API models whose answers the examples rest on, none where people's alone do."""
        return teaching_models(self.workload, self.settings) if self._by_api else ()

    def from_evaluations(self, labels: str | Path | None) -> Iterator[Example]:
        """Yield what evaluations said of the texts of the labelled file and of the label page."""
        marks = SmallMarks.of(self.settings.output_dir, self.workload.name)
        right = marks.read(self.model, self.workload.fingerprint)
        for record in self._records(labels) if right else ():
            if (ok := right.pop(text_key(record), None)) is not None:
                yield _example(record.text, ok, "labels")
        self.lost += len(right)

    def _records(self, labels: str | Path | None) -> Iterator[Record]:
        if labels is not None and str(labels) != PEOPLE:
            yield from each_record(str(labels), self.workload)
        if answers_labels(self.workload):
            for one in newest_labels(self.workload, self.settings):
                yield Record("", "", 0, one.text)

    def from_audits(self, teacher: str) -> Iterator[Example]:
        """Yield what audits of production said, with the texts as they were answered."""
        days: dict[date, defaultdict[str, list[tuple[Source, bool]]]] = {}
        published: dict[date, str] = {}
        with ledger_if_any(self.settings, update=True) as session:
            if session is None:
                return
            own = (self.workload.name, self.model, self.workload.fingerprint)
            for day, key, judge, agrees in list_audited_small(session, *own):
                if teacher == "both" or (teacher == "api") == (judge == "api"):
                    source: Source = "audit" if judge == "api" else "people"
                    days.setdefault(day, defaultdict(list))[key].append((source, agrees))
            for one in list_published(session, PRODUCTION):
                if one.workload == self.workload.name and one.output_path:
                    published[one.partition] = one.output_path
        for day, found in days.items():
            yield from self._with_texts(day, found, published.get(day))

    def _with_texts(self, day: date, found: _Found, published: str | None) -> Iterator[Example]:
        """Join one day's audited records with their texts, where these are still what was answered."""
        hashes = {} if published is None else _hashes(Path(published), list(found))
        left = set(hashes)
        try:
            for record in read_again(self.workload, day, cache=InputCache.of(self.settings)) if left else ():
                if record.key in left and record.text_hash == hashes[record.key]:
                    left.discard(record.key)
                    for source, ok in found[record.key]:
                        self._by_api |= source == "audit"
                        yield _example(record.text, ok, source)
                if not left:
                    break
        except InputError as error:
            log.warning("the texts of %s %s cannot be read again: %s", self.workload.name, day, error)
        self.lost += len(left) + len(found) - len(hashes)


def _example(text: str, right: bool, source: Source) -> Example:
    return Example(text, SIMPLE if right else COMPLEX, source)


def _hashes(path: Path, keys: list[str]) -> dict[str, int]:
    """Return the hashes of texts that the local model's published rows answer, of these keys."""
    own = (pl.col("engine").cast(pl.String) == "vllm") & pl.col("record_key").is_in(keys)
    try:
        found = pl.scan_parquet(path, hive_partitioning=False).filter(own).select("record_key", TEXT_HASH)
        return dict(found.collect().iter_rows())
    except (OSError, pl.exceptions.PolarsError) as error:
        log.warning("%s is passed over: %s", path, str(error).splitlines()[0])
        return {}
