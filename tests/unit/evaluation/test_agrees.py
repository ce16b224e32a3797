"""When two answers of a workload agree, kind by kind."""

import pytest
from pydantic import BaseModel

from models import workloads
from models.requests import JsonValue
from models.settings import Settings
from tasks.audit.agreement import agrees


class Order(BaseModel):
    """What an object holds."""

    name: str
    price: float


OBJECT: dict[str, object] = {
    "kind": "object",
    "prompt": "Which?",
    "output": "tests.unit.evaluation.test_agrees:Order",
}
TEXT: dict[str, object] = {"kind": "text", "prompt": "Say it shortly."}


def same(own: dict[str, object], published: JsonValue, other: JsonValue) -> bool:
    """Whether two answers of a workload with these settings agree."""
    settings = Settings.model_validate({"workloads": {"own": own}})
    return agrees(workloads.build("own", settings), published, other)


def test_labels() -> None:
    """Equal, letter by letter; several as sets."""
    one: dict[str, object] = {"kind": "label", "prompt": "Which?", "labels": ["a", "b"]}
    assert same(one, "a", "a")
    assert not same(one, "a", "b")
    many = one | {"kind": "labels"}
    assert same(many, ["a", "b"], ["b", "a"])
    assert same(many, [], [])
    assert not same(many, ["a"], ["a", "b"])


def test_texts_from_a_similarity_on() -> None:
    """By chrF, from the setting on; answers to questions by SQuAD's normalisation."""
    first, second = "The parcel arrives on Monday.", "The parcel arrives on Monday morning."
    assert same(TEXT, first, second)
    assert not same(TEXT | {"audit": {"similar": 0.99}}, first, second)
    assert not same(TEXT, first, "Refund the invoice, please!")
    assert not same(TEXT, "", first)
    answering = TEXT | {"measure": "answering"}
    assert same(answering, "The Monday", "monday.")
    assert not same(answering, first, second)


@pytest.mark.parametrize(
    ("compare", "expected"), [(None, False), (["name"], True), (["price"], False)], ids=str
)
def test_objects_by_their_compared_fields(compare: list[str] | None, expected: bool) -> None:
    """All fields, or those of `compare`, normalised."""
    own = OBJECT | ({} if compare is None else {"compare": compare})
    assert same(own, {"name": "Pen ", "price": 2.0}, {"name": "pen", "price": 3.0}) is expected
    assert not same(own, None, {"name": "pen", "price": 3.0})
