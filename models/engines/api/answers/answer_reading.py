"""The answer in the text of a reply: lenient about what stands around it, strict about the answer itself."""

from dataclasses import dataclass, field

import orjson

from models.engines.api.answers.json_reading import (
    NoJson,
    decode,
    find_block,
    has_block,
    unfence,
    without_blocks,
)
from models.engines.api.answers.label_reading import find_label, find_spelling, names_another
from models.engines.api.answers.reasoning_marks import without_reasoning
from models.engines.api.schema import LABEL
from models.requests import Choice, FreeText, JsonValue, OutputFormat

AFTER_REASONING, FROM_PROSE, FROM_LIST = "after_reasoning", "from_prose", "from_list"
FROM_STRING, OTHER_SPELLING = "from_string", "other_spelling"
"""How an answer was read that did not stand alone; of several the one that was needed last."""


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """Text and value of an answer; the value is None where there is none. `note` says how it was read.

    The value of a label is the label, which is its text too.
    """

    text: str = field(repr=False)
    value: JsonValue = field(default=None, repr=False)
    note: str | None = None


def read_answer(output: OutputFormat, content: str, *, cut: bool) -> ReadAnswer:
    """Read an answer of a shape. `cut`: it ended at the token limit. Never raises.

    A text that is the answer as it stands is taken first. Then reasoning between marks is taken off, and one answer
    is looked for that is clearly meant. Of a free text nothing else is taken off.
    """
    whole = _read(output, content.strip(), cut=cut)
    bare = without_reasoning(content, free=isinstance(output, FreeText))
    if bare.strip() == content.strip() or (whole is not None and not isinstance(output, FreeText)):
        read, note = whole or _find(output, content.strip(), cut=cut), None
    else:
        bare, note = bare.strip(), AFTER_REASONING
        read = (_read(output, bare, cut=cut) or _find(output, bare, cut=cut)) if bare else None
    if read is None:
        return ReadAnswer(content if note is None or bare else "")
    return ReadAnswer(read.text, read.value, read.note or note)


def is_all_reasoning(output: OutputFormat, content: str) -> bool:
    """Whether a text holds reasoning between marks and nothing else."""
    return not without_reasoning(content, free=isinstance(output, FreeText)).strip()


def _read(output: OutputFormat, bare: str, *, cut: bool) -> ReadAnswer | None:
    """Read a text that is the answer as it stands, or in a Markdown fence."""
    if isinstance(output, FreeText):
        return ReadAnswer(bare, bare)
    if isinstance(output, Choice) and bare in output.labels:
        more = cut and any(one != bare and one.startswith(bare) for one in output.labels)
        return None if more else ReadAnswer(bare, bare)
    try:
        text = unfence(bare)
        value = decode(text)
    except NoJson:
        return None
    if not isinstance(output, Choice):
        return ReadAnswer(text, value) if isinstance(value, dict) else None
    label = value.get(LABEL) if isinstance(value, dict) and len(value) == 1 else None
    return ReadAnswer(label, label) if isinstance(label, str) and label in output.labels else None


def _find(output: OutputFormat, bare: str, *, cut: bool) -> ReadAnswer | None:
    """Find the one answer that a text means."""
    if isinstance(output, FreeText):
        return None
    text, note = unfence(bare), None
    try:
        value = decode(text)
    except NoJson:
        if not has_block(bare):
            return _label_of_text(output, text, cut=cut) if isinstance(output, Choice) else None
        try:
            text, note = find_block(bare), FROM_PROSE
            value = decode(text)
        except NoJson:
            return None
    return (
        _object_of(value, text, note)
        if not isinstance(output, Choice)
        else _label_of(output, value, note, bare, cut)
    )


def _object_of(value: JsonValue, text: str, note: str | None) -> ReadAnswer | None:
    """Return an object, also out of a list of one or of the same again, or out of a string of JSON."""
    if isinstance(value, list) and _is_one(value):
        inner, note = value[0], note or FROM_LIST
    elif isinstance(value, str):
        try:
            inner, note = decode(value), note or FROM_STRING
        except NoJson:
            return None
    else:
        return ReadAnswer(text, value, note) if isinstance(value, dict) else None
    return ReadAnswer(_written(inner), inner, note) if isinstance(inner, dict) else None


def _label_of(output: Choice, value: JsonValue, note: str | None, bare: str, cut: bool) -> ReadAnswer | None:
    """Return the label that a value of JSON is: in its object, whose one name may be in other letters' case, or bare."""
    if isinstance(value, list) and _is_one(value) and isinstance(value[0], dict | str):
        value, note = value[0], note or FROM_LIST
    if isinstance(value, dict):
        ((name, label),) = value.items() if len(value) == 1 else (("", None),)
        if isinstance(
            label, bool | int | float
        ):  # written as a number or a truth value, as the label spells it
            label = _written(label)
            label, note = (label, note or OTHER_SPELLING) if label in output.labels else (None, note)
        value = label if name.casefold() == LABEL and isinstance(label, str) else None
    elif isinstance(value, str):
        inner = _read(output, value.strip(), cut=cut) if value.lstrip().startswith("{") else None
        value, note = value if inner is None else inner.text, note or FROM_STRING
    elif not isinstance(value, list):
        return _label_of_text(output, bare, cut=cut)
    if not isinstance(value, str):
        return None
    label = value if value in output.labels else find_spelling(output.labels, value)
    if label is not None and note == FROM_PROSE and names_another(output.labels, label, without_blocks(bare)):
        return None
    spelled = note if label == value else note or OTHER_SPELLING
    return None if label is None else ReadAnswer(label, label, spelled)


def _label_of_text(output: Choice, bare: str, *, cut: bool) -> ReadAnswer | None:
    """Return the label that a text is in another spelling, or that prose means."""
    if not cut and (spelled := find_spelling(output.labels, bare)) is not None:
        return ReadAnswer(spelled, spelled, None if spelled == bare else OTHER_SPELLING)
    named = find_label(output.labels, bare, cut=cut)
    return None if named is None else ReadAnswer(named, named, FROM_PROSE)


def _is_one(values: list[JsonValue]) -> bool:
    """Whether a list holds one value, or the same again and again."""
    return len({_written(value) for value in values}) == 1


def _written(value: JsonValue) -> str:
    return orjson.dumps(value).decode()
