"""Which rule of its schema an answer broke, in words that hold nothing of the answer itself."""

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from models.records import WHOLE_ANSWER

OTHER_KEY = "(unknown key)"
"""Stands for a key of an answer that its schema does not name: the model made it up."""

_TELLING = ("error", "tag", "input_value")
"""Contexts of pydantic's errors that can repeat a part of the answer."""


def first_broken(error: ValidationError, output: type[BaseModel]) -> tuple[str, str]:
    """Return the first member that broke a rule, such as `attributes.2.value`, and the rule.

    The rule says as well how many other rules the answer broke.
    """
    known = frozenset(_names(output.model_json_schema()))
    found = error.errors(include_url=False, include_input=False)
    first, more = found[0], len(found) - 1
    path = ".".join(
        str(part) if isinstance(part, int) or part in known else OTHER_KEY for part in first["loc"]
    )
    others = f", and {more} more {'rule' if more == 1 else 'rules'}" if more else ""
    return path or WHOLE_ANSWER, f"{_rule(first, output)}{others}"


def _rule(error: ErrorDetails, output: type[BaseModel]) -> str:
    """Return pydantic's words for a rule of its own; those of a workload's own check may hold the answer."""
    if error["type"] in get_args(ErrorType) and not set(_TELLING) & error.get("ctx", {}).keys():
        return error["msg"]
    return f"a check of {output.__name__} ({error['type']})"


def _names(schema: object) -> Iterator[str]:
    """Yield every member that a JSON schema names."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)
