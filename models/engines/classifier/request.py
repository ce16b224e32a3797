"""A request that only a classifier answers."""

from dataclasses import dataclass
from typing import ClassVar

from models.requests import Request


@dataclass(frozen=True, slots=True)
class ClassifierRequest(Request):
    """One attempt of a classifier for one record: its kind tells its ledger line's engine, and keeps its digest apart."""

    DOMAIN: ClassVar[str] = "classifier:"
