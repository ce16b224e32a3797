"""What an answer of vLLM is read as."""

from types import SimpleNamespace

import pytest

from models.engines.vllm import engine
from models.requests import JsonObject

OBJECT = JsonObject('{"type": "object"}')


def read(text: str) -> object:
    """Read an answer's text as an object."""
    answer = SimpleNamespace(text=text, cumulative_logprob=0.0, token_ids=[1])
    return engine._value(OBJECT, answer)[0]


def test_a_control_character_in_a_string_is_read() -> None:
    """The grammar lets a model repeat what a record holds as it is; the whole answer was lost for it."""
    assert read('{"title":"x\x01\x1f\ty"}') == {"title": "x\x01\x1f\ty"}


def test_half_an_object_is_none() -> None:
    """An answer that was cut off is no object."""
    assert read('{"title":"x') is None


@pytest.mark.parametrize(
    "value", ['"\\ud83d"', '{"\\udc00": 1}', "1" * 30, "1e400", "NaN", "[" * 5000 + "]" * 5000]
)
def test_what_cannot_be_written_down_is_none(value: str) -> None:
    """Half a surrogate pair, also where a check takes it out later, a number beyond 64 bits, endless nesting: no part can hold them."""
    assert read(f'{{"title": {value}}}') is None
