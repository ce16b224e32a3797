"""Reads an evaluation back from its JSON, so that tests compare values."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from models.evaluation.figures import Evaluation


def from_json(stored: str | bytes | Mapping[str, Any]) -> Evaluation:
    """Return the evaluation that `tasks.evaluation.stored_json` wrote as text or as values."""
    found = json.loads(stored) if isinstance(stored, str | bytes) else dict(stored)
    return TypeAdapter(Evaluation).validate_python(_in_nano(found))


def _in_nano(value: Any) -> Any:  # noqa: ANN401  what JSON holds
    if isinstance(value, Mapping):
        return dict(_member(key, one) for key, one in value.items())
    return [_in_nano(one) for one in value] if isinstance(value, list) else value


def _member(key: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401  as above
    words = key.split("_")
    if "usd" not in words:
        return key, _in_nano(value)
    name = "_".join("nano" if word == "usd" else word for word in words)
    return name, None if value is None else int(Decimal(value).scaleb(9))
