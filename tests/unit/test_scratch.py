"""The scratch: unique keys, done keys and answers, whatever the batches."""

import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.requests import Answer
from tasks.storage.scratch_db import Scratch

IDS = st.lists(
    st.sampled_from(["a", "b", "a#2", "a#3", "a#2#2", "", "b#2", "é"]) | st.text(max_size=3), max_size=60
)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """Open a scratch in a folder of the test's own."""
    with Scratch(tmp_path) as scratch:
        yield scratch


def answer(text: str) -> Answer:
    """Make an answer with every field set."""
    return Answer(uuid.uuid4(), text, {"label": text}, "stop", 0.25, {"x": 0.25, "y": 0.75})


def test_repeated_ids_are_numbered(scratch: Scratch) -> None:
    """The first occurrence keeps the id, later ones are numbered, also over batches."""
    assert scratch.assign_keys(["a", "b", "a"]) == ["a", "b", "a#2"]
    assert scratch.assign_keys(["a", "c"]) == ["a#3", "c"]


def test_an_id_that_looks_like_a_key_does_not_collide(scratch: Scratch) -> None:
    """`a#2` as an input id and the second `a` get different keys, whichever comes first."""
    assert scratch.assign_keys(["a#2", "a", "a", "a#2"]) == ["a#2", "a", "a#3", "a#2#2"]
    assert scratch.assign_keys(["b", "b", "b#2"]) == ["b", "b#2", "b#2#2"]


@given(ids=IDS, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_keys_are_unique_and_independent_of_batches(ids: list[str], cuts: list[int]) -> None:
    """Any ids, cut into any batches, give the same keys, and no key twice."""
    with Scratch() as whole, Scratch() as batched:
        keys = whole.assign_keys(ids)
        assert len(set(keys)) == len(ids)
        assert all(key == id_ or key.startswith(f"{id_}#") for key, id_ in zip(keys, ids, strict=True))
        edges = [0, *sorted(cuts), len(ids)]
        pieces = [ids[start:end] for start, end in pairwise(edges)]
        assert [key for piece in pieces for key in batched.assign_keys(piece)] == keys


def test_more_ids_than_one_lookup_takes(scratch: Scratch) -> None:
    """A batch larger than the bound parameters of one statement is looked up whole."""
    ids = [f"id-{number}" for number in range(2500)]
    assert scratch.assign_keys(ids) == ids
    assert scratch.assign_keys(ids) == [f"{id_}#2" for id_ in ids]


def test_done_keys_are_found(scratch: Scratch) -> None:
    """Only keys that were added are done; adding one twice does no harm."""
    assert scratch.done(["a"]) == set()
    scratch.add_done(["a", "b", "a"])
    scratch.add_done(["b"])
    assert scratch.done(["a", "c"]) == {"a"}


def test_answers_survive_the_memory_in_front_of_the_disk(scratch: Scratch) -> None:
    """All of 10,000 answers are found again, unknown digests are not, and the first answer stays."""
    digests = [uuid.uuid4().bytes for _ in range(10_000)]
    answers = [answer(str(number)) for number in range(10_000)]
    for digest, given_answer in zip(digests, answers, strict=True):
        assert scratch.get(digest) is None
        scratch.put(digest, given_answer)
    scratch.put(digests[0], answer("other"))
    assert [scratch.get(digest) for digest in digests] == answers
    assert len(scratch._answers._recent) <= 4096
    assert scratch.get(uuid.uuid4().bytes) is None


def test_no_file_is_ever_left_behind(tmp_path: Path) -> None:
    """The file has no name while it is used, so that not even a killed run leaves one; it works all the same."""
    with Scratch(tmp_path) as scratch:
        assert not any(tmp_path.iterdir())
        padding = "x" * 1000
        scratch.add_done(f"{number}{padding}" for number in range(40_000))  # more than the cache holds
        assert scratch.done([f"7{padding}", "7"]) == {f"7{padding}"}
    scratch.close()
