"""Lines of a text that comes in pieces."""

import gc
import io
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reading.text import lines
from tasks.reading.text.lines import TextLines

PIECES = st.lists(
    st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"", b"d\re\nf"]), max_size=20
)


@given(pieces=PIECES)
def test_lines_are_the_same_however_the_text_is_cut(pieces: list[bytes]) -> None:
    """Lines have their ends, none is cut or joined where two pieces meet, and nothing is lost."""
    text = b"".join(pieces)
    assert list(TextLines(pieces)) == list(io.BytesIO(text))
    assert list(TextLines(pieces, also_cr=True)) == text.splitlines(keepends=True)


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line that is longer than any row only the beginning is kept, and the next one is whole."""
    monkeypatch.setattr(lines, "LONGEST_ROW", 10)
    found = list(TextLines([b"a\n", *[b"x" * 4] * 1000, b"y\nb\n", b"c"]))
    assert [found[0], *found[2:]] == [b"a\n", b"b\n", b"c"]
    assert len(found[1]) <= 10 + len(b"y\n")


def test_what_is_held_goes_with_the_lines() -> None:
    """Lines that nobody reads to their end free their text at once: a second look at a file held two of its longest rows."""
    lines = TextLines(iter([b"a\n" * 1000, b"b\n"]))
    next(iter(lines))
    held = weakref.ref(lines._cutter)
    gc.disable()
    try:
        del lines
        assert held() is None
    finally:
        gc.enable()
