"""Kinds of fault that one record and one reply do not show: each names what is right, and the test that shows it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One row of the second table of docs/faults.md.

    `setting` is the one that a user changes, empty where none is at fault; `test` is the test's node, `FILE::NAME`.
    """

    what: str
    right: str
    test: str
    setting: str = ""
