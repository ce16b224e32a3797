"""Texts with long runs of one kind of character are counted, where tiktoken's own expression overflows its stack."""

from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from models import tokens
from models.tokens import ChatTokenCounter, count_tokens, load_encoding
from tasks.forecast.token_counts import TextCounter

PIECES = [" ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u2028", "\x1c", "a", "B1", "!", "!\n", "é", "\u200b"]


@pytest.fixture(scope="module", params=["o200k_base", "cl100k_base"])
def tokenizer(request: pytest.FixtureRequest) -> tiktoken.Encoding:
    """Return both vocabularies that are packed."""
    return load_encoding(request.param, Path(".cache"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" " * 1_000_000, 7_813),
        (" " * 1_000_001 + "word", 7_814),
        ("a\n" + " " * 1_024_001 + "b" + " " * 128_000, 2 + 8_000 + 1 + 1_000),
    ],
    ids=["alone", "before a word", "between and at the end"],
)
def test_a_million_blanks_are_counted(tokenizer: tiktoken.Encoding, text: str, expected: int) -> None:
    """A token holds up to 128 blanks, and the last one belongs to the word behind it: so many are there, counted by hand."""
    assert ChatTokenCounter(lambda: tokenizer).output_tokens(text) == expected
    with TextCounter(tokenizer, threads=2) as counter:
        assert counter.count([text, "word"]) == [expected, 1]


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "\u3000"])
def test_blanks_of_any_kind_are_counted(tokenizer: tiktoken.Encoding, blank: str) -> None:
    """A million of any white space has as many tokens more as it has blanks more than a run that tiktoken takes."""
    few, many = (count_tokens(tokenizer, blank * blanks + "x") for blanks in (262_145, 1_048_577))
    last = len(tokenizer.encode_ordinary(blank + "x"))
    assert many - last == 4 * (few - last)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=30))
def test_counts_are_those_of_the_whole_text(tokenizer: tiktoken.Encoding, pieces: list[str]) -> None:
    """Where every run is counted by itself, the sum is what tiktoken counts for the whole text."""
    text = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "LONGEST_RUN", 1)
        assert count_tokens(tokenizer, text) == len(tokenizer.encode_ordinary(text))


@pytest.mark.parametrize("kind", ["x", "\n", "東"])
def test_other_long_runs_need_nothing(tokenizer: tiktoken.Encoding, kind: str) -> None:
    """Of other characters tiktoken takes a million as they are."""
    text = kind * 1_000_000 + " x"
    assert count_tokens(tokenizer, text) == len(tokenizer.encode_ordinary(text))
