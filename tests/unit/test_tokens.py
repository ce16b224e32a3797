"""Estimated token counts: the vocabulary without network, and the arithmetic of chat messages."""

import hashlib
import os
from pathlib import Path

import pytest
import tiktoken
import tiktoken.load

from models.errors import UsageError
from models.requests import Message
from models.tokens import ChatTokenCounter, _url, _warn_of_assumed, counter_of, load_encoding

_CACHE_NAME = hashlib.sha1(_url("o200k_base").encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget vocabularies that are loaded, and fail where one would be fetched."""
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    # set and then deleted, so that what the code under test sets is undone after the test
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(tiktoken.load, "read_file", lambda blob: pytest.fail(f"fetched {blob}"))


def test_the_vocabulary_is_found_without_network(tmp_path: Path) -> None:
    """The packed vocabulary passes tiktoken's own hash check, and lies whole in the cache folder."""
    tokenizer = load_encoding("gpt-4o-mini", tmp_path)
    assert tokenizer.name == "o200k_base"
    assert tokenizer.encode_ordinary("hello world") == [24912, 2375]
    assert [path.name for path in (tmp_path / "tiktoken").iterdir()] == [_CACHE_NAME]


def test_the_older_vocabulary_is_found_as_well(tmp_path: Path) -> None:
    """That of gpt-4 and gpt-3.5, whole by tiktoken's own hash check."""
    tokenizer = load_encoding("gpt-3.5-turbo", tmp_path)
    assert tokenizer.name == "cl100k_base"
    assert tokenizer.encode_ordinary("hello world") == [15339, 1917]


def test_a_vocabulary_that_cannot_be_fetched_is_bad_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that is older still, without network: one line that says what to set."""

    def refuse(_blob: str) -> bytes:
        raise ConnectionError

    monkeypatch.setattr(tiktoken.load, "read_file", refuse)
    with pytest.raises(UsageError, match="cannot be fetched; set BREAKEVEN_API_TOKENIZER"):
        load_encoding("text-davinci-003", tmp_path)


def test_the_users_folder_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`TIKTOKEN_CACHE_DIR` of the user is filled and left as it is set."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "mine"))
    load_encoding("gpt-4o", tmp_path / "ours")
    assert os.environ["TIKTOKEN_CACHE_DIR"] == str(tmp_path / "mine")
    assert (tmp_path / "mine" / _CACHE_NAME).is_file()
    assert not (tmp_path / "ours").exists()


def test_an_unknown_model_is_bad_usage(tmp_path: Path) -> None:
    """A model that tiktoken does not know has no estimate; nothing is guessed, and the way out is named."""
    with pytest.raises(UsageError, match="'no-such-model'; set BREAKEVEN_API_TOKENIZER"):
        load_encoding("no-such-model", tmp_path)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-6-luna", "o200k_base"),
        ("GPT-6.1-Sol", "o200k_base"),
        ("regional.openai.gpt-6-luna", "o200k_base"),
        ("ft:gpt-6-luna:acme::1", "o200k_base"),
        ("claude-haiku-5-5", "o200k_base"),
        ("anthropic/claude-haiku-5.5", "o200k_base"),
        ("gemini-3.5-flash-lite", "o200k_base"),
        ("deepinfra/llama-3.1-8b", "cl100k_base"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "cl100k_base"),
        ("meta.llama3-1-8b-instruct-v1:0", "cl100k_base"),
        ("Qwen/Qwen3-8B", "o200k_base"),
    ],
)
def test_a_name_that_tiktoken_does_not_know_has_an_assumed_vocabulary(
    model: str, encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The table of families names one that is packed, and that it is assumed is said once a process."""
    _warn_of_assumed.cache_clear()
    assert load_encoding(model, tmp_path).name == encoding
    counter_of(model, tmp_path)
    (said,) = caplog.messages
    assert model in said
    assert encoding in said
    assert "BREAKEVEN_API_TOKENIZER" in said


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-5-nano", "o200k_base"])
def test_what_tiktoken_knows_is_not_assumed(
    model: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A model of tiktoken's own, or a vocabulary by its name, is counted without a warning."""
    assert load_encoding(model, tmp_path).name == "o200k_base"
    assert not caplog.messages


def test_messages_are_counted_as_the_cookbook_does(tmp_path: Path) -> None:
    """3 a message, its role and its content, and 3 for the reply; each figure counted by hand."""
    tokenizer = load_encoding("gpt-4o", tmp_path)
    messages = (
        Message("system", "You are a helpful assistant."),
        Message("user", "How do I reset my password?"),
    )
    spelled_out = 3 + sum(
        3 + len(tokenizer.encode(m.role)) + len(tokenizer.encode(m.content)) for m in messages
    )
    assert (
        ChatTokenCounter(lambda: tokenizer).input_tokens(messages)
        == spelled_out
        == 3 + (3 + 1 + 6) + (3 + 1 + 7)
    )


def test_constant_messages_are_encoded_once(tmp_path: Path) -> None:
    """A thousand records with one system prompt encode it once; the counts stay right."""
    tokenizer = load_encoding("gpt-4o-mini", tmp_path)
    seen: list[str] = []

    class Spy:
        def encode_ordinary(self, text: str) -> list[int]:
            seen.append(text)
            return tokenizer.encode_ordinary(text)

    counter = ChatTokenCounter(Spy)  # type: ignore[arg-type]
    system = Message("system", "Classify the message.")
    counts = [counter.input_tokens((system, Message("user", f"record {i}"))) for i in range(1000)]
    assert seen.count(system.content) == 1
    assert counts[999] == ChatTokenCounter(lambda: tokenizer).input_tokens(
        (system, Message("user", "record 999"))
    )


@pytest.mark.parametrize("text", ["<|endoftext|>", "<|im_end|>", "🙂 naïve 東京", ""])
def test_any_text_is_counted_as_text(text: str, tmp_path: Path) -> None:
    """Text that spells a special token is counted as the text it is, and never raises."""
    tokenizer = load_encoding("gpt-4o-mini", tmp_path)
    assert ChatTokenCounter(lambda: tokenizer).output_tokens(text) == len(
        tokenizer.encode(text, disallowed_special=())
    )


def test_no_messages_cost_the_reply_only(tmp_path: Path) -> None:
    """The empty request is counted, not refused: the estimate has no opinion on it."""
    assert counter_of("gpt-4o-mini", tmp_path).input_tokens(()) == 3
