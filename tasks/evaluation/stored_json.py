"""An evaluation as JSON: every figure, for programs and for the ledger.

Keys are those of `models.evaluation.figures` in their order, with money as programs read it: `*_nano` becomes `*_usd`, a
decimal string of dollars in all digits. Unknown is null. `schema_version` grows when a key is renamed, removed or
changes its meaning; new keys may come, and an older document is read without them where they have a default.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from models.evaluation.figures import Evaluation
from tasks.documents.plain_json import plain_nano

SCHEMA_VERSION = 2
"""2: `more` is what decides four of five cases, and a verdict stands on `always` and on the balanced accuracy."""
StoredJson = Any
"""What the JSON of Python holds: it is checked where it is read."""


def document(evaluation: Evaluation) -> dict[str, StoredJson]:
    """Return the whole evaluation as values that JSON holds."""
    figures: dict[str, StoredJson] = _adapter().dump_python(evaluation, mode="json")
    return {"schema_version": SCHEMA_VERSION, **_in_usd(figures)}


def as_json(evaluation: Evaluation) -> str:
    """Write the whole evaluation as JSON. Raises `ValueError` for a figure that is not a number."""
    return json.dumps(document(evaluation), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@cache
def _adapter() -> TypeAdapter[Evaluation]:
    return TypeAdapter(Evaluation)


def _in_usd(value: StoredJson) -> StoredJson:
    """Write money in dollars, at any depth."""
    if isinstance(value, Mapping):
        return dict(_member(*one) for one in value.items())
    return [_in_usd(one) for one in value] if isinstance(value, list) else value


def _member(key: str, value: StoredJson) -> tuple[str, StoredJson]:
    words = key.split("_")
    if "nano" not in words:
        return key, _in_usd(value)
    return "_".join("usd" if word == "nano" else word for word in words), plain_nano(value)
