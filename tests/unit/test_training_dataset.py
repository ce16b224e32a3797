"""Examples merged to what is trained on and what is held out."""

import random

from hypothesis import given
from hypothesis import strategies as st

from models.training.dataset import ENOUGH_HELD_OUT, canonical_answer, merge, plain
from models.training.examples import Example, Source, side_of

SOURCES: tuple[Source, ...] = ("labels", "people", "api", "audit")
examples = st.lists(
    st.builds(
        Example,
        st.text("ab \n", min_size=1, max_size=4),
        st.sampled_from(["x", "y", ["x"], ["x", "y"], {"a": 1}]),
        st.sampled_from(SOURCES),
    ),
    max_size=60,
)


@given(examples, st.randoms())
def test_each_text_is_on_one_side_once_and_nothing_is_lost_uncounted(
    found: list[Example], shuffled: random.Random
) -> None:
    """In whatever order the examples come, sides and digest are the same, and what was left out is counted."""
    data = merge(found)
    kept = [plain(one.text) for one in (*data.train, *data.holdout)]
    assert len(kept) == len(set(kept))
    assert all(side_of(one.text) == "train" for one in data.train)
    assert all(side_of(one.text) == "holdout" for one in data.holdout)
    assert len(kept) + data.undecided + data.not_measured == len({plain(one.text) for one in found})
    assert sum(data.sources.values()) == len(kept)
    other = found.copy()
    shuffled.shuffle(other)
    assert merge(other).digest == data.digest


@given(examples)
def test_what_people_say_counts_before_an_api_and_most_before_few(found: list[Example]) -> None:
    """An answer that is kept is the most frequent of people, or of the API where no person answered."""
    data = merge(found)
    for one in (*data.train, *data.holdout):
        every = [other for other in found if plain(other.text) == plain(one.text)]
        people = [other for other in every if other.source in {"labels", "people"}]
        assert (one.source in {"labels", "people"}) == bool(people)
        answers = [canonical_answer(other.answer) for other in people or every]
        count = answers.count(canonical_answer(one.answer))
        assert all(answers.count(other) < count for other in set(answers) - {canonical_answer(one.answer)})


def test_enough_answers_of_people_are_measured_on_alone() -> None:
    """An API's held-out answers are then left out, and not trained on either."""
    labelled = [Example(f"labelled {number}", "x", "labels") for number in range(8 * ENOUGH_HELD_OUT)]
    answered = [Example(f"answered {number}", "x", "api") for number in range(200)]
    data = merge([*labelled, *answered])
    assert {one.source for one in data.holdout} == {"labels"}
    assert data.measured_by_people
    assert {one.source for one in data.train} == {"labels", "api"}
    assert data.not_measured > 0
    few = merge([*labelled[:20], *answered])
    assert {one.source for one in few.holdout} == {"labels", "api"}
    assert not few.measured_by_people


def test_another_answer_or_side_is_another_digest() -> None:
    """The digest tells data apart that differ in one answer, or in one text."""
    base = [Example(f"text {number}", "x", "labels") for number in range(30)]
    assert merge(base).digest != merge(base[:-1]).digest
    assert merge(base).digest != merge([*base[:-1], Example("text 29", "y", "labels")]).digest
    assert merge(base).digest == merge([Example(one.text, one.answer, "api") for one in base]).digest
