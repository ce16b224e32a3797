"""The JSON holds every figure exactly, under keys that stay, and is read back as it was."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.figures import Evaluation
from tasks.evaluation import stored_json as module
from tasks.evaluation.stored_json import as_json, document
from tests import evaluations as found
from tests.evaluation_json import from_json

PLAIN: Mapping[object, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(10**18), 10**18),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=8),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}
ARM = [
    "name", "model", "records", "answered", "asked", "input_tokens", "output_tokens", "cost_usd", "seconds", "load_usd",
    "load_seconds", "scores", "checks", "label_sets", "objects", "answering", "texts",
]  # fmt: skip
POINT = ["threshold", "escalated", "accuracy", "ratio", "interval", "usd_per_thousand"]


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  a type as it is annotated
    """Return any values of a type of the figures; a type that is new there is an error."""
    origin, of = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(of)
    if origin in (Union, UnionType):
        return st.one_of(*(st.none() if one is type(None) else values(one) for one in of))
    if origin is tuple:
        return st.lists(values(of[0]), max_size=2).map(tuple)
    if is_dataclass(kind):
        return st.builds(kind, **{name: values(one) for name, one in get_type_hints(kind).items()})  # type: ignore[arg-type]
    return PLAIN[kind]


@given(values(Evaluation))
def test_read_back_as_it_was(evaluation: Evaluation) -> None:
    """Whatever was found is the same after it was written and read: every figure, to the last bit and nano-dollar."""
    assert from_json(as_json(evaluation)) == evaluation
    assert from_json(json.loads(as_json(evaluation))) == evaluation


@pytest.mark.parametrize("name", found.EVERY)
def test_like_real_ones_read_back(name: str) -> None:
    """So it is with evaluations as they come."""
    evaluation = found.EVERY[name]()
    assert from_json(as_json(evaluation).encode()) == evaluation


def test_keys_are_stable() -> None:
    """Whoever renames a key, or takes one away, must raise `SCHEMA_VERSION` and this list."""
    written = json.loads(as_json(found.adapter()))
    assert module.SCHEMA_VERSION == 2
    assert list(written) == ["schema_version", *(field.name for field in fields(Evaluation))]
    assert list(written["arms"][0]) == ARM
    assert list(written["threshold"]["curve"][0]) == POINT
    assert written["at"] == "2026-11-14T09:30:12Z"


def test_money_is_decimal_dollars() -> None:
    """Dollars are strings in all their digits, unknown is null, and no key of nano-dollars is left."""
    written = document(found.nothing_right())
    small, api = written["arms"]
    assert (small["cost_usd"], small["load_usd"]) == ("0.00131", "0.0112")
    assert api["cost_usd"] is None
    assert "nano" not in as_json(found.usual())


def test_what_is_no_number_is_refused() -> None:
    """JSON has no infinity: a figure that is one is an error of ours, found before it is stored."""
    calibration = found.calibration()
    endless = replace(calibration, error=float("inf"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(replace(found.usual(), calibration=endless))


def test_older_documents_are_read() -> None:
    """A field that has a default may lack, and one that is not known is passed over."""
    written = document(found.usual())
    del written["keep"], written["missing"]
    assert from_json({**written, "later": 1}) == found.usual()
