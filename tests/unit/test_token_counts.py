"""Texts counted many at a time have the tokens that each has by itself."""

from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from models.tokens import load_encoding
from tasks.forecast import token_counts
from tasks.forecast.token_counts import SEPARATOR, TextCounter, chunks

ODD = [
    "",
    " ",
    "\n\n",
    "hello world",
    "Straße, naïve, 北京, \N{PARTY POPPER}",
    "x" * 5000,
    "ends with a space ",
    " begins with one",
    "don't",
    "'t begins with half a word",
    "1234567",
    "\N{COMBINING ACUTE ACCENT}begins with an accent",
    "\r\n",
    "<|endofprompt|>",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tiktoken.Encoding:
    """Return the tokenizer of gpt-4o."""
    return load_encoding(
        "gpt-4o-mini", Path(".cache") if Path(".cache").is_dir() else tmp_path_factory.mktemp("c")
    )


def one_by_one(tokenizer: tiktoken.Encoding, texts: list[str]) -> list[int]:
    """Count as tiktoken does."""
    return [len(tokenizer.encode_ordinary(text)) for text in texts]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the smallest of texts go through threads, some at a time."""
    monkeypatch.setattr(token_counts, "FEW_CHARS", 0)
    monkeypatch.setattr(token_counts, "CHARS_AT_ONCE", 200)


@pytest.mark.usefixtures("at_once")
def test_each_text_has_its_own_tokens(tokenizer: tiktoken.Encoding) -> None:
    """Whatever its neighbours begin or end with, and where nothing is in it."""
    with TextCounter(tokenizer, threads=3) as counter:
        for texts in (ODD, ODD[::-1], ODD * 20, [""], []):
            assert counter.count(texts) == one_by_one(tokenizer, texts)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("odd", [SEPARATOR, f"a{SEPARATOR}b", "half a pair \ud83d of surrogates"])
def test_texts_that_cannot_be_joined(tokenizer: tiktoken.Encoding, odd: str) -> None:
    """A text that spells the separator is counted as the text it is; one that is no Unicode as tiktoken counts it."""
    texts = ["before", odd, "after", odd]
    with TextCounter(tokenizer, threads=2) as counter:
        assert counter.count(texts) == one_by_one(tokenizer, texts)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=30))
def test_counts_are_those_of_a_loop(texts: list[str]) -> None:
    """For any texts, joined with any others."""
    tokenizer = load_encoding("gpt-4o-mini", Path(".cache"))
    counter = TextCounter(tokenizer, threads=2)
    assert counter._together(texts) == one_by_one(tokenizer, texts)


def test_a_tokenizer_without_the_separator() -> None:
    """One that does not know the separator as a special token counts one by one."""
    plain = tiktoken.Encoding(
        "bytes", pat_str=".", mergeable_ranks={bytes([n]): n for n in range(256)}, special_tokens={}
    )
    with TextCounter(plain, threads=2) as counter:
        assert counter.count(["abc" * 100_000, ""]) == [300_000, 0]


@given(st.lists(st.integers(0, 300_000), max_size=20))
def test_chunks_keep_every_text_in_order(sizes: list[int]) -> None:
    """Nothing is lost; more than one text only where they are small enough together."""
    texts = ["x" * size for size in sizes]
    found = list(chunks(texts))
    assert [text for some in found for text in some] == texts
    assert all(len(some) == 1 or sum(map(len, some)) <= token_counts.CHARS_AT_ONCE for some in found)
