"""An evaluation as JSON: every figure, for programs and for the ledger, and read back from it.

Keys are those of `models.evaluation.figures` in their order, with money as programs read it: `*_nano` becomes `*_usd`, a
decimal string of dollars in all digits. Unknown is null. `schema_version` grows when a key is renamed, removed or
changes its meaning; new keys may come, and an older document is read without them where they have a default.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.errors import EvaluationUnreadable
from models.evaluation.figures import Evaluation
from tasks.documents.amounts import NANO_DIGITS
from tasks.documents.plain_json import plain_nano

SCHEMA_VERSION = 1
StoredJson = Any
"""What the JSON of Python holds: it is checked where it is read."""


def document(evaluation: Evaluation) -> dict[str, StoredJson]:
    """Return the whole evaluation as values that JSON holds."""
    figures: dict[str, StoredJson] = _adapter().dump_python(evaluation, mode="json")
    return {"schema_version": SCHEMA_VERSION, **_renamed(figures, "nano", "usd", plain_nano)}


def as_json(evaluation: Evaluation) -> str:
    """Write the whole evaluation as JSON. Raises `ValueError` for a figure that is not a number."""
    return json.dumps(document(evaluation), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(stored: str | bytes | Mapping[str, StoredJson]) -> Evaluation:
    """Read an evaluation back, from text or from values: the inverse of `as_json` and `document`.

    Raises `EvaluationUnreadable`.
    """
    try:
        found = json.loads(stored) if isinstance(stored, str | bytes) else dict(stored)
        version = found["schema_version"]
        if version != SCHEMA_VERSION:
            msg = f"the evaluation has format {version}, this program reads {SCHEMA_VERSION}: update it, or evaluate again"
            raise EvaluationUnreadable(msg)
        return _adapter().validate_python(_renamed(found, "usd", "nano", _nano))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        msg = f"the evaluation cannot be read, so evaluate again: {_in_one_line(error)}"
        raise EvaluationUnreadable(msg) from error


@cache
def _adapter() -> TypeAdapter[Evaluation]:
    return TypeAdapter(Evaluation)


def _renamed(value: StoredJson, word: str, by: str, turned: Callable[[StoredJson], StoredJson]) -> StoredJson:
    """Rename keys that have a word in them, and turn what they hold; at any depth."""
    if isinstance(value, Mapping):
        return {
            _with(key, word, by): turned(member)
            if word in key.split("_")
            else _renamed(member, word, by, turned)
            for key, member in value.items()
        }
    return [_renamed(one, word, by, turned) for one in value] if isinstance(value, list) else value


def _with(key: str, word: str, by: str) -> str:
    return "_".join(by if one == word else one for one in key.split("_"))


def _nano(usd: str | None) -> int | None:
    """Turn a decimal string of dollars into nano-dollars. Raises `ValueError` for a fraction of one."""
    if usd is None:
        return None
    nano = Decimal(usd).scaleb(NANO_DIGITS)
    if nano != nano.to_integral_value():
        msg = f"{usd} dollars are no whole number of nano-dollars"
        raise ValueError(msg)
    return int(nano)


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
