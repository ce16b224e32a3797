"""Audits by people, where the API may not be asked: what they are shown, and how often they agree with what is published.

They label texts of a workload that answers labels, seeing nothing of what was answered; of objects and texts they judge what was.

Of each partition people see the records of the keyed draw, in a random order of their texts that is the same for everybody. So whatever they come
to see of it is a random sample: what counts of a partition are the drawn records up to the last text in that order that was labelled for it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from db import audits, partitions
from db.audits import find_serving_run
from db.partitions import PartitionVersion
from models.errors import OutputError, UsageError
from models.records import Record
from models.requests import JsonValue
from models.settings import Settings
from models.workloads.answer_kind import answers_labels, can_answer
from models.workloads.base import Workload
from tasks.audit.agreement import agrees
from tasks.audit.draw import ServedRecord, is_drawn, read_served
from tasks.audit.store import audited_records
from tasks.audit.verdicts import what_most_say
from tasks.documents.amounts import plural
from tasks.labelling.people_file import PersonsLabel, newest_lines, people_file, read_labels, same_text
from tasks.labelling.people_labels import judge_texts, newest_labels, newest_verdicts
from tasks.reading.sampling import draw_number
from tasks.runtime.ledger_access import ledger_if_any, with_patience, writing_ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeopleAudit:
    """How many drawn records people have labelled, and of how many the published answer is what they say.

    `unjudged`: those that they saw beside these, and of which they said nothing that counts: skipped, or tied.
    """

    audited: int = 0
    agreeing: int = 0
    unjudged: int = 0


def people_share(workload: Workload, settings: Settings) -> float:
    """Return the share of its records that people audit, 0 where the API can, or nobody is to."""
    asks_api = workload.residency != "local" and settings.api_mode != "off"
    return 0.0 if asks_api else workload.settings.audit.share


def people_command(workload: Workload) -> str:
    """Return the command by which people audit a workload."""
    return f"`breakeven label {workload.name} --from audit`"


def text_number(text: str) -> int:
    """Return the hash of a text, as it is published with its answer."""
    return Record("", "", 0, text).text_hash


def place_of(workload: str, text_hash: int) -> int:
    """Return a text's place in the order in which people see drawn records."""
    return draw_number(0, f"{workload}\0{text_hash:016x}".encode())


def audit_by_people(workload: Workload, settings: Settings) -> PeopleAudit | None:
    """Compare what people said of drawn records with what is published, and write it down; None where nobody labelled any.

    It is worked out anew from the file of labels each time. A partition that is not published any more keeps what was found.
    Raises `InputError`, `DatabaseUnavailable`.
    """
    lines = read_labels(people_file(settings.output_dir, workload.name)).labels
    shares = _shares(lines)
    if not shares:
        return None
    judge = _judge(workload, settings)
    last = _last_places(workload.name, newest_lines(lines))
    with ledger_if_any(settings, update=True) as session:
        every = [] if session is None else partitions.list_published(session)
    audited = agreeing = unjudged = 0
    for version in every:
        if version.workload != workload.name or version.partition not in shares:
            continue
        until, share = last.get(version.partition, -1), shares[version.partition]
        found = _compare(workload, settings, version, share, until, judge)
        audited, agreeing = audited + found.audited, agreeing + found.agreeing
        unjudged += found.unjudged
    return PeopleAudit(audited, agreeing, unjudged)


def describe_people_audit(name: str, found: PeopleAudit) -> str:
    """Say how often people agree with what is published."""
    open_ = f", and left {found.unjudged:,} open (skipped, or tied)" if found.unjudged else ""
    return (
        f"people agree with what is published on {found.agreeing:,} of {plural(found.audited, 'audited record')} of {name}{open_}: "
        f"breakeven ledger audits --workload {name}"
    )


def _shares(labels: Sequence[PersonsLabel]) -> dict[date, float]:
    """Return the share that was drawn of each partition of which somebody has labelled drawn records; what was taken back is among them."""
    shares: dict[date, float] = {}
    for one in labels:
        if one.drawn is not None and (day := _day(one)) is not None:
            shares[day] = max(one.drawn, shares.get(day, 0.0))
    return shares


def _day(label: PersonsLabel) -> date | None:
    try:
        return None if label.partition is None else date.fromisoformat(label.partition)
    except ValueError:  # somebody has edited the file
        return None


def _judge(workload: Workload, settings: Settings) -> Callable[[ServedRecord], bool | None]:
    """Return what says whether most people agree with a published answer: with what they said of its text, or found of itself; None: unknown."""
    if answers_labels(workload):
        answers = _answers(workload, newest_labels(workload, settings))
        return lambda one: (
            agrees(workload, one.value, answers[one.text_hash]) if one.text_hash in answers else None
        )
    by_text: dict[str, list[PersonsLabel]] = {}
    said: dict[int, list[PersonsLabel]] = {}
    for line in newest_verdicts(workload, settings):
        same = by_text.setdefault(same_text(line.text), [])
        same.append(line)
        said[text_number(line.text)] = same
    return lambda one: what_most_say(workload, said.get(one.text_hash, ()), one.value)


def _answers(workload: Workload, labels: Sequence[PersonsLabel]) -> dict[int, JsonValue]:
    """Return what most people say of each text that was shown to one of them for an audit, by the text's hash."""
    shown = {same_text(one.text) for one in labels if one.drawn is not None}
    judged = {same_text(one.text): one.answer for one in judge_texts(workload, labels)}
    texts = {one.text: same_text(one.text) for one in labels}
    return {
        text_number(text): judged[same]
        for text, same in texts.items()
        if same in shown and judged[same] is not None
    }


def _last_places(name: str, labels: Sequence[PersonsLabel]) -> dict[date, int]:
    """Return how far people have come in each partition: the last place in its order that somebody labelled or skipped."""
    last: dict[date, int] = {}
    for one in labels:
        if one.drawn is not None and (day := _day(one)) is not None:
            last[day] = max(place_of(name, text_number(one.text)), last.get(day, -1))
    return last


def _compare(
    workload: Workload,
    settings: Settings,
    version: PartitionVersion,
    share: float,
    until: int,
    judge: Callable[[ServedRecord], bool | None],
) -> PeopleAudit:
    """Compare the drawn records of a partition up to a place with what people say of their texts, and write it down."""
    name, day = workload.name, version.partition
    try:
        drawn = read_served(
            Path(version.output_path or ""), workload, lambda key: is_drawn(name, day, key, share)
        )
    except OutputError as error:
        log.warning("%s %s keeps the audit that it has: %s", name, day, error)
        return PeopleAudit()
    agreeing = {
        key: judge(one)
        for key, one in drawn.items()
        if place_of(name, one.text_hash) <= until and can_answer(workload, one.value)
    }
    judged = [one for one in agreeing.values() if one is not None]

    def write() -> None:
        with make_session.begin() as session:
            now, run = partitions.find_published(session, name, day), find_serving_run(session, version.id)
            if now is None or now.id != version.id or run is None:
                return  # published anew in between: the next start compares
            rows = audited_records(session, run, run.run_id, drawn, agreeing, "people")
            audits.replace_audits(session, name, day, rows, "people")

    with writing_ledger(settings, create=False) as make_session:
        with_patience(settings.database_patience_seconds, write)
    return PeopleAudit(len(judged), sum(judged), len(agreeing) - len(judged))


def no_share(workload: Workload) -> UsageError:
    """Return the error for a workload of which people are to audit nothing."""
    return UsageError(
        f"{workload.name} is not audited: set share = 0.01 in [workloads.{workload.name}.audit], of which people then see records"
    )
