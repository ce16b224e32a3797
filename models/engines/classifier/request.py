"""A request that only a classifier answers."""

from dataclasses import dataclass, field
from typing import ClassVar

from models.requests import Request


@dataclass(frozen=True, slots=True)
class ClassifierRequest(Request):
    """One attempt of a classifier for one record: its kind tells its ledger line's engine, and keeps its digest apart.

    `text` is the record's, which is what is classified; the messages are those that an API would get in its place, for what
    that would have cost.
    """

    DOMAIN: ClassVar[str] = "classifier:"

    text: str = field(kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class TriageRequest(ClassifierRequest):
    """The question to a trained triage whether the small model's answer to a record will be right."""

    DOMAIN: ClassVar[str] = "triage:"
