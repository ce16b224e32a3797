"""Counts that no request can have used are told under whatever name a provider gives them."""

import json

import pytest

from models.engines.api.usage import COUNTS, DETAILS, usage_of
from models.engines.api.usage_doubt import MOST_NUMBER, doubt_by_size

LIE = 2**31 - 1


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [LIE, float(LIE), str(LIE), 10**38, "9" * 39])
def test_a_count_beyond_every_context_is_told(name: str, value: object) -> None:
    """OpenAI's names and those of others, as number, float or digits; one that no column holds is told as the largest."""
    body = {"usage": {"prompt_tokens": 10, "completion_tokens": 5, name: value}}
    told = json.loads(doubt_by_size(body) or "{}")
    assert told[name] == min(int(float(value) if isinstance(value, float) else int(str(value))), MOST_NUMBER)


@pytest.mark.parametrize("where", DETAILS)
def test_it_is_told_from_each_object_of_details(where: str) -> None:
    """Cached and reasoning tokens stand in objects beside the counts."""
    body = {"usage": {"prompt_tokens": 10, "completion_tokens": 5, where: {"cached_tokens": LIE}}}
    assert json.loads(doubt_by_size(body) or "{}")["cached_tokens"] == LIE


def test_what_can_be_is_in_no_doubt() -> None:
    """The largest usage that a request may have is read and not doubted by its size."""
    body = {"usage": {"prompt_tokens": 1_000_000, "completion_tokens": 128_000}}
    assert usage_of(body) is not None
    assert doubt_by_size(body) is None
