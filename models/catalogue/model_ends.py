"""When models leave their providers' APIs, and what takes their place: reviewed data with sources."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

NOTICE_DAYS = 90
"""So many days ahead a model's end is said."""

_NAMES: Mapping[str, str] = {"openai": "OpenAI's", "google": "Google's", "anthropic": "Anthropic's"}
_SNAPSHOT = re.compile(r"-(20\d{2}-\d{2}-\d{2}|20\d{6})$")


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """The day from which a provider's API no longer answers for a model.

    `successor` is what the provider names in its place, None where it names nothing. `source` says where
    it is written and when it was read. `provider` is that of genai-prices, empty where it is not known.
    """

    model: str
    ends_on: date
    successor: str | None
    source: str
    provider: str = ""

    def is_near(self, today: date) -> bool:
        """Whether the end is at most `NOTICE_DAYS` away, or past."""
        return (self.ends_on - today).days <= NOTICE_DAYS


def find_end(model: str) -> ModelEnd | None:
    """Return the known end of a model; None where none is known.

    `model` may be a snapshot (`gpt-4o-mini-2024-07-18`), a fine-tuned model (`ft:...`), a model's batches
    (`...:batch`), or `PROVIDER/MODEL`, which must be the provider that the entry speaks of.
    """
    provider, _, name = model.lower().rpartition("/")
    name = name.removesuffix(":batch")
    if name.startswith("ft:"):
        name = name.split(":")[1]
    ends = _ends()
    found = ends.get(name) or ends.get(_SNAPSHOT.sub("", name))
    return None if found is None or provider not in {"", found.provider} else found


def describe_end(end: ModelEnd, today: date, *, setting: str = "BREAKEVEN_API_MODEL") -> str:
    """Say in one sentence when a model ends and what to do about it."""
    days = (end.ends_on - today).days
    api = f"{_NAMES[end.provider]} API" if end.provider in _NAMES else "the API"
    if days > 1:
        when = f"leaves {api} on {end.ends_on}, in {days} days"
    elif days >= 0:
        when = f"leaves {api} on {end.ends_on}, {'tomorrow' if days else 'today'}"
    else:
        when = f"left {api} on {end.ends_on}"
    if end.successor is None:
        return f"{end.model} {when}; no successor is named: set {setting} to another model"
    return f"{end.model} {when}; its named successor is {end.successor}: set {setting}={end.successor}"


def end_note(model: str, today: date) -> str:
    """Return what is to be added to the message that an API has no such model: empty where no end of it is near."""
    end = find_end(model)
    return f"; {describe_end(end, today)}" if end is not None and end.is_near(today) else ""


@cache
def _ends() -> Mapping[str, ModelEnd]:
    data = tomllib.loads(files("models.catalogue").joinpath("model_ends.toml").read_text(encoding="utf-8"))
    return {
        name: ModelEnd(
            name,
            entry["ends_on"],
            entry.get("successor"),
            f"{entry['source']}; read {entry['date']}",
            entry["provider"],
        )
        for entry in data["ends"]
        for name in entry["models"]
    }
