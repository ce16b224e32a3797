"""Which vocabulary stands for a model's own where tiktoken does not know the model: a dated table of families."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class AssumedEncoding:
    """The vocabulary that is taken for models of a family, since when, and why."""

    names: tuple[str, ...]
    encoding: str
    date: date
    source: str


def find_encoding(model: str) -> AssumedEncoding | None:
    """Return the vocabulary that is assumed for a model's name; None for a name of no known family.

    A provider's name may stand before it (`anthropic/claude-...`, `regional.openai.gpt-...`, `ft:gpt-...`).
    """
    parts = [model.lower()]
    parts += [parts[0][found.end() :] for found in re.finditer(r"[/:.@]", parts[0])]
    return next((one for part in parts for one in _families() if part.startswith(one.names)), None)


@cache
def _families() -> tuple[AssumedEncoding, ...]:
    text = files("models.catalogue").joinpath("encodings.toml").read_text(encoding="utf-8")
    return tuple(
        AssumedEncoding(**{**one, "names": tuple(one["names"])}) for one in tomllib.loads(text)["families"]
    )
