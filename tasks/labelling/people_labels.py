"""What people said on the label page, for those who evaluate and train: the newest of each labeller, the majority of a text."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from models.errors import InputError
from models.evaluation.agreement import measure_agreement
from models.evaluation.scores import LabelAgreement
from models.records import Record
from models.requests import JsonValue
from models.settings import Settings
from models.training.examples import Example
from models.workloads.answer_kind import can_answer, known_labels
from models.workloads.base import Workload
from tasks.documents.amounts import plural
from tasks.labelling.cells import RowPlace
from tasks.labelling.choose_references import DEFAULT_COLUMNS, field_schemas
from tasks.labelling.label_rows import LabelRows
from tasks.labelling.labelled_file import LabelledFile, finish_rows
from tasks.labelling.people_file import (
    PersonsLabel,
    newest_of_each,
    newest_said,
    people_file,
    read_labels,
    same_text,
)
from tasks.labelling.references import (
    LabelSets,
    OneLabel,
    References,
    ReferenceTexts,
    WholeObjects,
    canonical,
)
from tasks.reading.sampling import BottomSample

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JudgedText:
    """What people said of one text: the answer of most, None where no answer has most. `given`: each labeller's."""

    text: str = field(repr=False)
    answer: JsonValue = field(repr=False)
    given: dict[str, JsonValue] = field(repr=False)

    @property
    def is_disputed(self) -> bool:
        """Whether labellers said different things."""
        return len({canonical(one) for one in self.given.values()}) > 1


def newest_labels(workload: Workload, settings: Settings) -> list[PersonsLabel]:
    """Return each labeller's newest label of each text that the workload can answer still. Raises `InputError`.

    What is passed over is said in a line: lines that were cut, labels that the workload does not have any more.
    """
    path = people_file(settings.output_dir, workload.name)
    found = read_labels(path)
    if found.unreadable:
        log.warning(
            "%s of %s cannot be read and is passed over", plural(found.unreadable, "line", "lines"), path
        )
    every = newest_of_each(found.labels)
    known = [one for one in every if can_answer(workload, one.label)]
    if len(known) < len(every):
        log.warning(
            "%s of %s no longer in the label set of %s and passed over",
            plural(len(every) - len(known), "label is", "labels are"),
            path,
            workload.name,
        )
    return known


def newest_verdicts(workload: Workload, settings: Settings) -> list[PersonsLabel]:
    """Return what each person said last of each text whose published answer he was shown. Raises `InputError`.

    What he wrote in its place counts as far as the workload can answer it still.
    """
    lines = newest_said(read_labels(people_file(settings.output_dir, workload.name)).labels)
    return [
        one if one.label is None or can_answer(workload, one.label) else replace(one, label=None)
        for one in lines
        if one.right is not None
    ]


def judge_answers(verdicts: Sequence[PersonsLabel]) -> list[JudgedText]:
    """Gather what was said of each text's answer: right or wrong. Another answer to the same text is another one to judge."""
    gathered: dict[tuple[str, str], tuple[str, dict[str, JsonValue]]] = {}
    for one in verdicts:
        of = gathered.setdefault((same_text(one.text), canonical(one.shown)), (one.text, {}))
        of[1][one.by] = "right" if one.right else "wrong"
    return [JudgedText(text, _majority(given), given) for text, given in gathered.values()]


def people_examples(workload: Workload, settings: Settings) -> Iterator[Example]:
    """Yield what each labeller said last of each text, as examples to train on. Raises `InputError`."""
    for one in newest_labels(workload, settings):
        yield Example(one.text, one.label, "people")


def judge_texts(workload: Workload, labels: Sequence[PersonsLabel]) -> list[JudgedText]:
    """Gather what was said of each text; of several labels their order does not count."""
    order = known_labels(workload)
    by_text: dict[str, tuple[str, dict[str, JsonValue]]] = {}
    for one in labels:
        given = one.label
        answer: JsonValue = [name for name in order if name in given] if isinstance(given, list) else given
        by_text.setdefault(same_text(one.text), (one.text, {}))[1][one.by] = answer
    return [JudgedText(text, _majority(given), given) for text, given in by_text.values()]


def agreements(judged: Sequence[JudgedText]) -> dict[tuple[str, str], LabelAgreement]:
    """Return how far each two labellers agree on the texts that both labelled, with Cohen's kappa."""
    people = sorted({name for one in judged for name in one.given})
    found = {}
    for pair in combinations(people, 2):
        both = [one.given for one in judged if set(pair) <= set(one.given)]
        if both:
            mine, other = ([canonical(given[name]) for given in both] for name in pair)
            found[pair] = measure_agreement(pair[1], mine, other)
    return found


def read_people(
    workload: Workload, settings: Settings, *, limit: int | None, seed: int, held_out_only: bool = False
) -> LabelledFile:
    """Return what people said on the label page as a file of labelled records: of each text the answer of most labellers.

    Texts of which no answer has most are left out, and said. Raises `InputError` where nobody has labelled enough.
    """
    path = people_file(settings.output_dir, workload.name)
    labels = newest_labels(workload, settings)
    judged = judge_texts(workload, labels)
    if not judged:
        msg = f"nobody has labelled records of {workload.name}: `breakeven label {workload.name}` opens the page for it"
        raise InputError(msg)
    if undecided := sum(one.answer is None for one in judged):
        said = plural(undecided, "text is", "texts are")
        log.warning("%s left out of the evaluation: labellers disagree, and no answer has most", said)
    drawn = {same_text(one.text) for one in labels if one.drawn is not None}
    if chosen := len({same_text(one.text) for one in labels if one.partition is not None} - drawn):
        log.warning(
            "%s of published records, which were chosen as the least sure: they are harder than the whole. Labels of a sample "
            "(`breakeven label %s --from FILE`) measure what all records are like",
            plural(chosen, "labelled text is one", "labelled texts are"),
            workload.name,
        )
    if workload.kind == "text" and (own := sum(one.right is True for one in labels)):
        log.warning(
            "%s the local model's own words, which people found right: it is measured against itself there",
            plural(own, "right answer is", "right answers are"),
        )
    rows = LabelRows(_reader(workload), BottomSample(limit), seed, held_out_only=held_out_only)
    for number, one in enumerate(one for one in judged if one.answer is not None):
        record = Record(str(number), str(number), number, one.text)
        rows.take(RowPlace(number + 1), record, [one.answer])
    return finish_rows(str(path), rows, workload, limit, ("text",))


def _reader(workload: Workload) -> References:
    """Return what reads the right answers that people gave, as it does those of a file's one column."""
    column, known = DEFAULT_COLUMNS[workload.kind], known_labels(workload)
    match workload.kind:
        case "label":
            return OneLabel(column, known)
        case "labels":
            return LabelSets(column, known)
        case "object":
            return WholeObjects(column, field_schemas(workload))
        case "text":
            return ReferenceTexts(column)


def _majority(given: dict[str, JsonValue]) -> JsonValue:
    counted = Counter(canonical(one) for one in given.values())
    (best, count), *others = counted.most_common()
    if others and others[0][1] == count:
        return None
    return next(one for one in given.values() if canonical(one) == best)
