"""What a check found, as a plain value."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SetupCheck:
    """One thing that was looked at. `fail` stops a run, `warn` limits it, `ok` is fine."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""
