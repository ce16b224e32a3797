"""The labels of a workload: read from the settings, checked, and shown to the model as words."""

from collections import Counter
from collections.abc import Mapping, Sequence

from models.text_files import read_text
from models.workloads.definition import Definition

LEAST_TOKENS = 16
"""Tokens that any answer may have where nothing else is said."""


def read_label_set(definition: Definition) -> dict[str, str]:
    """Return the labels with their meanings, empty where none is given, in the order of the settings.

    Raises `UsageError`: fewer than two labels, one that is given twice, or one that cannot be shown.
    """
    key, pairs = _pairs(definition)
    twice = [label for label, count in Counter(label for label, _ in pairs).items() if count > 1]
    if len(pairs) < 2:  # noqa: PLR2004 - one label is no choice
        raise definition.mistake(key=key, what=f"needs at least two labels, has {len(pairs)}")
    if twice:
        raise definition.mistake(key=key, what=f"the label {twice[0]!r} is given twice")
    if any(not label.strip() or not label.isprintable() for label, _ in pairs):
        raise definition.mistake(
            key=key, what="a label is empty or holds a line break or another control character"
        )
    return dict(pairs)


def _pairs(definition: Definition) -> tuple[str, Sequence[tuple[str, str]]]:
    settings = definition.settings
    if (path := settings.labels_file) is not None:
        text = definition.reading("labels_file", lambda: read_text(path))
        lines = [line.strip().partition("\t") for line in text.splitlines() if line.strip()]
        return "labels_file", [(label.strip(), meaning.strip()) for label, _, meaning in lines]
    if settings.labels is None:
        raise definition.mistake(key="labels", what="has no labels: set labels or labels_file")
    if isinstance(settings.labels, dict):
        return "labels", list(settings.labels.items())
    return "labels", [(label, "") for label in settings.labels]


def show_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels as words ("card arrival" for `card_arrival`), or as they are where two would become the same."""
    words = tuple(" ".join(label.replace("_", " ").lower().rstrip("?!. ").split()) for label in labels)
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
    if isinstance(answer, str) and answer in shown:
        return shown[answer]
    if isinstance(answer, str) and not definition.sets("examples", "examples_file"):
        return answer
    key = definition.examples_key
    raise definition.mistake(
        key=key, what=f"example {number} has the answer {answer!r}, which is none of its labels"
    )
