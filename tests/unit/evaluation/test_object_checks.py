"""What is counted in objects without right ones: values that the text states, filled fields, agreement of two engines."""

from models.evaluation.object_checks import check_object, compare_objects
from models.requests import JsonValue

FIELDS = ("title", "tags", "attributes")


def test_values_that_the_text_states() -> None:
    """Of each path what the text holds, letter case and spaces apart; numbers as they are written."""
    answer: dict[str, JsonValue] = {
        "title": "Red  LAMP",
        "tags": [],
        "attributes": [{"name": "color", "value": "red"}, {"name": "power", "value": 40}, {"name": "x", "value": "oak"}],
    }  # fmt: skip
    found = check_object("A red lamp of 40 W", answer, FIELDS, ("title", "attributes[].value"))
    assert found["title: values that the text states"] == (1, 1)
    assert found["title: records without an invented value"] == (1, 1)
    assert found["attributes[].value: values that the text states"] == (2, 3)
    assert found["attributes[].value: records without an invented value"] == (0, 1)
    assert found["tags: records in which it is filled"] == (0, 1)
    assert "tags: lists whose members all differ" not in found
    assert found["attributes: lists whose members all differ"] == (1, 1)


def test_lists_that_repeat_themselves() -> None:
    """The same member in another letter case is no other one; an empty text is not filled."""
    found = check_object("x", {"title": " ", "tags": ["a", "A"]}, FIELDS, ())
    assert found["title: records in which it is filled"] == (0, 1)
    assert found["tags: lists whose members all differ"] == (0, 1)
    assert found["attributes: records in which it is filled"] == (0, 1)


def test_agreement_field_by_field() -> None:
    """Equal after normalisation; lists from both sides."""
    mine: dict[str, JsonValue] = {"title": "Red lamp", "tags": ["a", "b", "c"]}
    other: dict[str, JsonValue] = {"title": "red LAMP", "tags": ["c", "d"], "attributes": []}
    found = compare_objects(mine, other, FIELDS)
    assert found["title: the same"] == (1, 1)
    assert found["tags: the same"] == (0, 1)
    assert found["tags: members that the other gives too"] == (1, 3)
    assert found["tags: members of the other that it gives too"] == (1, 2)
    assert found["attributes: the same"] == (1, 1)
    assert found["attributes: members that the other gives too"] == (0, 0)
