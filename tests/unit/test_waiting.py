"""The records that wait for the API: each in one state, with the number of its attempts, until it is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.records import Escalated, Record
from tasks.storage.escalation_queue import AT_ONCE, IN_BATCH, QUEUED, TAKEN, EscalationQueue
from tasks.storage.scratch_db import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """Open a scratch file."""
    with Scratch(tmp_path) as made:
        yield made


@pytest.fixture
def waiting(scratch: Scratch) -> EscalationQueue:
    """Return the records that wait in it: a to e, queued, of which a and b lie in a part."""
    for place, key in enumerate("abcde"):
        scratch.waiting.put(escalated(key, place), durable=key in "ab")
    return scratch.waiting


def escalated(key: str, ordinal: int = 0, attempts: int = 1) -> Escalated:
    """Make a record that the local engine was unsure of."""
    return Escalated(Record(key, key, ordinal, f"text of {key}"), "low_confidence", attempts)


def keys(some: list[Escalated]) -> list[str]:
    """Return the records' keys."""
    return sorted(item.record.key for item in some)


def test_a_record_is_taken_once(waiting: EscalationQueue) -> None:
    """Every queued record comes out, whole, and none a second time."""
    taken = waiting.take(3) + waiting.take(3)
    assert keys(taken) == list("abcde")
    assert taken[0] == escalated("a", 0)
    assert waiting.take(9) == []
    assert waiting.states() == {TAKEN: 5}
    assert waiting.queued() == 0


def test_what_waits_is_counted_by_what_for(waiting: EscalationQueue) -> None:
    """A state says why a record stays; queued again, it can be taken again."""
    waiting.set_state("a", IN_BATCH)
    waiting.set_state("b", AT_ONCE)
    waiting.set_state("c", "budget")
    assert waiting.states() == {QUEUED: 2, IN_BATCH: 1, AT_ONCE: 1, "budget": 1}
    waiting.requeue("budget", AT_ONCE)
    assert keys(waiting.take(9)) == list("bcde")
    waiting.requeue()
    assert waiting.states() == {QUEUED: 5}


def test_only_what_is_queued_is_deferred(waiting: EscalationQueue) -> None:
    """One record, or all; what waits for something else goes on waiting for that."""
    waiting.set_state("a", IN_BATCH)
    waiting.defer_queued(AT_ONCE, "a")
    waiting.defer_queued(AT_ONCE, "b")
    assert waiting.states() == {IN_BATCH: 1, AT_ONCE: 1, QUEUED: 3}
    waiting.defer_queued("api_unavailable")
    assert waiting.states() == {IN_BATCH: 1, AT_ONCE: 1, "api_unavailable": 3}


def test_attempts_are_counted_upwards(waiting: EscalationQueue) -> None:
    """The next attempt gets a number that none before it had, in whatever order they are told of."""
    waiting.requeue_after("a", 3)
    waiting.requeue_after("a", 2)
    waiting.note_attempts("b", 5)
    waiting.requeue_after("c", 2, AT_ONCE)
    found = {key: waiting.get(key) for key in "abc"}
    assert {key: item.attempts for key, item in found.items() if item} == {"a": 3, "b": 5, "c": 2}
    assert waiting.states() == {QUEUED: 4, AT_ONCE: 1}
    waiting.put(escalated("a", attempts=1), durable=True, state="budget")
    again = waiting.get("a")
    assert again is not None
    assert again.attempts == 3


def test_what_is_done_waits_no_more(scratch: Scratch, waiting: EscalationQueue) -> None:
    """It is forgotten, and nothing brings it back."""
    waiting.finish("a")
    scratch.add_done(["b", "c"])
    waiting.finish_done()
    for key in "abc":
        waiting.requeue_after(key, 2)
        waiting.set_state(key, QUEUED)
    assert sorted(waiting.keys()) == ["d", "e"]
    assert (waiting.get("a"), waiting.among(list("abcd"))) == (None, {"d"})


def test_each_text_is_made_durable_once(waiting: EscalationQueue) -> None:
    """Those that no part holds yet come out for the next one, in portions; a part's record stays durable."""
    portions = [waiting.not_durable(2), waiting.not_durable(2), waiting.not_durable(2)]
    assert [keys(portion) for portion in portions] == [["c", "d"], ["e"], []]
    waiting.put(escalated("a"), durable=False)
    assert waiting.not_durable(2) == []


def test_a_request_is_asked_once(waiting: EscalationQueue) -> None:
    """An identical one is under way already, until it is said that none is."""
    assert [waiting.mark_asked(digest) for digest in (b"1", b"2", b"1")] == [True, True, False]
    waiting.clear_asked(b"1")
    assert [waiting.mark_asked(digest) for digest in (b"1", b"2")] == [True, False]
    waiting.clear_asked()
    assert [waiting.mark_asked(digest) for digest in (b"1", b"2")] == [True, True]


def test_more_keys_than_one_question_takes(scratch: Scratch) -> None:
    """Thousands are looked up in portions."""
    many = [f"k{number}" for number in range(2_000)]
    for number in range(0, 2_000, 2):
        scratch.waiting.put(escalated(f"k{number}"), durable=True)
    assert scratch.waiting.among(many) == set(many[::2])
    assert scratch.waiting.among(["x"]) == set()
