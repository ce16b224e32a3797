"""Why a file of labelled records is refused: one line for each mistake, which says what to do."""

from collections.abc import Sequence

from models.errors import InputError
from models.workloads.base import Workload
from models.workloads.settings_workload import SettingsWorkload
from tasks.documents.amounts import join_words, plural
from tasks.labelling.label_rows import Conflict, LabelRows
from tasks.labelling.references import OneLabel, References
from tasks.reading.columns import existing_columns

LEAST = 2
"""Records that an evaluation needs at least; what it says of so few is next to nothing, and its intervals show it."""
ENOUGH = "better 50 to 100"
SHOWN = 3
"""Rows and labels that a message names."""
_SHOWN_ANSWER = 60
"""Characters of a right answer that a message shows."""
_SHOWN_LABELS = 12
"""Labels of a label set that a message names."""


def check_columns(path: str, existing: Sequence[str], texts: Sequence[str], workload: Workload) -> None:
    """See that the text's columns are there. Raises `InputError` that names those that are."""
    if missing := [name for name in texts if name not in existing]:
        has = existing_columns(missing, existing)
        msg = (
            f"{path} has no column {', '.join(missing)}, which holds the text of {workload.name}; {has}. Rename the "
            f"column, or set text_columns of the workload ({_variable(workload, 'TEXT_COLUMNS')})"
        )
        raise InputError(msg)


def check_rows(path: str, rows: LabelRows, texts: Sequence[str]) -> None:
    """See that there is something to evaluate. Raises `InputError`."""
    if not rows.rows:
        msg = f"{path} holds no records; an evaluation needs at least {LEAST} labelled ones, {ENOUGH}"
        raise InputError(msg)
    if rows.quarantined == rows.rows:
        msg = f"none of the {plural(rows.rows, 'row')} of {path} has text in {', '.join(texts)}"
        raise InputError(msg)
    references = rows.references
    if references is not None and not rows.seen and not rows.unknown and not rows.left_for_training:
        msg = (
            f"no record of {path} has a {references.noun} in {references.where}: write the right {_right(references)} of some "
            f"({ENOUGH}) into it, and run this again"
        )
        raise InputError(msg)


def check_labels(path: str, rows: LabelRows, workload: Workload) -> None:
    """See that the workload knows all labels, and that no text has two right answers. Raises `InputError`."""
    references = rows.references
    if references is None:
        return
    if rows.unknown:
        raise _unknown(path, rows, references, workload)
    if rows.conflicts:
        by_text: dict[int, Conflict] = {}
        for one in rows.conflicts:
            by_text.setdefault(one.first.number, one)
        shown = list(by_text.values())[:SHOWN]
        some = [f"{one.first} {_quoted(one.label)}, {one.second} {_quoted(one.other)}" for one in shown]
        msg = (
            f"{path} has {plural(len(by_text), 'text')} with more than one {references.noun}: {'; '.join(some)}"
            f"{_more(len(by_text))}. Keep one {references.noun} for each text"
        )
        raise InputError(msg)


def check_enough(path: str, rows: LabelRows, limit: int | None) -> None:
    """See that what was drawn can be compared: two records at least, and two labels. Raises `InputError`."""
    found, references = rows.labels(), rows.references
    if len(found) < LEAST and rows.left_for_training:
        msg = (
            f"{path} has {plural(len(found), 'text')} on the side that no training uses, and {len(rows.left_for_training):,} on the other: "
            f"what was trained here is evaluated on the first alone, which needs at least {LEAST}, {ENOUGH}. Label about five times as many"
        )
        raise InputError(msg)
    kind = "record" if references is None else "labelled record"
    if len(found) < LEAST:
        msg = f"{path} has {plural(len(found), kind)}; an evaluation needs at least {LEAST}, {ENOUGH}"
        raise InputError(msg)
    given = set(found.values())
    if not isinstance(references, OneLabel) or len(given) > 1:
        return
    only = given.pop()
    others = _some_labels([label for label in references.labels if label != only])
    if any(label != only for label, _ in rows.seen.values()):
        msg = f"all {limit} records drawn of {path} have the label {only!r}: draw more with a larger --limit"
    else:
        msg = (
            f"all {plural(len(found), kind)} of {path} have the label {only!r}, which tells nothing of the others: "
            f"add records with {others}"
        )
    raise InputError(msg)


def check_second(path: str, rows: LabelRows) -> None:
    """See that a second labeller labelled one of the records that were drawn. Raises `InputError`."""
    if rows.second is not None and not rows.second_labels.keys() & rows.texts().keys():
        msg = (
            f"no labelled record of {path} has a second label in {rows.second.where}: have some labelled by a second person, "
            "or leave out --second-labels"
        )
        raise InputError(msg)


def _right(references: References) -> str:
    return references.noun.removeprefix("right ")


def _quoted(answer: str | None) -> str:
    shown = "" if answer is None else answer
    return repr(shown if len(shown) <= _SHOWN_ANSWER else f"{shown[:_SHOWN_ANSWER]}...")


def _unknown(path: str, rows: LabelRows, references: References, workload: Workload) -> InputError:
    found = sorted(rows.unknown.items(), key=lambda item: -item[1].rows)
    some = [f"{_quoted(label)} ({_where(one.rows)}{one.first})" for label, one in found[:SHOWN]]
    do = "correct them in the file"
    if isinstance(workload, SettingsWorkload):
        do += f", or the label set ({_variable(workload, 'LABELS')} or its labels_file)"
    return InputError(
        f"{path} has labels that {workload.name} does not know: {', '.join(some)}{_more(len(found))}; it knows "
        f"{_some_labels(references.labels)}. Letter case counts{_between(references)}: {do}"
    )


def _between(references: References) -> str:
    return "" if isinstance(references, OneLabel) else ", and | or ; stands between several"


def _where(rows: int) -> str:
    return "" if rows == 1 else f"{rows:,} rows, first "


def _more(count: int) -> str:
    return f" and {count - SHOWN:,} more" if count > SHOWN else ""


def _some_labels(labels: Sequence[str]) -> str:
    if len(labels) <= _SHOWN_LABELS:
        return join_words(list(labels))
    return f"{', '.join(labels[:_SHOWN_LABELS])} and {len(labels) - _SHOWN_LABELS} more"


def _variable(workload: Workload, setting: str) -> str:
    return f"BREAKEVEN_WORKLOADS__{workload.name.upper()}__{setting}"
