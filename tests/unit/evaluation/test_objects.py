"""Scores of objects: what counts as the same value, field by field and as a whole record."""

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.objects import compute_object_scores, field_f1, find_value, is_same
from models.evaluation.wording import normalise_text, normalise_value
from models.requests import JsonValue

VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-10**6, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  Navy\tBLUE ", "navy blue"),
        ("1,234.50", 1234.5),
        ("1,234,567 pieces", "1234567.0 Pieces"),
        (7, "007"),
        (3.0, 3),
        (0, "-0.0"),
        (True, "True"),
        (None, "  "),
        ([], None),
        (["b", "A"], ["a", "B"]),
        ({"a": 1, "b": None}, {"a": "1"}),
        ([{"name": "Color", "value": "Red"}], [{"value": "red", "name": "color"}]),
        ("\N{LATIN SMALL LIGATURE FI}ne", "FINE"),
        ("1e3", "1E3"),
        ("\ufeffna\u00advy\u200b blue", "navy\u00a0blue\u200f"),
    ],
)
def test_the_same(one: JsonValue, other: JsonValue) -> None:
    """Letter case, white space, invisible marks, Unicode forms, ways of writing a number, order of lists and of members do not count."""
    assert normalise_value(one) == normalise_value(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("navy blue", "navyblue"),
        ("1,5", 1.5),
        ("1,5", "15"),
        ("1,23", "123"),
        (["a", "a"], ["a"]),
        ("40 l", "40l"),
        (0, None),
        (False, None),
        ([1, 2], "1 2"),
        ("a.", "a"),
    ],
)
def test_not_the_same(one: JsonValue, other: JsonValue) -> None:
    """Punctuation counts, how often something is in a list counts, and a comma that may be a decimal one is kept."""
    assert normalise_value(one) != normalise_value(other)


@given(VALUES)
def test_a_value_is_as_itself(value: JsonValue) -> None:
    """Every JSON value is the same as itself, as text in another case, and scores a whole F1."""
    assert normalise_value(value) == normalise_value(value)
    assert field_f1(value, value) == 1
    hash(normalise_value(value))


@given(st.text(max_size=30))
def test_normalising_again_changes_nothing(text: str) -> None:
    """What is normalised stays."""
    once = normalise_text(text)
    assert normalise_text(once) == once


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.sampled_from("abc"), max_size=5))
def test_lists_are_compared_both_ways(mine: list[JsonValue], other: list[JsonValue]) -> None:
    """The F1 of two lists is between 0 and 1, the same the other way round, and 1 where they hold the same."""
    found = field_f1(mine, other)
    assert 0 <= found <= 1
    assert found == field_f1(other, mine)
    assert (found == 1) is (sorted(map(str, mine)) == sorted(map(str, other)))


def test_lists_and_words_by_hand() -> None:
    """Two of three members in common on each side are 2/3; a text is compared by its words, a number as a whole."""
    assert field_f1(["a", "b", "c"], ["b", "C", "d"]) == pytest.approx(2 / 3)
    assert field_f1("Trekker backpack navy", "trekker Backpack") == pytest.approx(0.8)
    assert field_f1(12, 123) == 0
    assert field_f1(None, "x") == 0
    assert field_f1("x", ["x"]) == 1


def test_paths() -> None:
    """A path goes into objects, and through lists; where nothing is, it finds nothing."""
    value: JsonValue = {"price": {"amount": 5}, "parts": [{"name": "a"}, {"name": "b"}, "?"]}
    assert find_value(value, "price.amount") == 5
    assert find_value(value, "parts[].name") == ["a", "b", None]
    assert find_value(value, "price.currency.code") is None
    assert find_value(value, "price[].amount") is None
    assert find_value(None, "price") is None
    assert find_value({"a.b": 1, "c-d": 2}, "a.b") == 1
    assert find_value({"a.b": 1, "c-d": 2}, "c-d") == 2


def test_a_case_by_hand() -> None:
    """Four records, compared by brand and price: one right, one with another colour, one of another price, one without an answer."""
    truth: dict[str, JsonValue] = {"brand": "Acme", "price": "1,250", "colors": ["red", "blue"]}
    found = compute_object_scores(
        ("brand", "price", "colors"),
        ("brand", "price"),
        [truth] * 4,
        [
            {"brand": "ACME", "price": 1250, "colors": ["blue", "red"]},
            {"brand": "Acme", "price": "1250", "colors": ["red"]},
            {"brand": "Acme", "price": "1,251", "colors": []},
            None,
        ],
    )
    assert (found.right.count, found.right.of) == (2, 4)
    assert found.compared == ("brand", "price")
    shares = [(one.exact.count, one.normalised.count) for one in found.fields]
    assert shares == [(2, 3), (0, 2), (0, 1)]
    assert found.fields[2].f1.value == pytest.approx((1 + 2 / 3) / 4)


def test_no_valid_answer_is_wrong_where_nothing_is_right() -> None:
    """A field that should hold nothing is right where an answer leaves it empty, and wrong without an answer."""
    assert is_same({"brand": None}, {"brand": ""}, ("brand",))
    assert is_same({}, {"brand": ""}, ("brand",))
    assert not is_same(None, {"brand": ""}, ("brand",))
    found = compute_object_scores(("brand",), ("brand",), [{"brand": None}], [None])
    assert (found.right.count, found.fields[0].normalised.count, found.fields[0].f1.value) == (0, 0, 0.0)


def test_numbers_that_are_none() -> None:
    """What JSON has no word for is taken as it is written, not an error."""
    assert normalise_value(nan) == normalise_value("nan")
