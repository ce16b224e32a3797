"""Prompts made ahead: in order, each once, an error for its own request alone, and an end that waits for nothing."""

from collections.abc import Sequence
from threading import Event, get_ident

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.vllm.prompts_ahead import AT_ONCE, CHARACTERS_AT_ONCE, Prompt, PromptsAhead, in_groups
from models.ids import new_id
from models.requests import FreeText, Message, Request


def request(text: str) -> Request:
    """Make a request with one message."""
    return Request(new_id(), "k", (Message("user", text),), FreeText(), 4)


def lengths(requests: Sequence[Request]) -> list[Prompt]:
    """Make of each text one number, its length; a text that begins with a bang cannot be made."""
    for one in requests:
        if one.messages[0].content.startswith("!"):
            raise ValueError(one.messages[0].content)
    return [Prompt(one, [len(one.messages[0].content)]) for one in requests]


@given(st.lists(st.lists(st.text("a!", max_size=3), max_size=70), max_size=4))
def test_each_request_comes_once_in_order(lots: list[list[str]]) -> None:
    """Whatever is added together, prompts come in the order of their requests, and what fails fails in its place."""
    made = [[request(text) for text in texts] for texts in lots]
    found: list[object] = []
    with PromptsAhead(lengths) as ahead:
        for some in made:
            ahead.add(some)
        for one in (one for some in made for one in some):
            text = one.messages[0].content
            if text.startswith("!"):
                with pytest.raises(ValueError, match=text):
                    ahead.next()
                found.append(None)
            else:
                found.append(ahead.next())
        assert ahead.next() is None
    assert found == [
        None if text.startswith("!") else Prompt(one, [len(text)])
        for some in made
        for one in some
        for text in [one.messages[0].content]
    ]


def test_prompts_are_made_in_one_other_thread_before_they_are_asked_for() -> None:
    """The thread that asks makes none, and need not ask for them to be made."""
    threads, made = set(), Event()

    def noting(requests: Sequence[Request]) -> list[Prompt]:
        threads.add(get_ident())
        made.set()
        return lengths(requests)

    with PromptsAhead(noting) as ahead:
        ahead.add(map(request, "ab"))
        assert made.wait(60)
        ahead.add(map(request, "cd"))
        assert [one.ids for one in iter(ahead.next, None)] == [[1]] * 4
    assert len(threads) == 1
    assert get_ident() not in threads


def test_an_end_drops_what_nobody_asked_for() -> None:
    """A stream that stops waits for the group in hand, and for no other."""
    begun, goes_on = Event(), Event()
    made: list[Request] = []

    def waiting(requests: Sequence[Request]) -> list[Prompt]:
        begun.set()
        goes_on.wait(60)
        made.extend(requests)
        return lengths(requests)

    with PromptsAhead(waiting) as ahead:
        ahead.add(map(request, "x" * (3 * AT_ONCE)))
        assert begun.wait(60)
        ahead.cancel()
        goes_on.set()
    assert len(made) == AT_ONCE


@given(st.lists(st.integers(0, CHARACTERS_AT_ONCE // 2), max_size=80))
def test_a_group_is_bounded(sizes: list[int]) -> None:
    """No call gets more prompts or characters than it may have, but for a single longer one."""
    asked = [request("x" * size) for size in (*sizes, 3 * CHARACTERS_AT_ONCE)]
    groups = list(in_groups(asked))
    assert [one for group in groups for one in group] == asked
    for group in groups:
        assert 0 < len(group) <= AT_ONCE
        assert len(group) == 1 or sum(len(one.messages[0].content) for one in group) <= CHARACTERS_AT_ONCE
