"""Classification of a message into one label of a set that the settings give."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from models.errors import UsageError
from models.requests import Choice, Completion, Message, OutputFormat
from models.settings import WorkloadSettings
from models.text_files import read_text
from models.workloads.base import Workload

DEFAULT_LABELS = (
    "billing",
    "refund",
    "delivery",
    "returns",
    "product_question",
    "technical_issue",
    "account_access",
    "cancellation",
    "feedback",
    "other",
)

_INSTRUCTION = "Say which topic the customer's message is about. The topics:\n"
# The examples show the form of an answer; their topics are deliberately of no label set in particular.
_EXAMPLES = (
    ("I would like to know when my order arrives", "order arrival"),
    ("I forgot my password", "password forgotten"),
    ("The app closes by itself every time I open it", "app crash"),
    ("Can I have my money back for the shoes?", "refund request"),
    ("Why did you take 5 dollars from my account?", "unexpected charge"),
    ("How do I move my subscription to another address?", "change of address"),
    ("My parcel came with a broken screen", "damaged item"),
    ("Do you have a shop in Madrid?", "store location"),
)


class ClassificationOutput(BaseModel):
    """What is published for a record. `label` is spelled as in the settings."""

    label: str


class Classification(Workload):
    """Asks for one of the labels, shown to the model as words ("card arrival" for `card_arrival`).

    Words instead of identifiers, and examples before the record, were the two things that helped the
    small model. The prompt up to the record is constant, so the engine's prefix cache holds it.
    Raises `UsageError` for a label set that is empty, repeats itself or cannot be answered.
    """

    name: ClassVar[str] = "classification"
    prompt_version: ClassVar[str] = "1"
    output: ClassVar[type[BaseModel]] = ClassificationOutput
    max_tokens: ClassVar[int] = 128

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        super().__init__(settings, model)
        self._labels = _checked(_labels_of(settings), longest=self.max_tokens - 1)
        self._label_of = dict(zip(_shown(self._labels), self._labels, strict=True))
        self._prefix = (
            Message("system", _INSTRUCTION + "\n".join(self._label_of)),
            *(
                message
                for text, topic in _EXAMPLES
                for message in (Message("user", text), Message("assistant", topic))
            ),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as the settings spell them."""
        return self._labels

    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text; everything before it is constant."""
        return (*self._prefix, Message("user", text))

    @cached_property
    def output_format(self) -> OutputFormat:
        """One of the labels as they are shown to the model."""
        return Choice(tuple(self._label_of))

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002 - the base's signature
        """Turn the shown label back into the label of the settings."""
        value = completion.value
        if not isinstance(value, str) or value not in self._label_of:
            raise self.no_label(completion)
        return ClassificationOutput(label=self._label_of[value])

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with the labels' own spelling: it is what is published."""
        return self.fingerprint_of(self.labels)


def _labels_of(settings: WorkloadSettings) -> tuple[str, ...]:
    if settings.labels is not None and settings.labels_file is not None:
        msg = "classification: set labels or labels_file, not both"
        raise UsageError(msg)
    if settings.labels_file is not None:
        return _read_labels(settings.labels_file)
    return DEFAULT_LABELS if settings.labels is None else tuple(settings.labels)


def _read_labels(path: Path) -> tuple[str, ...]:
    """Read one label a line; lines without text are skipped."""
    try:
        text = read_text(path)
    except UsageError as error:
        msg = f"classification: labels_file: {error}"
        raise UsageError(msg) from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _checked(labels: Sequence[str], *, longest: int) -> tuple[str, ...]:
    """Return the labels if each can be an answer. `longest` in UTF-8 bytes: no token is less than one."""
    twice = [label for label, count in Counter(labels).items() if count > 1]
    too_long = [label for label in labels if len(label.encode()) > longest]
    msg = None
    if len(labels) < 2:  # noqa: PLR2004 - one label is no choice
        msg = f"needs at least two labels, has {len(labels)}"
    elif any(not label.strip() or not label.isprintable() for label in labels):
        msg = "a label is empty or holds a line break or another control character"
    elif twice:
        msg = f"the label {twice[0]!r} is given twice"
    elif too_long:
        msg = f"the label {too_long[0]!r} is longer than {longest} bytes"
    if msg:
        msg = f"classification: {msg}; set BREAKEVEN_WORKLOADS__CLASSIFICATION__LABELS or its labels_file"
        raise UsageError(msg)
    return tuple(labels)


def _shown(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels as words, or as they are where two would become the same."""
    words = tuple(" ".join(label.replace("_", " ").lower().rstrip("?!. ").split()) for label in labels)
    return words if all(words) and len(set(words)) == len(words) else tuple(labels)
