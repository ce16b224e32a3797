"""Elements of JSON arrays: the same from any pieces of the text, and those that are too long are passed over whole."""

import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from tasks.reading.text import json_elements
from tasks.reading.text.json_elements import Elements

SHORT = 60
"""Bytes from which an element is too long here."""
TEXT = st.text(alphabet='ab"\\[]{} ,\n', max_size=30)
VALUE = st.recursive(
    TEXT | st.integers(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let elements be too long that are short."""
    monkeypatch.setattr(json_elements, "LONGEST_ROW", SHORT)


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    """Cut a text into pieces."""
    for at in range(0, len(text), size):
        yield text[at : at + size]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({"x": VALUE}), max_size=5), st.integers(1, 50))
def test_elements_are_those_of_json_or_too_long(items: list[dict[str, object]], size: int) -> None:
    """Each element is what `json` reads, and its neighbours are as well where one is too long."""
    text = json.dumps(items).encode()
    found = [element for element, _ in Elements("file", pieces(text, size)).all()]
    assert len(found) == len(items)
    for element, item in zip(found, items, strict=True):
        if element is None:
            assert len(json.dumps(item)) >= SHORT
        else:
            assert json.loads(element) == item


@pytest.mark.parametrize(
    ("middle", "end"),
    [(b'""', b""), (b'"a" ', b""), (b"1, ", b""), (b'"{[" ', b""), (b"[", b"]" * 20_000)],
    ids=["empty", "words", "numbers", "marks", "brackets"],
)
def test_what_is_passed_over_is_not_walked_through_byte_by_byte(middle: bytes, end: bytes) -> None:
    """300 MB of quotes, or of brackets, out of a small file took minutes: only another kind of bracket is a step of Python's."""
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    text = b"[[" + middle * 20_000 + end + b"]]"
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = [element for element, _ in Elements("file", pieces(text, 1 << 14)).all()]
    finally:
        sys.setprofile(before)
    assert found == [None]
    assert steps < len(text) / 100


@pytest.mark.parametrize("kept", [1, 5, 1000])
@given(st.lists(st.sampled_from("[{"), min_size=1, max_size=60), st.integers(1, 50))
def test_brackets_match_however_deep_they_are(kept: int, opened: list[str], size: int) -> None:
    """The kinds of the outer ones are kept, and the others counted: the end of each element is found."""
    closed = "".join({"[": "]", "{": "}"}[one] for one in reversed(opened))
    text = f"[{''.join(opened)}{closed}, {{}}]".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "_DEPTH_KEPT", kept)
        found = [element for element, _ in Elements("file", pieces(text, size)).all()]
        assert len(found) == 2
        assert found[0] in {None, text[1:-5]}
        assert found[1] == b"{}"
        other = b"}" if text[-6:-5] == b"]" else b"]"
        wrong = text[:-6] + other + text[-5:]
        with pytest.raises(InputError):
            list(Elements("file", pieces(wrong, size)).all())
