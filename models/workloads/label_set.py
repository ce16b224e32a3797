"""The labels of a workload: read from the settings, checked, and shown to the model as words."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from models.text_files import read_text
from models.workloads.definition import Definition
from models.workloads.label_spelling import LabelSpellings, is_one_line, spelling_key, without_hidden

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
LEAST_TOKENS = 16
"""Tokens that any answer may have where nothing else is said."""


def read_label_set(definition: Definition) -> dict[str, str]:
    """Return the labels with their meanings, empty where none is given, in the order of the settings.

    Raises `UsageError`: fewer than two labels, one that is given twice, or one that cannot be shown.
    """
    key, pairs = _pairs(definition)
    keys = Counter(spelling_key(label) for label, _ in pairs)
    twice = [label for label, _ in pairs if keys[spelling_key(label)] > 1]
    if len(pairs) < 2:  # noqa: PLR2004 - one label is no choice
        raise definition.mistake(key=key, what=f"needs at least two labels, has {len(pairs)}")
    if any(not spelling_key(label) or not is_one_line(label) for label, _ in pairs):
        raise definition.mistake(
            key=key, what="a label is empty or holds a line break or another control character"
        )
    if twice:
        raise definition.mistake(key=key, what=f"the label {twice[0]!r} is given twice{_as_other(twice)}")
    return dict(pairs)


def _as_other(twice: Sequence[str]) -> str:
    """Say how a label is spelled a second time, where that is not the same."""
    other = next(
        (label for label in twice if label != twice[0] and spelling_key(label) == spelling_key(twice[0])),
        None,
    )
    return "" if other is None else f", as {other!a} too"


def _pairs(definition: Definition) -> tuple[str, Sequence[tuple[str, str]]]:
    settings = definition.settings
    if (path := settings.labels_file) is not None:
        text = definition.reading("labels_file", lambda: read_text(path))
        lines = [line.strip().partition("\t") for line in _LINE_ENDS.split(text) if spelling_key(line)]
        return "labels_file", [(label.strip(), meaning.strip()) for label, _, meaning in lines]
    if settings.labels is None:
        raise definition.mistake(key="labels", what="has no labels: set labels or labels_file")
    if isinstance(settings.labels, dict):
        return "labels", list(settings.labels.items())
    return "labels", [(label, "") for label in settings.labels]


def show_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels as words ("card arrival" for `card_arrival`), or as they are where two would become the same."""
    words = tuple(
        " ".join(without_hidden(label).replace("_", " ").lower().rstrip("?!. ").split()) for label in labels
    )
    return words if all(words) and len(set(words)) == len(words) else tuple(labels)


def token_limit(definition: Definition, longest: int) -> int:
    """Return the tokens that an answer may have. No token is less than one byte of UTF-8, and one ends the answer.

    `longest`: bytes of the longest answer. Raises `UsageError` where it does not fit the limit that is set.
    """
    given = definition.settings.max_tokens
    if given is None or not definition.sets("max_tokens"):
        return max(given or LEAST_TOKENS, longest + 1)
    if given <= longest:
        what = f"the longest answer has {longest} bytes: set max_tokens to at least {longest + 1}, or leave it out"
        raise definition.mistake(key="max_tokens", what=what)
    return given


def show_example(definition: Definition, number: int, answer: object, shown: Mapping[str, str]) -> str:
    """Return an example's label as the model sees it. Those of a preset may be of no label set in particular.

    `shown` gives the words of each label. Raises `UsageError` for a label that is not there.
    """
    if isinstance(answer, str) and (label := LabelSpellings(tuple(shown)).find(answer)) is not None:
        return shown[label]
    if isinstance(answer, str) and not definition.sets("examples", "examples_file"):
        return answer
    key = definition.examples_key
    raise definition.mistake(
        key=key, what=f"example {number} has the answer {answer!r}, which is none of its labels"
    )
